//! Checks dashboards, alerts and runbooks as files: everything they refer to exists, and they
//! contain what a reader needs. `tests/it/prometheus.rs` checks that their queries return data.

#![allow(unreachable_pub, reason = "the modules of one program are its only users")]

mod alerts;
mod catalogue;
mod compose;
mod dashboards;

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the files with this extension in a folder below the root, in order.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|entry| entry.expect("a folder that opened can be listed").path());
    let mut found: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == extension)).collect();
    found.sort();
    assert!(!found.is_empty(), "no .{extension} in {}", folder.display());
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Fails with all findings at once, one per line.
fn assert_none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}
