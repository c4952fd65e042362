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

/// Returns the headings that messages in a program's text name, as in `see \"Offsets lost\" in
/// docs/operations.md`, with the documents.
fn headings(text: &str) -> Vec<(String, &str)> {
    let named = |at: usize| {
        let heading = text[..at].rsplit_once("\\\"")?.1;
        // A backslash continues a string in the next line.
        let heading = heading.replace("\\\n", " ");
        let document = references(&text[at..]).next()?;
        Some((heading.split_whitespace().collect::<Vec<_>>().join(" "), document))
    };
    let ends = text.match_indices("\\\"").filter(|(at, mark)| {
        let rest =
            text[at + mark.len()..].trim_start_matches(|c: char| c == '\\' || c.is_whitespace());
        rest.strip_prefix("in docs/").is_some()
    });
    ends.filter_map(|(at, _)| named(at)).collect()
}

#[test]
fn every_heading_that_a_message_names_exists() {
    let mut findings = Vec::new();
    let mut count = 0;
    for path in files("src/").into_iter().filter(|path| path.ends_with(".rs")) {
        let text = fs::read_to_string(root().join(&path)).expect("it is text");
        for (heading, document) in headings(&text) {
            count += 1;
            let page = fs::read_to_string(root().join(document)).unwrap_or_default();
            let is_it = |line: &str| {
                line.starts_with('#') && line.trim_start_matches('#').trim() == heading
            };
            if !page.lines().any(is_it) {
                findings.push(format!("{path}: \"{heading}\" in {document}"));
            }
        }
    }
    assert!(count > 0, "no message names a heading");
    assert_none("a heading that a message names is one of the document", &findings);
}

#[test]
fn a_heading_may_be_named_over_two_lines() {
    let found =
        headings("a \"b\" {}; see \\\"Offsets \\\n     lost\\\" \\\n  in docs/operations.md\"");
    assert_eq!(found, [("Offsets lost".to_owned(), "docs/operations.md")]);
}

#[test]
fn a_path_is_told_from_a_pattern() {
    let found: Vec<_> = references("see `src/a.rs:7`, ../src/b, (docs/c.md). tests/*.rs").collect();
    assert_eq!(found, ["src/a.rs", "docs/c.md"]);
}
