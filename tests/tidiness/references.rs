//! Paths in documents and comments are paths of the tree.

use std::fs;
use std::path::Path;

use super::source::{assert_none, files, root};

/// Folders of the tree that docs and comments refer to.
const REFERRED: [&str; 7] =
    ["src/", "docs/", "scripts/", "charts/", "tests/", "bench/", "manifests/"];

/// Returns the prose in a line: all of a document's line, the comment in another file's.
fn prose<'a>(path: &str, line: &'a str) -> &'a str {
    let after = |mark: &str| line.find(mark).map_or("", |at| &line[at..]);
    match Path::new(path).extension().and_then(|extension| extension.to_str()) {
        Some("md") => line,
        Some("rs" | "js" | "mjs" | "go" | "java") => after("//"),
        _ => after("#"),
    }
}

/// Returns the paths in `text` that look like paths of this tree. Patterns do not count.
fn references(text: &str) -> impl Iterator<Item = &str> {
    let in_path = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let in_word = move |c: char| in_path(c) || "*{}$<>~:@%".contains(c);
    text.split(move |c| !in_word(c))
        .map(|word| word.trim_end_matches(['.', ':']))
        // A line number may follow.
        .map(|word| word.split_once(':').map_or(word, |(path, _)| path))
        .filter(move |word| word.chars().all(in_path))
        .filter(|word| REFERRED.iter().any(|folder| word.starts_with(folder)))
}

#[test]
fn every_path_in_docs_and_comments_exists() {
    let mut paths: Vec<String> =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "Cargo.toml", "Dockerfile", "Makefile"]
            .map(str::to_owned)
            .to_vec();
    paths.extend(REFERRED.iter().flat_map(|folder| files(folder)));
    let mut findings = Vec::new();
    for path in paths.iter().filter(|path| !path.contains("/target/")) {
        let Ok(text) = fs::read_to_string(root().join(path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            let gone = references(prose(path, line)).filter(|path| !root().join(path).exists());
            findings.extend(gone.map(|gone| format!("{path}:{}: {gone}", number + 1)));
        }
    }
    assert_none("a path in a document or a comment is one of the tree", &findings);
}

#[test]
fn a_path_is_told_from_a_pattern() {
    let found: Vec<_> = references("see `src/a.rs:7`, ../src/b, (docs/c.md). tests/*.rs").collect();
    assert_eq!(found, ["src/a.rs", "docs/c.md"]);
}
