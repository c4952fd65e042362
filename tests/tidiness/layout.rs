//! The layout: every file is compiled and states its purpose.

use std::collections::BTreeSet;

use super::source::{Source, assert_none, rust_files};

#[test]
fn every_file_is_compiled() {
    let sources = rust_files("src");
    let mut findings = Vec::new();
    for Source { path, .. } in &sources {
        let module = path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
        let (folder, name) = module.rsplit_once('/').expect("every path starts with src/");
        if name == "lib" || module == "src/main" {
            continue;
        }
        let parents = [
            format!("{folder}/mod.rs"),
            format!("{folder}/lib.rs"),
            format!("{folder}/main.rs"),
            format!("{folder}.rs"),
        ];
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
        .filter(|folder| *folder != "src")
        .filter(|folder| {
            let names = ["/mod.rs", "/lib.rs", ".rs"];
            !names.iter().any(|name| exists(format!("{folder}{name}")))
        })
        .map(str::to_owned)
        .collect();
    assert_none("every folder has a mod.rs or lib.rs that says what it is for", &findings);
}
