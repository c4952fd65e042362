//! Dashboards, alerts and runbooks, read as the files they are: what they ask for exists, and what
//! a reader needs is there. Whether their queries return data is for `tests/it/prometheus.rs`.

#![allow(unreachable_pub, reason = "the modules of one program are its only users")]

mod alerts;
mod catalogue;
mod compose;
mod dashboards;

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the files of a folder below the root that end like this, in order.
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

/// Fails with all findings at once, one a line.
fn assert_none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}
