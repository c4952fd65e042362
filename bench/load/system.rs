//! A system under test: a command line, run as a process and observed only from outside.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::machine::{self, Micros, Usage};
use crate::ready::Ready;
use crate::topics::Inputs;

const EXIT_TIMEOUT: Duration = Duration::from_secs(60);
/// The objects that describe the job to Rollcall, by the placeholder in whose place a command gets
/// the path of a copy: the plain one, and those that also use what their name says.
const SPECS: [(&str, &str); 4] = [
    ("{spec}", include_str!("../shipping.yaml")),
    ("{spec:where-header}", include_str!("../shipping-where-header.yaml")),
    ("{spec:where-path}", include_str!("../shipping-where-path.yaml")),
    ("{spec:keep}", include_str!("../shipping-keep.yaml")),
];

/// How to start a system: `NAME=COMMAND ARGUMENT…`, with `{placeholders}` for what varies.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub name: String,
    words: Vec<String>,
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, command) = text.split_once('=').ok_or("expected NAME=COMMAND")?;
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            return Err(format!("the command of {name} is empty"));
        }
        Ok(Self { name: name.to_owned(), words })
    }
}

/// The parameters that all instances of a run share.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub bootstrap: String,
    pub group: String,
    pub inputs: Inputs,
    pub shipping: String,
    /// For state directories, specs and logs.
    pub scratch: PathBuf,
}

impl Job {
    pub(crate) fn state_dir(&self, instance: &str) -> PathBuf {
        self.scratch.join(format!("{}-{instance}-state", self.group))
    }

    fn fill_in(&self, text: &str, instance: &str, port: u16) -> String {
        let text = SPECS.iter().fold(text.to_owned(), |text, (placeholder, _)| {
            text.replace(placeholder, &self.spec(placeholder).display().to_string())
        });
        text.replace("{bootstrap}", &self.bootstrap)
            .replace("{group}", &self.group)
            .replace("{orders}", &self.inputs.orders)
            .replace("{manufactured}", &self.inputs.manufactured)
            .replace("{shipping}", &self.shipping)
            .replace("{instance}", instance)
            .replace("{state}", &self.state_dir(instance).display().to_string())
            .replace("{port}", &port.to_string())
    }

    fn spec(&self, placeholder: &str) -> PathBuf {
        let name = placeholder.trim_matches(['{', '}']).replace(':', "-");
        self.scratch.join(format!("{}-{name}.yaml", self.group))
    }
}

/// A running process.
pub(crate) struct System {
    child: Child,
    log: PathBuf,
    pub started_at: Micros,
    ready: Option<Ready>,
}

impl System {
    /// Starts an instance. Its output is appended to a log in the scratch directory.
    pub(crate) fn start(template: &Template, job: &Job, instance: &str) -> Result<Self, Failure> {
        for (placeholder, spec) in SPECS {
            fs::write(job.spec(placeholder), job.fill_in(spec, instance, 0))?;
        }
        let port = free_port()?;
        let words = template.words.iter().map(|word| job.fill_in(word, instance, port));
        let words: Vec<String> = words.collect();
        let log = job.scratch.join(format!("{}-{instance}.log", job.group));
        let output = File::options().create(true).append(true).open(&log)?;
        let started_at = machine::now();
        let child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| format!("could not start {}: {error}", words[0]))?;
        // Whoever is given a port serves `/readyz` there.
        let ready = template.words.iter().any(|word| word.contains("{port}"));
        let ready = ready.then(|| Ready::watch(port));
        Ok(Self { child, log, started_at, ready })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn usage(&self) -> Usage {
        machine::usage(self.child.id())
    }

    pub(crate) fn says_when_ready(&self) -> bool {
        self.ready.is_some()
    }

    /// Returns the seconds from its start until it was ready, once it was.
    pub(crate) fn ready_s(&self) -> Option<f64> {
        let at = self.ready.as_ref().and_then(Ready::at)?;
        Some((at - self.started_at) as f64 / 1e6)
    }

    /// Fails if the process has ended, which it should not do by itself.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                Err(format!("it ended on its own ({status}):\n{}", tail(&self.log)).into())
            }
        }
    }

    /// Kills it as a crash would, and returns when.
    pub(crate) fn crash(mut self) -> Result<Micros, Failure> {
        let at = machine::now();
        self.child.kill()?;
        self.child.wait()?;
        Ok(at)
    }

    /// Asks it to stop, without waiting, and returns when.
    pub(crate) fn ask_to_stop(&self) -> Result<Micros, Failure> {
        let at = machine::now();
        let status = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        if status.success() { Ok(at) } else { Err(format!("kill failed: {status}").into()) }
    }

    /// Waits until it has stopped, and returns the seconds that took.
    pub(crate) fn wait(mut self) -> Result<f64, Failure> {
        let start = Instant::now();
        while start.elapsed() < EXIT_TIMEOUT {
            if let Some(status) = self.child.try_wait()? {
                self.complain(status);
                return Ok(start.elapsed().as_secs_f64());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child.kill()?;
        self.child.wait()?;
        Err(format!("it did not stop in {} s", EXIT_TIMEOUT.as_secs()).into())
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(self) -> Result<f64, Failure> {
        self.ask_to_stop()?;
        self.wait()
    }

    /// A JVM that was told to stop exits with 143, so an exit code other than 0 is only a warning.
    fn complain(&self, status: ExitStatus) {
        if !status.success() && status.code() != Some(143) {
            eprintln!("stopped with {status}; see {}", self.log.display());
        }
    }
}

impl Drop for System {
    /// A failed scenario leaves nothing running.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
