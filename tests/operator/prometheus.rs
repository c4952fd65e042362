//! A real Prometheus that scrapes real operators: every query of their dashboard returns data.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::cluster::{Cluster, DEMO, Namespace, WAIT_TIMEOUT};
use super::operator::{Operator, free_address};
use super::prometheus_server::{Prometheus, assert_all_return_data, program};
use super::watchdog;

/// Killed when dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn().expect("the program is there");
        watchdog::at_the_end(&format!("kill -9 {}", child.id()));
        Self(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns a kubeconfig that allows holding the lease and reading objects, but no changes to them.
fn powerless(namespace: &Namespace, dir: &tempfile::TempDir) -> PathBuf {
    namespace.run(&["create", "serviceaccount", "powerless"]);
    let account = format!("--serviceaccount={}:powerless", namespace.name);
    let role = |name: &str, verbs: &str, resource: &str| {
        let (verbs, resource) = (format!("--verb={verbs}"), format!("--resource={resource}"));
        namespace.run(&["create", "role", name, &verbs, &resource]);
        namespace.run(&["create", "rolebinding", name, &format!("--role={name}"), &account]);
    };
    role("hold-the-lease", "*", "leases.coordination.k8s.io");
    role("see-objects", "get,list,watch", "reconciliations.rollcall.dev");
    let token = namespace.run(&["create", "token", "powerless"]);
    let config = namespace.run(&["config", "view", "--raw", "-o", "json"]);
    let mut config: Value = serde_json::from_str(&config).expect("JSON");
    config["users"][0]["user"] = json!({ "token": token.trim() });
    let file = dir.path().join("kubeconfig");
    std::fs::write(&file, config.to_string()).expect("a file");
    file
}

#[test]
fn every_query_of_the_operators_dashboard_returns_data() {
    let Some(program_path) = program("prometheus") else {
        eprintln!("skipped: no prometheus; build it with scripts/cluster-build prometheus");
        return;
    };
    let cluster = Cluster::shared();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (works, fails) = (cluster.namespace("watched"), cluster.namespace("watched-too"));
    let working = Operator::start(&works, "a");
    let kubeconfig = powerless(&fails, &dir);
    let failing = Operator::start_as(&fails, "b", &kubeconfig, &fails.name);
    works.apply(DEMO);
    fails.apply(DEMO);
    let targets = [working.http(), failing.http()];
    let start = Running::start;
    let prometheus = Prometheus::start(&program_path, dir.path(), free_address(), &targets, start);
    assert_all_return_data(&prometheus, &["rollcall-operator.json"], WAIT_TIMEOUT, || {});
}
