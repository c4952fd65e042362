//! The host names that requests to a process may use.
//!
//! A page from elsewhere can make its own name resolve to this machine and then read answers from
//! here (DNS rebinding). The host name gives this away, because a browser always sends it. So
//! unknown names are refused if no token is required. IP addresses are allowed: they cannot be
//! rebound.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, Uri, header::HOST};

/// The domain of Services and pods in Kubernetes.
const CLUSTER: &str = "svc";
const CLUSTER_LOCAL: &str = "svc.cluster.local";

/// The host names that a process answers to.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    names: Vec<String>,
    /// Domains all of whose names are allowed.
    domains: Vec<String>,
    /// Whether names without a dot are allowed: no page on the internet has one.
    bare_names: bool,
    all: bool,
}

impl Hosts {
    /// Allows every name, for servers that require a token or reveal nothing.
    pub fn all() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// Allows the names of this machine and of Services, and those in `given`; `*.example.com`
    /// stands for all names below it, `*` for all names.
    pub fn new(bound: SocketAddr, given: &[String]) -> Self {
        let host_name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        Self::of(bound, given, &host_name, &resolver)
    }

    fn of(bound: SocketAddr, given: &[String], host_name: &str, resolver: &str) -> Self {
        let host_name = host_name.trim().to_lowercase();
        let mut hosts = Self {
            names: vec!["localhost".to_owned()],
            domains: [CLUSTER, CLUSTER_LOCAL, "localhost"].map(str::to_owned).to_vec(),
            // Other machines reach this one by whatever name their network uses.
            bare_names: !bound.ip().is_loopback(),
            all: given.iter().any(|name| name.trim() == "*"),
        };
        let searched = resolver.lines().filter_map(|line| line.trim().strip_prefix("search"));
        for domain in searched.flat_map(str::split_whitespace).map(normal) {
            // The cluster's domain need not be cluster.local.
            if domain.starts_with("svc.") {
                hosts.domains.push(domain.clone());
            }
            if !host_name.is_empty() {
                hosts.names.push(format!("{host_name}.{domain}"));
            }
        }
        if !host_name.is_empty() {
            hosts.names.push(host_name);
        }
        for name in given.iter().map(|name| normal(name)) {
            match name.strip_prefix("*.") {
                Some(domain) => hosts.domains.push(domain.to_owned()),
                None => hosts.names.push(name),
            }
        }
        hosts
    }

    /// Returns the request's host name if it is not allowed.
    pub fn refuses(&self, url: &Uri, headers: &HeaderMap) -> Option<String> {
        if self.all {
            return None;
        }
        // A request without a host name does not come from a browser.
        let named = headers.get_all(HOST).iter();
        let named = named.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
        let mut named = named.chain(url.authority().map(|name| name.as_str().to_owned()));
        named.find(|name| !self.admits(name))
    }

    fn admits(&self, named: &str) -> bool {
        let host = without_port(named);
        let address = host.trim_start_matches('[').trim_end_matches(']');
        if address.parse::<IpAddr>().is_ok() {
            return true;
        }
        let name = normal(host);
        let is_below = |domain: &String| {
            name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
        };
        let is_bare = !name.is_empty() && !name.contains('.');
        self.names.contains(&name)
            || self.domains.iter().any(is_below)
            || (self.bare_names && is_bare)
    }
}

fn normal(name: &str) -> String {
    name.trim().trim_end_matches('.').to_lowercase()
}

fn without_port(named: &str) -> &str {
    match named.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_A_POD: &str = "nameserver 10.96.0.10\n\
        search shop.svc.prod.example svc.prod.example prod.example\noptions ndots:5\n";

    fn hosts(bound: &str, given: &[&str]) -> Hosts {
        let given: Vec<String> = given.iter().map(|&name| name.to_owned()).collect();
        Hosts::of(bound.parse().expect("an address"), &given, "shipping-0\n", IN_A_POD)
    }

    #[test]
    fn whoever_asks_by_an_address_or_a_name_of_ours_is_answered() {
        let hosts = hosts("127.0.0.1:8090", &["rollcall.example.com", "*.shop.example"]);
        for name in [
            "127.0.0.1:8090",
            "10.1.2.3",
            "[::1]:8090",
            "[fd00::1]",
            "localhost:8090",
            "LOCALHOST.",
            "shipping-0:8080",
            "shipping-0.prod.example:8080",
            "shipping-console.shop.svc:8080",
            "shipping-console.shop.svc.cluster.local",
            "shipping-console.shop.svc.prod.example",
            "rollcall.example.com:443",
            "Rollcall.Example.com",
            "a.shop.example",
        ] {
            assert!(hosts.admits(name), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_nobodys_here_is_refused() {
        let hosts = hosts("127.0.0.1:8090", &["rollcall.example.com"]);
        for name in [
            "evil.example",
            "evil.example:8090",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "shipping-0.evil.example",
            "a.svc.evil.example",
            "evilsvc",
            "xrollcall.example.com",
            "other",
            "",
            ":80",
            "\u{fffd}",
        ] {
            assert!(!hosts.admits(name), "{name}");
        }
        assert!(Hosts::all().refuses(&Uri::from_static("/"), &HeaderMap::new()).is_none());
    }

    #[test]
    fn names_of_a_local_network_are_fine_where_others_may_ask() {
        let hosts = hosts("[::]:8080", &[]);
        assert!(hosts.admits("worker-1:8080"));
        assert!(!hosts.admits("evil.example") && !hosts.admits(""));
        assert!(self::hosts("127.0.0.1:8080", &["*"]).all);
    }

    #[test]
    fn every_name_of_a_request_counts() {
        let hosts = hosts("127.0.0.1:8080", &[]);
        let mut headers = HeaderMap::new();
        assert_eq!(hosts.refuses(&Uri::from_static("/"), &headers), None);
        headers.append(HOST, "localhost".parse().expect("a legal header"));
        assert_eq!(hosts.refuses(&Uri::from_static("/"), &headers), None);
        let elsewhere = Uri::from_static("http://evil.example/");
        assert_eq!(hosts.refuses(&elsewhere, &headers).as_deref(), Some("evil.example"));
        headers.append(HOST, "evil.example".parse().expect("a legal header"));
        assert_eq!(
            hosts.refuses(&Uri::from_static("/"), &headers).as_deref(),
            Some("evil.example")
        );
    }
}
