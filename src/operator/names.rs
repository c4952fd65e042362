//! Names, labels and annotations of an object's children; charts and dashboards rely on them.

use std::collections::BTreeMap;

use kube::ResourceExt;

/// The field manager that owns the fields the operator applies.
pub const MANAGER: &str = "rollcall-operator";
/// Holds a deleted object until its topics are deleted; used for nothing else.
pub const FINALIZER: &str = "rollcall.dev/topics";
/// On pods: changes if and only if they have to be restarted.
pub const CONFIG_HASH: &str = "rollcall.dev/config-hash";
/// On the StatefulSet: what its volume claims were made from.
pub const STORAGE: &str = "rollcall.dev/storage";
/// Key of the ConfigMap, and name of the file that workers read.
pub const CONFIG_KEY: &str = "reconciliation.yaml";
pub const CONFIG_DIR: &str = "/etc/rollcall";
pub const STATE_DIR: &str = "/var/lib/rollcall";
/// The port of workers and console.
pub const PORT: i32 = 8080;
pub const PORT_NAME: &str = "http";
/// Unprivileged user, the same as in the image.
pub const USER: i64 = 65532;

const NAME: &str = "rollcall";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The role of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    Worker,
    Console,
}

impl Component {
    /// Returns the value of the label `app.kubernetes.io/component`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Console => "console",
        }
    }
}

/// Returns the labels of the object's children.
pub fn labels(object: &str, component: Component) -> BTreeMap<String, String> {
    let mut labels = selector(object, component);
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels
}

/// Returns the labels that select the object's pods.
pub fn selector(object: &str, component: Component) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("app.kubernetes.io/name".to_owned(), NAME.to_owned()),
        ("app.kubernetes.io/instance".to_owned(), object.to_owned()),
        ("app.kubernetes.io/component".to_owned(), component.label().to_owned()),
    ])
}

/// Returns the labels that all of Rollcall's pods have, whatever object they belong to.
pub fn any_pod() -> BTreeMap<String, String> {
    BTreeMap::from([("app.kubernetes.io/name".to_owned(), NAME.to_owned())])
}

/// Returns a selector in the format of `kubectl get -l`.
pub fn selector_text(object: &str, component: Component) -> String {
    let pairs = selector(object, component).into_iter();
    pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

/// Returns the selector of everything that an operator has created.
pub fn managed_selector() -> String {
    format!("{MANAGED_BY}={MANAGER}")
}

/// Returns whether an operator has created the object.
pub fn is_managed(object: &impl ResourceExt) -> bool {
    object.labels().get(MANAGED_BY).is_some_and(|by| by == MANAGER)
}

/// Returns whether a namespace, a pod or a StatefulSet may have this name: a DNS label (RFC 1123).
///
/// Check this before a name from outside becomes part of an API path: a client puts it there
/// unchanged, with the operator's own permissions.
pub fn is_label(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(legal)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Returns whether an object such as a Secret may have this name: DNS labels separated by dots.
pub fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Returns the name of the ConfigMap.
pub fn config_map(object: &str) -> String {
    format!("{object}-config")
}

/// Returns the name of the headless Service of the workers.
pub fn workers(object: &str) -> String {
    format!("{object}-workers")
}

/// Returns the name of the console's Deployment and Service.
pub fn console(object: &str) -> String {
    format!("{object}-console")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        for name in ["a", "shipping-0", "2x", &"x".repeat(63)] {
            assert!(is_label(name) && is_subdomain(name), "{name}");
        }
        assert!(is_subdomain("tls.shipping.example") && !is_label("a.b"));
        let long = "x".repeat(64);
        for name in ["", ".", "..", "../secrets", "a/b", "a?b", "a#b", "a%2fb", "-a", "a-", &long] {
            assert!(!is_label(name) && !is_subdomain(name), "{name}");
        }
        for name in ["A", "a..b", "a b", "ä", "a\n", &"a.".repeat(127)] {
            assert!(!is_label(name) && !is_subdomain(name), "{name}");
        }
    }
}
