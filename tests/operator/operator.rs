//! Runs the operator as a real process.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::cluster::{Namespace, WAIT_TIMEOUT};
use super::eventually::eventually;
use super::http::get;
use super::ports::free_port;
use super::watchdog;

/// A running `rollcall operator`, killed when dropped. Its log is printed when the test fails.
pub struct Operator {
    instance: String,
    child: Child,
    http: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Operator {
    /// Starts an operator for one namespace, with its lease there.
    pub fn start(namespace: &Namespace, instance: &str) -> Self {
        let kubeconfig = &namespace.cluster.kubeconfig;
        Self::start_as(namespace, instance, kubeconfig, &namespace.name)
    }

    /// Starts an operator for one namespace, with its own identity and lease.
    pub fn start_as(
        namespace: &Namespace,
        instance: &str,
        kubeconfig: &Path,
        lease_namespace: &str,
    ) -> Self {
        let http = free_address();
        let mut child = Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .args(["operator", "--namespace", &namespace.name, "--image", "rollcall:test"])
            .args(["--lease-namespace", lease_namespace, "--instance-id", instance])
            .args(["--http", &http.to_string()])
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program was built with the tests");
        watchdog::at_the_end(&format!("kill -9 {}", child.id()));
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let (lines, output) = (Arc::clone(&log), child.stderr.take().expect("it was asked for"));
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Self { instance: instance.to_owned(), child, http, log }
    }

    /// Waits until a line of its log contains `part`.
    #[track_caller]
    pub fn says(&self, part: &str) {
        let what = format!("{} says {part:?}", self.instance);
        eventually(&what, WAIT_TIMEOUT, || self.said(part).then_some(()));
    }

    /// Returns whether a line of its log so far contains `part`.
    pub fn said(&self, part: &str) -> bool {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().any(|line| line.contains(part))
    }

    /// Kills it as a crash would.
    pub fn kill(&mut self) {
        // An error means that it has exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Tells it to stop and returns its exit status.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        let child = &mut self.child;
        eventually("the operator exits", WAIT_TIMEOUT, || {
            child.try_wait().expect("it is our child")
        })
    }

    /// Freezes it in the middle of whatever it does.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen process continue as if nothing had happened.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success(), "{} is gone already", self.instance);
    }

    /// Returns the status and the body of a response, `None` if there is none.
    pub fn ask(&self, path: &str) -> Option<(u16, String)> {
        get(self.http, path)
    }

    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Waits until its metrics contain this line.
    #[track_caller]
    pub fn measures(&self, line: &str) {
        eventually(&format!("{} measures {line}", self.instance), WAIT_TIMEOUT, || {
            let (_, text) = self.ask("/metrics")?;
            text.lines().any(|found| found == line).then_some(())
        });
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("--- operator {} said:", self.instance);
            for line in self.log.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                eprintln!("    {line}");
            }
        }
    }
}

/// Returns an unused address.
pub fn free_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()))
}
