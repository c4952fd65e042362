//! The tree's own rules: lengths, reachable files, what the pure folders may not import, where
//! `unsafe` may stand, paths that exist, nothing unfinished.
//!
//! Standard library only, so that it also compiles alone within a second (`make check`). It reads
//! source as text and relies on rustfmt's layout; `make check` runs that first.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// The one folder that calls librdkafka functions which the safe binding lacks.
const UNSAFE_ALLOWED: &str = "src/kafka/native/";

/// What a folder promises never to name.
const BANS: [(&str, &[&str]); 3] = [
    (
        "src/matching/",
        &[
            "rdkafka",
            "rocksdb",
            "tokio",
            "tracing",
            "prometheus",
            "axum",
            "libc",
            "std::fs",
            "std::io",
            "std::net",
            "std::thread",
            "std::process",
            "std::time::Instant",
            "std::time::SystemTime",
            "crate::shard",
            "crate::kafka",
            "crate::store",
            "crate::worker",
        ],
    ),
    (
        "src/owner/",
        &[
            "rdkafka",
            "rocksdb",
            "tokio",
            "tracing",
            "std::fs",
            "std::thread",
            "Instant",
            "SystemTime",
            "crate::kafka",
            "crate::store",
            "crate::worker",
        ],
    ),
    (
        "src/shard/",
        &["rdkafka", "rocksdb", "tokio", "crate::kafka", "crate::store", "crate::worker"],
    ),
];

