//! Plays a node: gives pods addresses, reports that they are ready, and serves their workers'
//! answers. Every address in 127.0.0.0/8 is this machine.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

use super::cluster::{Namespace, WAIT_TIMEOUT};
use super::eventually::eventually;

/// A node for the pods of one test.
pub struct Node {
    namespace: Namespace,
    /// By pod.
    workers: HashMap<String, Worker>,
}

struct Worker {
    address: Ipv4Addr,
    says: Arc<Mutex<Value>>,
}

impl Node {
    pub fn new(namespace: &Namespace) -> Self {
        Self { namespace: namespace.clone(), workers: HashMap::new() }
    }

    /// Runs a pod, once it exists, with a worker that reports this status.
    #[track_caller]
    pub fn run(&mut self, pod: &str, says: Value) {
        self.say(pod, says);
        let address = self.workers[pod].address;
        let status = json!({ "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{ "ip": address }],
            "conditions": [{ "type": "Ready", "status": "True" }],
        } });
        self.patch(pod, &status);
    }

    /// Makes a pod crash with this termination message.
    #[track_caller]
    pub fn crash(&mut self, pod: &str, last_words: &str) {
        let status = json!({ "status": {
            "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "False" }],
            "containerStatuses": [{
                "name": "worker", "image": "i", "imageID": "", "ready": false, "restartCount": 3,
                "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off" } },
                "lastState": { "terminated": { "exitCode": 1, "message": last_words } },
            }],
        } });
        self.patch(pod, &status);
    }

    /// Makes the worker of a pod report this status from now on.
    pub fn say(&mut self, pod: &str, says: Value) {
        let worker = self.workers.entry(pod.to_owned()).or_insert_with(Worker::start);
        *worker.says.lock().unwrap_or_else(PoisonError::into_inner) = says;
    }

    #[track_caller]
    fn patch(&self, pod: &str, status: &Value) {
        let status = status.to_string();
        let patch = ["patch", "pod", pod, "--subresource=status", "--type=merge", "-p", &status];
        eventually(&format!("pod {pod} is there"), WAIT_TIMEOUT, || {
            self.namespace.attempt(&patch).ok()
        });
    }
}

impl Worker {
    fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed) + (std::process::id() % 1000) * 1000;
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 64, 0, 1)) + number);
        let listener = TcpListener::bind((address, 8080)).expect("nobody else uses the address");
        let says = Arc::new(Mutex::new(Value::Null));
        let answer = Arc::clone(&says);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(&stream).lines();
                let asked = lines.next().and_then(Result::ok).unwrap_or_default();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let body = answer.lock().unwrap_or_else(PoisonError::into_inner).to_string();
                let code = if asked.starts_with("GET /v1/status ") { "200 OK" } else { "404 No" };
                let length = body.len();
                // The client may be gone.
                let _ = write!(
                    stream,
                    "HTTP/1.1 {code}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
            }
        });
        Self { address, says }
    }
}

/// Returns the status of a worker of the demo's object that has these of four shards.
pub fn worker(shards: &[u32]) -> Value {
    let shards: Vec<Value> = shards.iter().map(|shard| running(*shard)).collect();
    json!({
        "reconciliation": "shipping", "instance": "i", "version": "1", "state": "joined",
        "partitions": 4, "trouble": null, "shards": shards,
    })
}

fn running(shard: u32) -> Value {
    json!({
        "shard": shard, "state": "running", "reason": null,
        "inputs": [{ "topic": "orders", "nextOffset": 7, "lagRecords": 5, "lagSeconds": 1.0 }],
        "rows": { "open": 3, "overdue": 1, "unexpected": 0, "finished": 4 },
        "restore": null, "lastCompletionAt": "2026-01-01T10:00:00.5Z",
    })
}
