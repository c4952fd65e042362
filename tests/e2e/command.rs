//! Commands as a user types them.

use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs a command in the root of the tree and returns what it prints.
#[track_caller]
pub fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(ROOT)
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot run: {error}"));
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (said, complaint) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{program} {}: {said}{complaint}", arguments.join(" "));
    said
}
