//! Which crates and folders may use which others: the tables in docs/architecture.md, and what the
//! pure folders must not name.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::source::{assert_none, files, paths, read, root, rust_files, words};

/// The only folder that calls librdkafka functions which the safe binding lacks.
const UNSAFE_ALLOWED: &str = "src/kafka/native/";

/// Names that are not pure computation.
const IMPURE: [&str; 14] = [
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
];

/// Folders that promise pure computation.
const PURE: [&str; 3] = ["src/core/matching/", "src/core/owner/", "src/core/record/"];

/// Dependencies that the core and the simulator are built and tested without.
const HEAVY: [&str; 5] = ["rdkafka", "librocksdb-sys", "openssl", "openssl-sys", "tokio"];

/// A row of a table of arrows: a name, its folder, and what else in the table it may use.
struct Row {
    name: String,
    folder: String,
    uses: BTreeSet<String>,
}

/// Returns the rows of the table below this heading: name, folder, purpose, uses.
fn table(heading: &str) -> Vec<Row> {
    let page = read("docs/architecture.md");
    let (_, below) = page.split_once(&format!("\n{heading}\n")).expect("the heading exists");
    let rows = below.lines().skip_while(|line| !line.starts_with('|'));
    let cells = rows.take_while(|line| line.starts_with('|')).skip(2).map(|line| {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    let code = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(|code| code.trim_end_matches('/').into()).collect()
    };
    let row = |cells: Vec<String>| Row {
        name: code(&cells[0]).concat(),
        folder: code(&cells[1]).concat(),
        uses: code(cells.last().expect("a row has cells")).into_iter().collect(),
    };
    cells.map(row).collect()
}

/// Returns the crates of the workspace that a manifest depends on.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let text = read(manifest);
    let lines = text.lines().skip_while(|line| *line != "[dependencies]");
    let lines = lines.skip(1).take_while(|line| !line.starts_with('['));
    lines
        .filter_map(|line| line.split('.').next()?.strip_prefix("rollcall-"))
        .map(Into::into)
        .collect()
}

#[test]
fn crates_depend_on_each_other_as_the_table_says() {
    let rows = table("### Crates");
    let manifests: BTreeSet<String> = files("src")
        .into_iter()
        .filter_map(|path| path.strip_suffix("/Cargo.toml").map(str::to_owned))
        .chain(["src".to_owned()])
        .collect();
    let folders: BTreeSet<String> = rows.iter().map(|row| row.folder.clone()).collect();
    assert_eq!(folders, manifests, "each crate has one row");

    let mut findings = Vec::new();
    let mut below = BTreeSet::new();
    for Row { name, folder, uses } in rows {
        let manifest =
            if folder == "src" { "Cargo.toml".into() } else { format!("{folder}/Cargo.toml") };
        let found = dependencies(&manifest);
        if found != uses {
            findings.push(format!("{name} uses {found:?}, and the table says {uses:?}"));
        }
        findings
            .extend(uses.difference(&below).map(|above| format!("{name} uses {above} above it")));
        below.insert(name);
    }
    assert_none("crates use only what stands above them in docs/architecture.md", &findings);
}

#[test]
fn folders_name_each_other_as_the_table_says() {
    let rows = table("### Folders of the core and of the services");
    let everything = rust_files("src");
    let mut findings = Vec::new();
    for Row { name, folder, uses } in &rows {
        let siblings = || rows.iter().filter(|row| parent(&row.folder) == parent(folder));
        let mut named = BTreeSet::new();
        let sources =
            everything.iter().filter(|source| Path::new(&source.path).starts_with(folder));
        assert!(sources.clone().count() > 0, "{folder} holds nothing");
        for source in sources.filter(|source| !is_test(&source.path)) {
            let paths = paths(&source.code);
            let of_sibling = |path: &&String| siblings().any(|row| is_below(path, &row.name));
            named.extend(paths.iter().filter(of_sibling).filter_map(|path| {
                let folder = path.split("::").nth(1)?;
                (folder != name).then(|| folder.to_owned())
            }));
        }
        if named != *uses {
            findings.push(format!("{folder} names {named:?}, and the table says {uses:?}"));
        }
    }
    assert_none("folders name only what the table in docs/architecture.md says", &findings);
}

fn parent(folder: &str) -> Option<&Path> {
    Path::new(folder).parent()
}

/// Returns whether a file contains only tests, which may use anything.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Returns whether `path` is a path into the folder `name` of its own crate.
fn is_below(path: &str, name: &str) -> bool {
    path.strip_prefix("crate::")
        .and_then(|rest| rest.strip_prefix(name))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn pure_folders_name_nothing_impure() {
    let mut findings = Vec::new();
    for source in PURE.iter().flat_map(|folder| rust_files(folder)) {
        for path in paths(&source.code) {
            let is = |ban: &&&str| path == **ban || path.starts_with(&format!("{ban}::"));
            if IMPURE.iter().any(|ban| is(&ban)) {
                findings.push(format!("{} names {path}", source.path));
            }
        }
    }
    assert_none("these folders compute only", &findings);
}

#[test]
fn core_and_simulator_are_built_without_kafka_client_database_and_tls() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let tree = Command::new(cargo)
        .args(["tree", "--locked", "--prefix", "none", "--edges", "normal,build,dev"])
        .args(["-p", "rollcall-core", "-p", "rollcall-sim"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8_lossy(&tree.stdout);
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("rollcall-core") && crates.contains("hashbrown"), "{crates:?}");
    let heavy: Vec<_> = HEAVY.into_iter().filter(|name| crates.contains(name)).collect();
    assert!(heavy.is_empty(), "a contributor's first test run compiles {heavy:?}");
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
