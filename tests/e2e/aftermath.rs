//! What was there when the test failed.

use std::sync::Arc;
use std::thread;

use super::kubectl::Cluster;

/// How many lines of each log are printed.
const LINES: usize = 15;

/// Prints objects, events and logs when it is dropped by a test that fails.
pub struct Aftermath {
    cluster: Arc<Cluster>,
}

impl Aftermath {
    pub fn of(cluster: &Arc<Cluster>) -> Self {
        Self { cluster: Arc::clone(cluster) }
    }

    /// Prints the last lines of what kubectl prints.
    fn print(&self, command: &str, lines_max: usize) {
        let arguments: Vec<&str> = command.split(' ').collect();
        let said = self.cluster.attempt(&arguments, "").unwrap_or_else(|complaint| complaint);
        let skipped = said.lines().count().saturating_sub(lines_max);
        eprintln!("--- kubectl {command}:");
        said.lines().skip(skipped).for_each(|line| eprintln!("    {line}"));
    }
}

impl Drop for Aftermath {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        let logs = |namespace: &str, component: &str| {
            let selector = format!("app.kubernetes.io/component={component}");
            format!("-n {namespace} logs --selector {selector} --tail {LINES} --prefix")
        };
        eprintln!("    what was there when it failed:");
        self.print("get recon,pods,pvc --all-namespaces --output wide", usize::MAX);
        self.print("-n shop events", LINES);
        self.print(&logs("rollcall-system", "operator"), usize::MAX);
        self.print(&logs("shop", "worker"), usize::MAX);
    }
}
