//! Runs the program as a real process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::eventually::eventually;
use super::http::get;
use super::kafka::{WAIT_TIMEOUT, free_port};
use super::reconciliation::Reconciliation;
use super::watchdog::{self, Ward};

/// A running `rollcall`, killed when dropped. Its log is printed when the test fails.
pub struct Process {
    what: String,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts `rollcall` with these arguments.
    pub fn start<A: AsRef<OsStr>>(what: &str, arguments: impl IntoIterator<Item = A>) -> Self {
        Self::start_command(what, Command::new(env!("CARGO_BIN_EXE_rollcall")).args(arguments))
    }

    /// Starts any command, for example one that executes `rollcall`.
    pub fn start_command(what: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{what} cannot be started: {error}"));
        watchdog::watch(&Ward::Process(child.id()));
        let log = Arc::default();
        collect(child.stdout.take().expect("it was asked for"), &log);
        collect(child.stderr.take().expect("it was asked for"), &log);
        Self { what: what.into(), child, log }
    }

    /// Kills it as a crash would and waits until it has ended.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(&mut self) {
        self.end();
    }

    /// Tells it to stop and returns its exit status.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.exit()
    }

    /// Waits until it exits by itself.
    pub fn exit(&mut self) -> ExitStatus {
        let what = format!("{} exits", self.what);
        let child = &mut self.child;
        eventually(&what, WAIT_TIMEOUT, || child.try_wait().expect("it is our child"))
    }

    /// Freezes it in the middle of whatever it does.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen process continue as if nothing had happened.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Returns the path by which this process reaches a file that the other process sees at `path`.
    pub fn file(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.child.id()));
        root.join(path.strip_prefix("/").expect("the path is absolute"))
    }

    /// Returns the number of its threads.
    pub fn threads(&self) -> usize {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        tasks.map_or(0, Iterator::count)
    }

    /// Waits until a line of its output contains all of `parts`, and returns the line.
    pub fn says(&self, parts: &[&str]) -> String {
        let what = format!("{} says {parts:?}", self.what);
        eventually(&what, WAIT_TIMEOUT, || self.said(parts))
    }

    /// Returns how many lines of its output so far contain all of `parts`.
    pub fn count(&self, parts: &[&str]) -> usize {
        self.lines().iter().filter(|line| parts.iter().all(|part| line.contains(part))).count()
    }

    /// Returns its output so far.
    pub fn all(&self) -> Vec<String> {
        self.lines().clone()
    }

    /// Returns the first line of its output so far that contains all of `parts`.
    pub fn said(&self, parts: &[&str]) -> Option<String> {
        let line = |line: &&String| parts.iter().all(|part| line.contains(part));
        self.lines().iter().find(line).cloned()
    }

    /// Returns the id of one of its threads, by the thread's name.
    pub fn thread(&self, name: &str) -> i32 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let mut tasks = tasks.expect("it runs").filter_map(Result::ok).map(|task| task.path());
        let found = tasks.find(|task| {
            std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name)
        });
        let id = found.and_then(|task| task.file_name()?.to_str()?.parse().ok());
        id.unwrap_or_else(|| panic!("{} has no thread {name}", self.what))
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.expect("kill runs").success(), "{} is gone already", self.what);
    }

    fn end(&mut self) {
        // An error means that it has exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        watchdog::release(&Ward::Process(self.child.id()));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            eprintln!("--- {} said:", self.what);
            for line in self.lines().iter() {
                eprintln!("    {line}");
            }
        }
    }
}

fn collect(output: impl Read + Send + 'static, log: &Arc<Mutex<Vec<String>>>) {
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
}

/// A running `rollcall worker`.
pub struct Worker {
    pub process: Process,
    http: SocketAddr,
}

impl Worker {
    /// Starts a worker with the state directory of an earlier one of the same `instance`.
    pub fn start(reconciliation: &Reconciliation, instance: &str) -> Self {
        Self::start_in(reconciliation, instance, &reconciliation.state_dir(instance))
    }

