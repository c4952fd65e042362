//! Words that readers stumble on, and what to write instead.

use std::fs;

use super::source::{assert_none, files, root};

/// What is not written, and what is.
const BANNED: [(&str, &str); 12] = [
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("mending", "fixing"),
    ("anew", "again"),
    ("heed", "handle"),
    ("told of", "reported"),
    ("tells of", "reports"),
    ("nobody but the user", "configuration errors"),
    ("that is none", "invalid"),
    ("PATIENCE", "TIMEOUT"),
    ("is no news", "is expected"),
];

#[test]
fn nothing_is_written_in_a_dialect_of_our_own() {
    let folders = ["src", "tests", "bench", "scripts", "charts", "manifests", "docs"];
    let pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "Makefile"];
    let paths = folders.iter().flat_map(|folder| files(folder));
    let mut findings = Vec::new();
    for path in paths.chain(pages.map(str::to_owned)) {
        // This list is the one place for them.
        if path == "tests/tidiness/words.rs" || path.contains("/target/") {
            continue;
        }
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            for (banned, better) in BANNED {
                if has_word(line, banned) {
                    let number = number + 1;
                    findings.push(format!("{path}:{number}: write {better}, not {banned}"));
                }
            }
        }
    }
    assert_none("comments and documents are in plain English", &findings);
}

/// Tells whether `line` has these words, and not only as a part of other ones.
fn has_word(line: &str, words: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(words).any(|(at, _)| {
        !line[..at].ends_with(is_letter) && !line[at + words.len()..].starts_with(is_letter)
    })
}

#[test]
fn a_word_is_told_from_a_part_of_another() {
    assert!(has_word("to begin anew.", "anew"));
    assert!(!has_word("the renewal, and amended items", "anew"));
    assert!(!has_word("amend, recommend", "mend"));
}
