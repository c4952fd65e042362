//! Where spans are sent, according to the command line, OpenTelemetry's environment, and the
//! object.

use std::{collections::HashMap, fmt, time::Duration};

use hyper::Uri;

use super::Error;
use rollcall_object::{Keys, Tracing};

/// Appended to the base URL of a collector.
const PATH: &str = "/v1/traces";
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where spans are sent.
#[derive(Clone)]
pub struct Endpoint {
    pub url: String,
    /// Further HTTP headers, such as a token.
    pub headers: HashMap<String, String>,
    /// A file with the certificate authority to trust; `None` for the system's.
    pub certificate: Option<String>,
    /// How long a request may take.
    pub timeout: Duration,
    pub keys: Keys,
}

impl Endpoint {
    /// Returns where spans are sent, if anywhere. `given` is the command line's base URL; it takes
    /// precedence over the environment, which takes precedence over the object.
    ///
    /// # Errors
    /// An invalid URL, or a secret that cannot be read.
    pub fn find(
        given: Option<&str>,
        wanted: &Tracing,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Error> {
        let env = |name: &str| {
            env(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let is = |name: &str, value: &str| {
            env(name).is_some_and(|text| text.eq_ignore_ascii_case(value))
        };
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let base = |base: &str| format!("{}{PATH}", base.trim_end_matches('/'));
        let url = given
            .map(|given| ("--otlp-endpoint", base(given)))
            .or_else(|| {
                let name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
                env(name).map(|url| (name, url))
            })
            .or_else(|| {
                let name = "OTEL_EXPORTER_OTLP_ENDPOINT";
                env(name).map(|url| (name, base(&url)))
            })
            .or_else(|| {
                let wanted = wanted.endpoint.as_deref();
                wanted.map(|wanted| ("spec.tracing.endpoint", base(wanted)))
            });
        let Some((source, url)) = url else { return Ok(None) };
        check(source, &url)?;
        for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
            if let Some(protocol) = env(name).filter(|protocol| protocol == "grpc") {
                return Err(Error(format!(
                    "{name}: {protocol} is not spoken, only OTLP over HTTP: unset it, and name the \
                     collector's port for that, which is 4318 by default"
                )));
            }
        }
        let mut all = match &wanted.headers {
            Some(secret) => {
                let path = "spec.tracing";
                let text = secret.read(path).map_err(|error| Error(error.to_string()))?;
                headers(path, &text)?
            }
            None => HashMap::new(),
        };
        for name in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"] {
            if let Some(text) = env(name) {
                all.extend(headers(name, &text)?);
            }
        }
        let timeout = env("OTEL_EXPORTER_OTLP_TIMEOUT").and_then(|millis| millis.parse().ok());
        Ok(Some(Self {
            url,
            headers: all,
            certificate: env("OTEL_EXPORTER_OTLP_CERTIFICATE"),
            timeout: timeout.map_or(TIMEOUT, Duration::from_millis),
            keys: wanted.keys,
        }))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // URL and headers may hold a secret.
        f.debug_struct("Endpoint").field("keys", &self.keys).finish_non_exhaustive()
    }
}

fn check(source: &str, url: &str) -> Result<(), Error> {
    let uri = url.parse::<Uri>().ok();
    let fits = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some()
    });
    if fits {
        return Ok(());
    }
    // The URL itself is left out: it may hold a password.
    Err(Error(format!(
        "{source}: is not the URL of an OTLP receiver over HTTP: write such as \
         http://otel-collector:4318"
    )))
}

/// Reads `name=value,name=value`, the format of headers in OpenTelemetry's environment.
fn headers(source: &str, text: &str) -> Result<HashMap<String, String>, Error> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let (name, value) = entry.split_once('=').ok_or_else(|| {
                // The text itself is left out: it is a secret.
                Error(format!(
                    "{source}: the headers are not name=value, separated by commas: write such as \
                     authorization=Bearer TOKEN"
                ))
            })?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(endpoint: Option<&str>) -> Tracing {
        Tracing { endpoint: endpoint.map(str::to_owned), headers: None, keys: Keys::Withheld }
    }

    fn find(given: Option<&str>, object: Option<&str>, env: &[(&str, &str)]) -> Option<String> {
        let env = |name: &str| {
            let found = env.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Endpoint::find(given, &wanted(object), env).expect("it fits").map(|endpoint| endpoint.url)
    }

    const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318/");
    const TRACES: (&str, &str) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces/here");

    #[test]
    fn nothing_is_sent_unless_someone_says_where_to() {
        assert_eq!(find(None, None, &[]), None);
        assert_eq!(find(None, None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), None);
    }

    #[test]
    fn the_command_line_wins_over_the_environment_and_that_over_the_object() {
        let url = |text: &str| Some(text.to_owned());
        let (given, object) = (Some("http://given"), Some("http://object:1/prefix"));
        assert_eq!(find(given, object, &[BASE, TRACES]), url("http://given/v1/traces"));
        assert_eq!(find(None, object, &[BASE, TRACES]), url("https://traces/here"));
        assert_eq!(find(None, object, &[BASE]), url("http://base:4318/v1/traces"));
        assert_eq!(find(None, object, &[]), url("http://object:1/prefix/v1/traces"));
    }

    #[test]
    fn the_environment_can_switch_it_off() {
        for off in [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_TRACES_EXPORTER", "none")] {
            assert_eq!(find(Some("http://given"), Some("http://object"), &[off, BASE]), None);
        }
        assert!(find(None, None, &[("OTEL_SDK_DISABLED", "false"), BASE]).is_some());
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        for url in ["collector:4317", "ftp://user:secret@collector", "http://", "not an url"] {
            let error = Endpoint::find(Some(url), &wanted(None), |_| None).expect_err(url);
            let text = error.to_string();
            assert!(text.contains("--otlp-endpoint: is not the URL of an OTLP receiver"), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_protocol_that_is_not_spoken_is_refused() {
        let env = |name: &str| (name == "OTEL_EXPORTER_OTLP_PROTOCOL").then(|| "grpc".to_owned());
        let error = Endpoint::find(Some("http://given"), &wanted(None), env).expect_err("grpc");
        assert!(error.to_string().contains("only OTLP over HTTP"), "{error}");
    }

    #[test]
    fn headers_are_names_and_values() {
        let read = headers("spec.tracing", "authorization=Bearer a=b, x-tenant = blue,")
            .expect("they are well formed");
        assert_eq!(read["authorization"], "Bearer a=b");
        assert_eq!(read["x-tenant"], "blue");
        let error = headers("spec.tracing", "a secret token").expect_err("no name").to_string();
        assert!(!error.contains("secret token"), "{error}");
    }
}
