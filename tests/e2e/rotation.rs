//! Another certificate and another password while records flow: workers restart one by one, and
//! keep their shards.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::console::Console;
use super::eventually::eventually_or;
use super::kafka::Kafka;
use super::kubectl::{Namespace, WAIT_TIMEOUT};
use super::load::Load;
use super::object::Object;
use super::watchdog;

const WORKERS: &str = "app.kubernetes.io/instance=shipping";

/// Replaces certificate and password; the old ones are no longer valid for new connections.
pub fn rotate(object: &Object, kafka: &Kafka, console: &Console, load: &mut Load) {
    let before = object.pods(WORKERS).expect("the API server answers");
    let restarts = Restarts::watch(&object.shop);
    kafka.set_password("after");
    kafka.trust("two-ca");
    object.log_in(kafka, "two", "after");
    eventually_or("all pods have been replaced", WAIT_TIMEOUT, || {
        let now = object.pods(WORKERS)?;
        let all_others = now.len() == before.len() && !now.iter().any(|pod| before.contains(pod));
        if all_others { Ok(()) } else { Err(format!("{now:?}; before: {before:?}")) }
    });
    object.ready(2);
    load.flows("with another certificate and password");

    let ready = restarts.ready_workers();
    assert!(ready.contains(&1), "no restart was seen; workers that were ready: {ready:?}");
    assert!(!ready.contains(&0), "both workers were away at a time; ready were {ready:?}");
    // The one that was restarted first has not noticed the other's restart.
    let log = object.shop.run(&["logs", "shipping-1"]);
    let count = |word: &str| log.lines().filter(|line| line.contains(word)).count();
    let kept = count("assignment") == 1 && count("released") == 0;
    assert!(kept, "shards moved while workers were restarted; shipping-1 says:\n{log}");
    console.shows_the_last_orders();
}

/// How many workers are ready, from the beginning on and after every change.
struct Restarts {
    kubectl: Child,
    lines: BufReader<ChildStdout>,
    first: String,
}

impl Restarts {
    /// Returns once the watch has begun.
    fn watch(shop: &Namespace) -> Self {
        let mut kubectl = Command::new(&shop.cluster.kubectl)
            .env("KUBECONFIG", &shop.cluster.kubeconfig)
            .args(["-n", &shop.name, "get", "statefulset", "shipping", "--watch"])
            .args(["-o", "jsonpath={.status.readyReplicas}{'\\n'}"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        watchdog::at_the_end(&format!("kill -9 {}", kubectl.id()));
        let mut lines = BufReader::new(kubectl.stdout.take().expect("it was asked for"));
        let mut first = String::new();
        let length = lines.read_line(&mut first).expect("kubectl prints text");
        assert!(length > 0, "kubectl does not watch");
        Self { kubectl, lines, first }
    }

    /// Ends the watch and returns what was seen.
    fn ready_workers(mut self) -> Vec<u32> {
        self.kubectl.kill().expect("it is our child");
        let mut seen = self.first;
        self.lines.read_to_string(&mut seen).expect("kubectl prints text");
        self.kubectl.wait().expect("it is our child");
        // A number of zero is left out.
        seen.lines().map(|line| line.parse().unwrap_or(0)).collect()
    }
}
