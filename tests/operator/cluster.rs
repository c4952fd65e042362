//! A real API server with its controllers, and namespaces in it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::Value;

use super::eventually::eventually;
use super::watchdog;

pub const WAIT_TIMEOUT: Duration = Duration::from_secs(90);

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/cluster");

/// The demo's object, complete.
pub const DEMO: &str = include_str!("../../manifests/local/shipping.yaml");

/// An API server.
#[derive(Debug)]
pub struct Cluster {
    kubeconfig: PathBuf,
    kubectl: PathBuf,
}

impl Cluster {
    /// Returns the cluster that the tests share, which has the definition of Reconciliations.
    pub fn shared() -> Arc<Self> {
        static SHARED: LazyLock<Arc<Cluster>> = LazyLock::new(|| {
            let cluster = Cluster::start();
            cluster.define();
            Arc::new(cluster)
        });
        Arc::clone(&SHARED)
    }

    /// Starts a private cluster, without the definition of Reconciliations.
    pub fn start() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tests-{}-{number}", std::process::id());
        let data = format!("{}/cluster-{name}", env!("CARGO_TARGET_TMPDIR"));
        let environment = format!("NAME={name} CLUSTER_DATA='{data}'");
        watchdog::at_the_end(&format!("{environment} '{SCRIPT}' down"));
        let script = |arguments: &str| {
            let line = format!("export {environment}; {arguments}");
            let output = Command::new("bash").args(["-c", &line]).output().expect("bash runs");
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{arguments}: {told}");
            String::from_utf8(output.stdout).expect("it says text")
        };
        script(&format!("'{SCRIPT}' up --api-only --controllers"));
        let path = |text: String| PathBuf::from(text.trim());
        Self {
            kubeconfig: path(script(&format!("'{SCRIPT}' kubeconfig"))),
            kubectl: path(script(&format!("eval \"$('{SCRIPT}' env)\"; command -v kubectl"))),
        }
    }

    /// Returns the file for connecting to it.
    pub fn kubeconfig(&self) -> &std::path::Path {
        &self.kubeconfig
    }

    /// Creates the definition of Reconciliations, as the program prints it.
    pub fn define(&self) {
        let program = env!("CARGO_BIN_EXE_rollcall");
        let printed = Command::new(program).arg("crd").output().expect("the program runs");
        let definition = String::from_utf8(printed.stdout).expect("it prints text");
        self.run(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &definition);
        self.run(&["wait", "--for=condition=Established", "crd/reconciliations.rollcall.dev"], "");
    }

    /// Creates a namespace that admits only restricted pods.
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

/// A test's namespace.
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
        let all: Vec<&str> =
            ["-n", &self.name].into_iter().chain(arguments.iter().copied()).collect();
        self.cluster.attempt(&all, "")
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
        let found = self.attempt(&["get", what, "-o", "json"]).ok()?;
        Some(serde_json::from_str(&found).expect("kubectl prints JSON"))
    }

    /// Waits until an object satisfies `is`, and returns it.
    #[track_caller]
    pub fn until(&self, what: &str, why: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("{what}: {why}"), WAIT_TIMEOUT, || self.get(what).filter(&is))
    }

    /// Waits until the demo's object reports this state, and returns it.
    #[track_caller]
    pub fn until_ready(&self, status: &str, reason: &str) -> Value {
        let why = format!("Ready is {status} because of {reason}");
        self.until("recon/shipping", &why, |object| {
            let ready = condition(object, "Ready");
            ready["status"] == status && ready["reason"] == reason
        })
    }

    /// Waits until the object does not exist.
    #[track_caller]
    pub fn until_gone(&self, what: &str) {
        eventually(&format!("{what} is gone"), WAIT_TIMEOUT, || {
            self.get(what).is_none().then_some(())
        });
    }
}

/// Returns one of an object's conditions.
pub fn condition(object: &Value, type_: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let mut found = conditions.into_iter().filter(|condition| condition["type"] == type_);
    found.next().unwrap_or_default()
}

/// Returns the demo's object with more in its spec.
pub fn demo(more: &str) -> String {
    DEMO.replacen("spec:\n", &format!("spec:\n{more}"), 1)
}
