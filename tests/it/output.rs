//! What the commands that need no broker do when their output cannot be written.

use std::fs::File;
use std::process::{Child, Command, Output, Stdio};

const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/recipes/order-demo");

fn commands() -> Vec<Vec<String>> {
    let object = format!("{RECIPE}.yaml");
    let of = |line: &str| line.split(' ').map(str::to_owned).collect();
    vec![
        of("crd"),
        of("crd --reference"),
        of("metrics"),
        of("simulate --seed 1"),
        of("simulate 3"),
        of(&format!("validate --file {object}")),
        of(&format!("validate --file {object} --explain orders --key o-1 --tombstone")),
        of(&format!("test --file {object} {RECIPE}.cases.yaml")),
    ]
}

fn run(arguments: &[String], stdout: impl Into<Stdio>) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .env("RUST_LOG", "off")
        .spawn()
        .expect("the program runs")
}

fn end(child: Child) -> (Output, String) {
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

/// As with `rollcall crd | head`.
#[test]
fn a_reader_that_has_gone_is_no_error() {
    for arguments in commands() {
        let (whole, said) = end(run(&arguments, Stdio::piped()));
        assert!(whole.status.success() && !whole.stdout.is_empty(), "{arguments:?}: {said}");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let (output, said) = end(run(&arguments, writer));
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert!(output.status.success(), "{arguments:?}: {said}");
    }
}

#[test]
fn an_output_that_takes_nothing_is_an_error_with_its_reason() {
    for arguments in commands() {
        let full = File::options().write(true).open("/dev/full").expect("it is always there");
        let (output, said) = end(run(&arguments, full));
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("cannot write to standard output: no space is left"), "{said}");
    }
}