    /// Like [`Self::start`], with additional arguments.
    pub fn start_with(reconciliation: &Reconciliation, instance: &str, further: &[&str]) -> Self {
        Self::run(&[], reconciliation, instance, &reconciliation.state_dir(instance), further)
    }

    /// Like [`Self::start`], with another build of the program.
    pub fn start_program(program: &Path, reconciliation: &Reconciliation, instance: &str) -> Self {
        let state_dir = reconciliation.state_dir(instance);
        Self::run_program(&[], program, reconciliation, instance, &state_dir, &[])
    }

    /// Like [`Self::start`], with another state directory.
    pub fn start_in(reconciliation: &Reconciliation, instance: &str, state_dir: &Path) -> Self {
        Self::run(&[], reconciliation, instance, state_dir, &[])
    }

    /// Like [`Self::start_in`], through a command that executes the program given after it.
    pub fn start_by(
        command: &[&str],
        reconciliation: &Reconciliation,
        instance: &str,
        state_dir: &Path,
    ) -> Self {
        Self::run(command, reconciliation, instance, state_dir, &[])
    }

    fn run(
        command: &[&str],
        reconciliation: &Reconciliation,
        instance: &str,
        state_dir: &Path,
        further: &[&str],
    ) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_rollcall"));
        Self::run_program(command, program, reconciliation, instance, state_dir, further)
    }

    fn run_program(
        command: &[&str],
        program: &Path,
        reconciliation: &Reconciliation,
        instance: &str,
        state_dir: &Path,
        further: &[&str],
    ) -> Self {
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let text = |path: &Path| path.to_str().expect("the path is UTF-8").to_owned();
        let (file, state_dir, http_text) =
            (text(&reconciliation.file()), text(state_dir), http.to_string());
        let program = text(program);
        let arguments = [
            "worker",
            "-f",
            &file,
            "--state-dir",
            &state_dir,
            "--http",
            &http_text,
            "--instance-id",
        ];
        // One lane, unless a test wants more.
        let lanes = if further.contains(&"--lanes") { &[][..] } else { &["--lanes", "1"] };
        let arguments = arguments.into_iter().chain([instance]).chain(lanes.iter().copied());
        let arguments = arguments.chain(further.iter().copied());
        let words: Vec<_> =
            command.iter().copied().chain([program.as_str()]).chain(arguments).collect();
        let mut command = Command::new(words[0]);
        let process =
            Process::start_command(&format!("worker {instance}"), command.args(&words[1..]));
        Self { process, http }
    }

    /// Starts another subcommand that serves HTTP.
    pub fn serving(what: &str, arguments: &[&str]) -> Self {
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let http_text = http.to_string();
        let arguments = arguments.iter().copied().chain(["--http", &http_text]);
        Self { process: Process::start(what, arguments), http }
    }

    /// Returns its HTTP address as text.
    pub fn address(&self) -> String {
        self.http.to_string()
    }

    /// Returns its HTTP address.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Waits until a probe answers with this status, and returns the body.
    pub fn answers(&self, path: &str, status: u16, patience: Duration) -> String {
        let what = format!("{} answers {path} with {status}", self.process.what);
        eventually(&what, patience, || self.get(path).filter(|answer| answer.0 == status)).1
    }

    /// Waits until it reports that it is ready.
    pub fn ready(self) -> Self {
        eventually(&format!("{} is ready", self.process.what), WAIT_TIMEOUT, || {
            (self.get("/readyz")?.0 == 200).then_some(())
        });
        self
    }

    /// Returns the state of a shard, empty if it has none here.
    pub fn shard_state(&self, shard: i32) -> String {
        let status = self.get("/v1/status").map(|(_, body)| body).unwrap_or_default();
        let status: Value = serde_json::from_str(&status).unwrap_or_default();
        let shards = status["shards"].as_array().cloned().unwrap_or_default();
        let state = shards.iter().find(|found| found["shard"] == shard);
        state.and_then(|found| found["state"].as_str()).unwrap_or_default().to_owned()
    }

    /// Returns the status and the body of a response, `None` if there is none.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        get(self.http, path)
    }
}
