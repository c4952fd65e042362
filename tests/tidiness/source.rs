//! Source files as text: their code, paths and functions.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path below the root, and its text with and without comments and literals.
pub struct Source {
    pub path: String,
    pub text: String,
    pub code: String,
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every file below `folder` (a path below the root), in order.
pub fn files(folder: &str) -> Vec<String> {
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

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub fn rust_files(folder: &str) -> Vec<Source> {
    let source = |path: String| {
        let text = read(&path);
        let code = without_comments_and_literals(&text);
        Source { path, text, code }
    };
    files(folder).into_iter().filter(|path| is_rust(path)).map(source).collect()
}

pub fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

/// Fails with all findings at once, one per line.
pub fn assert_none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

/// Blanks comments, strings and characters; keeps the line breaks.
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

/// Returns the length in bytes of the comment or literal that `rest` begins with.
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
pub fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Returns every path that `code` imports or spells out, with `use` trees expanded.
pub fn paths(code: &str) -> BTreeSet<String> {
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

/// Expands one `use` tree, e.g. `std::{fs,io::{self,Read}}`.
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
pub fn functions(source: &Source) -> Vec<(usize, &str, usize)> {
    let lines: Vec<&str> = source.code.lines().collect();
    let named = lines.iter().enumerate().filter_map(|(at, line)| Some((at, function_name(line)?)));
    named.filter_map(|(at, name)| Some((at + 1, name, length(&lines[at..])?))).collect()
}

/// Returns the number of lines of the function that begins at the first of `lines`, if it has a
/// body.
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
