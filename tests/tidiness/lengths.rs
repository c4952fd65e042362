//! Lengths: one idea fits into a file, a function and a line.

use std::path::Path;

use super::source::{assert_none, files, functions, read, rust_files};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

#[test]
fn no_file_is_too_long() {
    let findings: Vec<_> = rust_files("src")
        .iter()
        .map(|source| (&source.path, source.text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert_none("a file holds one idea in at most 400 lines", &findings);
}

#[test]
fn no_function_is_too_long() {
    let mut findings = Vec::new();
    for source in rust_files("src") {
        for (line, name, lines) in functions(&source) {
            if lines > FUNCTION_LINES_MAX {
                findings.push(format!("{}:{line}: {name} has {lines} lines", source.path));
            }
        }
    }
    assert_none("a function has at most 70 lines", &findings);
}

#[test]
fn no_line_is_too_long() {
    let mut findings = Vec::new();
    for path in ["src", "tests", "bench", "scripts", ".ci"].iter().flat_map(|folder| files(folder))
    {
        if !is_source(&path) {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS_MAX {
                findings.push(format!("{path}:{}: {columns} columns", number + 1));
            }
        }
    }
    assert_none("a line of code has at most 100 columns", &findings);
}

/// Returns whether a file is hand-written in a language whose lines can be wrapped.
fn is_source(path: &str) -> bool {
    match Path::new(path).extension().and_then(|extension| extension.to_str()) {
        Some("rs" | "js" | "mjs" | "css" | "html" | "sh") => true,
        Some(_) => false,
        None => read(path).starts_with("#!"),
    }
}
