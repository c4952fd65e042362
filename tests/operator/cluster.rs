//! A real API server with its controllers, and the demo's object in its namespaces.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::eventually::eventually;
pub use super::kubectl::{Cluster, Namespace, WAIT_TIMEOUT, condition};
use super::watchdog;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/cluster");

/// The demo's object, complete.
pub const DEMO: &str = include_str!("../../manifests/local/shipping.yaml");

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

    /// Creates the definition of Reconciliations, as the program prints it.
    pub fn define(&self) {
        let program = env!("CARGO_BIN_EXE_rollcall");
        let printed = Command::new(program).arg("crd").output().expect("the program runs");
        let definition = String::from_utf8(printed.stdout).expect("it prints text");
        self.run(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &definition);
        self.run(&["wait", "--for=condition=Established", "crd/reconciliations.rollcall.dev"], "");
    }
}

impl Namespace {
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

/// Returns the demo's object with more in its spec.
pub fn demo(more: &str) -> String {
    DEMO.replacen("spec:\n", &format!("spec:\n{more}"), 1)
}
