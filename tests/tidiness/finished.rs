//! Nothing is left unfinished, and shell scripts parse.

use std::fs;
use std::process::Command;

use super::source::{assert_none, files, is_rust, read, root, words};

#[test]
fn nothing_is_left_unfinished() {
    // Concatenated, so that this file does not match itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let macros = [concat!("to", "do!"), concat!("unimple", "mented!"), concat!("db", "g!")];
    let mut findings = Vec::new();
    for folder in ["src", "tests", "benches", "bench", "scripts"] {
        for path in files(folder).iter().filter(|path| !path.contains("/target/")) {
            let Ok(text) = fs::read_to_string(root().join(path)) else { continue };
            for (number, line) in text.lines().enumerate() {
                let marked = words(line).any(|word| marks.contains(&word));
                if marked || (is_rust(path) && macros.iter().any(|name| line.contains(name))) {
                    findings.push(format!("{path}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert_none("nothing is left unfinished", &findings);
}

#[test]
fn every_shell_script_parses_and_opens_with_its_promise() {
    let mut findings = Vec::new();
    for path in files("scripts").into_iter().chain(files(".ci")) {
        let text = read(&path);
        let script = text.starts_with("#!/usr/bin/env bash\n");
        if !script && !text.starts_with("# shellcheck shell=bash\n") {
            continue;
        }
        let parsed = Command::new("bash").arg("-n").arg(root().join(&path)).status();
        if !parsed.is_ok_and(|status| status.success()) {
            findings.push(format!("{path}: bash -n refuses it"));
        }
        if !text.lines().nth(1).is_some_and(|line| line.starts_with("# ")) {
            findings.push(format!("{path}: the second line does not say what it promises"));
        }
        if script && !text.contains("\nset -euo pipefail\n") && !path.starts_with(".ci/") {
            findings.push(format!("{path}: no `set -euo pipefail`"));
        }
    }
    assert_none("shell scripts parse, promise and stop at errors", &findings);
}