/// A source file: its path below the root, and its text with and without comments and literals.
struct Source {
    path: String,
    text: String,
    code: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every file below `folder` (a path below the root), in order.
fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root().join(&folder)) else { continue };
        for entry in entries {
            let entry = entry.expect("a folder that opened can be listed");
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else {
                found.push(path.to_str().expect("paths of the tree are UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn rust_files(folder: &str) -> Vec<Source> {
    let source = |path: String| {
        let text = read(&path);
        let code = without_comments_and_literals(&text);
        Source { path, text, code }
    };
    files(folder).into_iter().filter(|path| is_rust(path)).map(source).collect()
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

/// Fails with all findings at once, one a line.
fn assert_none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

/// Blanks comments, strings and characters; keeps the lines.
fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let skipped = length_of_comment_or_literal(rest, code.chars().next_back());
        if skipped > 0 {
            code.push(' ');
            code.extend(rest[..skipped].chars().filter(|&c| c == '\n'));
            rest = &rest[skipped..];
        } else {
            let next = rest.chars().next().expect("the rest is not empty");
            code.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    code
}

/// Returns how many bytes of a comment or literal `rest` begins with.
fn length_of_comment_or_literal(rest: &str, before: Option<char>) -> usize {
    let upto = |end: &str, from: usize| {
        rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len())
    };
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return upto("*/", 2);
    }
    if rest.starts_with('"') {
        return length_of_string(rest);
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !in_word && (rest.starts_with("r\"") || rest.starts_with("r#")) {
        let hashes = rest[1..].bytes().take_while(|&b| b == b'#').count();
        if rest[1 + hashes..].starts_with('"') {
            return upto(&format!("\"{}", "#".repeat(hashes)), 2 + hashes);
        }
    }
    if let Some(tail) = rest.strip_prefix('\'') {
        let mut chars = tail.chars();
        match (chars.next(), chars.next()) {
            (Some('\\'), Some(escaped)) => return upto("'", 2 + escaped.len_utf8()),
            (Some(c), Some('\'')) => return 2 + c.len_utf8(),
            _ => {}
        }
    }
    0
}

fn length_of_string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Returns the words of `code`: identifiers and keywords.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Returns every path that `code` imports or spells out, with the trees of `use` written out.
fn paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let tree_and_rest = &rest[at + 4..];
        let starts_a_word = !rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let end = tree_and_rest.find(';').unwrap_or(tree_and_rest.len());
        if starts_a_word {
            let tree: String = tree_and_rest[..end].split_whitespace().collect();
            expand("", &tree, &mut found);
        }
        rest = &tree_and_rest[end..];
    }
    let spelt = code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    found.extend(spelt.filter(|path| path.contains("::")).map(str::to_owned));
    found
}

/// Writes out one `use` tree, e.g. `std::{fs,io::{self,Read}}`.
fn expand(prefix: &str, tree: &str, found: &mut BTreeSet<String>) {
    let Some(open) = tree.find('{') else {
        found.insert(format!("{prefix}{tree}"));
        return;
    };
    let prefix = format!("{prefix}{}", &tree[..open]);
    let (mut depth, mut start) = (0, open + 1);
    for (at, c) in tree.char_indices().skip(open) {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if (depth == 1 && c == ',') || (depth == 0 && c == '}') {
            expand(&prefix, &tree[start..at], found);
            start = at + 1;
        }
    }
}

/// Returns `(line number, name, lines)` of every function that has a body.
fn functions(source: &Source) -> Vec<(usize, &str, usize)> {
    let lines: Vec<&str> = source.code.lines().collect();
    let named = lines.iter().enumerate().filter_map(|(at, line)| Some((at, function_name(line)?)));
    named.filter_map(|(at, name)| Some((at + 1, name, length(&lines[at..])?))).collect()
}

/// Returns how many lines the function has that begins with the first of `lines`, if it has a body.
fn length(lines: &[&str]) -> Option<usize> {
    let indent = &lines[0][..lines[0].len() - lines[0].trim_start().len()];
    let head = lines.iter().position(|line| line.trim_end().ends_with(['{', '}', ';']))?;
    let first = lines[head].trim_end();
    if first.ends_with(';') {
        return None;
    }
    if first.ends_with('}') {
        return Some(head + 1);
    }
    let closing = format!("{indent}}}");
    Some(1 + lines.iter().position(|line| line.trim_end() == closing)?)
}

fn function_name(line: &str) -> Option<&str> {
    let before = ["pub", "const", "async", "unsafe", "extern", "default"];
    let mut rest = line.trim_start();
    while let Some(word) = words(rest).next() {
        if word == "fn" && rest.starts_with("fn ") {
            return words(&rest[3..]).next();
        }
        if !rest.starts_with(word) || !before.contains(&word) {
            return None;
        }
        rest = rest[word.len()..].trim_start();
        if rest.starts_with('(') {
            rest = rest.split_once(')')?.1.trim_start();
        }
    }
    None
}

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
fn every_file_is_compiled() {
    let sources = rust_files("src");
    let mut findings = Vec::new();
    for Source { path, .. } in &sources {
        let module = path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
        let (folder, name) = module.rsplit_once('/').expect("every path starts with src/");
        if folder == "src" && matches!(name, "main" | "lib") || folder == "src/bin" {
            continue;
        }
        let parents = [
            format!("{folder}/mod.rs"),
            format!("{folder}.rs"),
            "src/lib.rs".to_owned(),
            "src/main.rs".to_owned(),
        ];
        let parents = if folder == "src" { &parents[2..] } else { &parents[..2] };
        let declared = sources.iter().any(|source| {
            parents.contains(&source.path)
                && source.code.lines().any(|line| line.trim().ends_with(&format!("mod {name};")))
        });
        if !declared {
            findings.push(format!("{path}: no `mod {name};` in {}", parents.join(" or ")));
        }
    }
    assert_none("every file is reached by a mod", &findings);
}

#[test]
fn every_file_opens_with_its_promise() {
    let findings: Vec<_> = rust_files("src")
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    assert_none("every file opens with `//! `", &findings);
}

#[test]
fn every_folder_opens_with_its_promise() {
    let sources = rust_files("src");
    let folders: BTreeSet<&str> =
        sources.iter().filter_map(|source| Some(source.path.rsplit_once('/')?.0)).collect();
    let exists = |path: String| sources.iter().any(|source| source.path == path);
    let findings: Vec<_> = folders
        .into_iter()
        .filter(|folder| !matches!(*folder, "src" | "src/bin"))
        .filter(|folder| !exists(format!("{folder}/mod.rs")) && !exists(format!("{folder}.rs")))
        .map(str::to_owned)
        .collect();
    assert_none("every folder has a mod.rs that says what it is for", &findings);
}

#[test]
fn pure_folders_name_nothing_impure() {
    let mut findings = Vec::new();
    for source in rust_files("src") {
        for (folder, banned) in BANS {
            if !source.path.starts_with(folder) {
                continue;
            }
            for path in paths(&source.code) {
                let named = |ban: &&&str| path == **ban || path.starts_with(&format!("{ban}::"));
                if banned.iter().any(|ban| named(&ban)) {
                    findings.push(format!("{} names {path}", source.path));
                }
            }
        }
    }
    assert_none(
        "src/matching and src/owner do no I/O, src/shard knows no client and no database",
        &findings,
    );
}

#[test]
fn unsafe_stands_in_one_folder() {
    let findings: Vec<_> = rust_files("src")
        .into_iter()
        .filter(|source| !source.path.starts_with(UNSAFE_ALLOWED))
        .filter(|source| words(&source.code).any(|word| word == "unsafe"))
        .map(|source| source.path)
        .collect();
    assert_none("unsafe code stands only in src/kafka/native/", &findings);
}

#[test]
fn nothing_is_left_unfinished() {
    // Put together, so that this file does not find itself.
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

/// Folders of the tree that docs and comments refer to.
const REFERRED: [&str; 7] =
    ["src/", "docs/", "scripts/", "charts/", "tests/", "bench/", "manifests/"];

/// Returns what of a line is prose: all of a document's, the comment of another file's.
fn prose<'a>(path: &str, line: &'a str) -> &'a str {
    let after = |mark: &str| line.find(mark).map_or("", |at| &line[at..]);
    match Path::new(path).extension().and_then(|extension| extension.to_str()) {
        Some("md") => line,
        Some("rs" | "js" | "mjs" | "go" | "java") => after("//"),
        _ => after("#"),
    }
}

/// Returns the paths in `text` that look like this tree's own. Patterns are none.
fn references(text: &str) -> impl Iterator<Item = &str> {
    let in_path = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let in_word = move |c: char| in_path(c) || "*{}$<>~:@%".contains(c);
    text.split(move |c| !in_word(c))
        .map(|word| word.trim_end_matches(['.', ':']))
        // A line in a file may follow.
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
