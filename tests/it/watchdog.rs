//! Makes sure that no process outlives the tests, however they end.
//!
//! A shell in a separate process group waits for the end of a pipe that only this process holds
//! open: when the tests are over, or were interrupted or killed, it kills what is left.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use super::kafka::SCRIPT;

/// Something that must end with the tests.
#[derive(Debug, Clone)]
pub enum Ward {
    Process(u32),
    Broker { port: u16, dir: String },
}

/// Ends `ward` when the tests are over, unless it is released before.
pub fn watch(ward: &Ward) {
    tell("watch", ward);
}

/// Removes `ward`, which has ended.
pub fn release(ward: &Ward) {
    tell("release", ward);
}

fn tell(what: &str, ward: &Ward) {
    let mut shell = WATCHDOG.lock().unwrap_or_else(PoisonError::into_inner);
    let pipe = shell.stdin.as_mut().expect("it was asked for");
    let line = match ward {
        Ward::Process(pid) => writeln!(pipe, "{what} process {pid}"),
        Ward::Broker { port, dir } => writeln!(pipe, "{what} broker {port} {dir}"),
    };
    line.expect("the watchdog runs as long as the tests");
}

const SHELL: &str = r#"
trap '' INT TERM HUP
declare -A processes brokers
while read -r what kind name dir; do
  case "$what $kind" in
    'watch process') processes[$name]=1;;
    'release process') unset "processes[$name]";;
    'watch broker') brokers[$name]=$dir;;
    'release broker') unset "brokers[$name]";;
  esac
done
for pid in "${!processes[@]}"; do kill -9 "$pid"; done
for port in "${!brokers[@]}"; do PORT=$port DIR=${brokers[$port]} "$KAFKA" wipe; done
"#;

static WATCHDOG: LazyLock<Mutex<Child>> = LazyLock::new(|| {
    let shell = Command::new("bash")
        .args(["-c", SHELL])
        .env("KAFKA", &*SCRIPT)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Out of reach of a Ctrl-C in the terminal.
        .process_group(0)
        .spawn()
        .expect("bash runs");
    Mutex::new(shell)
});
