//! Makes sure that no process outlives the tests, however they end.
//!
//! A shell in a separate process group waits for the end of a pipe that only this process holds
//! open, and then runs the given command.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Registers a shell command to run when the tests are over.
pub fn at_the_end(command: &str) {
    let mut shell = WATCHDOG.lock().unwrap_or_else(PoisonError::into_inner);
    let pipe = shell.stdin.as_mut().expect("it was asked for");
    writeln!(pipe, "{command}").expect("the watchdog runs as long as the tests");
}

const SHELL: &str = r#"
trap '' INT TERM HUP
mapfile -t commands
for command in "${commands[@]}"; do eval "$command"; done
"#;

static WATCHDOG: LazyLock<Mutex<Child>> = LazyLock::new(|| {
    let shell = Command::new("bash")
        .args(["-c", SHELL])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Out of reach of a Ctrl-C in the terminal.
        .process_group(0)
        .spawn()
        .expect("bash runs");
    Mutex::new(shell)
});
