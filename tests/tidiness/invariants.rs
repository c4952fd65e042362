//! Every invariant has a definition, a check and a planted fault that the check finds.

use super::source::{assert_none, read, rust_files};

/// What the simulator's oracle alone can check, since it takes the whole history.
const ORACLES: [&str; 1] = ["R-3"];

#[test]
fn every_invariant_is_defined_checked_and_violated_on_purpose() {
    let sources = rust_files("src");
    let named = read("src/core/shard/invariant.rs");
    let names: Vec<&str> = named.split('"').filter(|name| name.starts_with("R-")).collect();
    assert!(names.len() >= 7, "{names:?}");
    let definitions = read("docs/architecture.md");
    let stands_in = |folder: &str, text: &str| {
        let within = sources.iter().filter(|source| source.path.starts_with(folder));
        within.filter(|source| source.path != "src/core/shard/invariant.rs").any(|source| {
            source.text.split_whitespace().collect::<Vec<_>>().join(" ").contains(text)
        })
    };
    let mut findings = Vec::new();
    for name in names.into_iter().filter(|name| name.len() == 3) {
        if !definitions.contains(&format!("\n- **{name}** ")) {
            findings.push(format!("{name} has no definition in docs/architecture.md"));
        }
        let variant = name.replace('-', "");
        let checks = [format!("check!({variant},"), format!("check!( {variant},")];
        let is_checked = checks.iter().any(|check| stands_in("src/", check));
        let is_judged = stands_in("src/sim/oracle", &format!("\"{name}: "));
        if !(is_checked || is_judged && ORACLES.contains(&name)) {
            findings.push(format!("{name} is checked nowhere"));
        }
        if !stands_in("src/sim/planted", &format!(", \"{name}\");")) {
            findings.push(format!("no planted fault violates {name}"));
        }
    }
    assert_none("invariants are defined, checked and violated on purpose", &findings);
}
