//! A cluster and its namespaces as kubectl shows them.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::eventually::eventually_or;

pub const WAIT_TIMEOUT: Duration = Duration::from_secs(120);

/// A cluster.
#[derive(Debug)]
pub struct Cluster {
    /// The file for connecting to it.
    pub kubeconfig: PathBuf,
    pub kubectl: PathBuf,
}

impl Cluster {
    /// Creates a namespace that admits only restricted pods.
    #[track_caller]
    pub fn namespace(self: &Arc<Self>, name: &str) -> Namespace {
        let namespace = Namespace { cluster: Arc::clone(self), name: name.to_owned() };
        self.run(&["create", "namespace", name], "");
        let label = "pod-security.kubernetes.io/enforce=restricted";
        self.run(&["label", "namespace", name, label], "");
        namespace
    }

    /// Runs kubectl and returns its output.
    #[track_caller]
    pub fn run(&self, arguments: &[&str], input: &str) -> String {
        self.attempt(arguments, input).unwrap_or_else(|told| panic!("{arguments:?}: {told}"))
    }

    /// Runs kubectl and returns its output, or its error message.
    pub fn attempt(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut child = Command::new(&self.kubectl)
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        let mut pipe = child.stdin.take().expect("it was asked for");
        // A kubectl that does not read its input may have ended by now.
        let _ = pipe.write_all(input.as_bytes());
        drop(pipe);
        let Output { status, stdout, stderr } = child.wait_with_output().expect("it is our child");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        if status.success() { Ok(text(&stdout)) } else { Err(text(&stderr)) }
    }
}

/// A namespace.
#[derive(Debug, Clone)]
pub struct Namespace {
    pub cluster: Arc<Cluster>,
    pub name: String,
}

impl Namespace {
    /// Runs kubectl in this namespace and returns its output.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        self.attempt(arguments).unwrap_or_else(|told| panic!("{arguments:?}: {told}"))
    }

    /// Runs kubectl in this namespace and returns its output, or its error message.
    pub fn attempt(&self, arguments: &[&str]) -> Result<String, String> {
        self.cluster.attempt(&[&["-n", &self.name], arguments].concat(), "")
    }

    /// Applies a file.
    #[track_caller]
    pub fn apply(&self, file: &str) {
        self.try_apply(file).expect("the API server takes it");
    }

    /// Applies a file, or returns the API server's error.
    pub fn try_apply(&self, file: &str) -> Result<String, String> {
        self.cluster.attempt(&["-n", &self.name, "apply", "-f", "-"], file)
    }

    /// Returns an object, if it exists.
    pub fn get(&self, what: &str) -> Option<Value> {
        self.try_get(what).ok()
    }

    fn try_get(&self, what: &str) -> Result<Value, String> {
        let found = self.attempt(&["get", what, "-o", "json"])?;
        Ok(serde_json::from_str(&found).expect("kubectl prints JSON"))
    }

    /// Waits until an object satisfies `is`, and returns it.
    #[track_caller]
    pub fn until(&self, what: &str, why: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually_or(&format!("{what}: {why}"), WAIT_TIMEOUT, || {
            let object = self.try_get(what)?;
            if is(&object) { Ok(object) } else { Err(format!("it has {}", shown(&object))) }
        })
    }
}

/// Returns what a wait that failed shows of an object.
fn shown(object: &Value) -> String {
    format!("spec.replicas {} and status {}", object["spec"]["replicas"], object["status"])
}

/// Returns one of an object's conditions.
pub fn condition(object: &Value, type_: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let mut found = conditions.into_iter().filter(|condition| condition["type"] == type_);
    found.next().unwrap_or_default()
}
