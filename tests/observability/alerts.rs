//! The rules of the alerts: each says what to do, and is tested both ways.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{assert_none, catalogue, files, read};

/// Where the runbooks are published: defined only here; the rules must agree.
const RUNBOOKS: &str = "https://github.com/rollcall-dev/rollcall/blob/main/docs/runbooks/";
const SEVERITIES: [&str; 3] = ["critical", "warning", "info"];
/// The headings of every runbook, in this order.
const HEADINGS: [&str; 3] = ["## What it means", "## How to see it", "## What to do"];

fn rules() -> Vec<Value> {
    let groups = files("charts/rollcall/rules", "yaml").into_iter().flat_map(|path| {
        let file: Value = serde_yaml::from_str(&read(&path)).expect("the rules are YAML");
        file["groups"].as_array().expect("groups").clone()
    });
    groups.flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

fn alerts() -> impl Iterator<Item = (String, Value)> {
    rules().into_iter().filter_map(|rule| Some((rule["alert"].as_str()?.to_owned(), rule)))
}

/// Returns the runbook of an alert: `RollcallShardStopped` has `shard-stopped.md`.
fn page(alert: &str) -> String {
    let name = alert.strip_prefix("Rollcall").unwrap_or(alert);
    let mut page = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !page.is_empty() {
            page.push('-');
        }
        page.extend(c.to_lowercase());
    }
    page + ".md"
}

#[test]
fn every_alert_says_how_bad_it_is_what_it_means_and_where_to_read_on() {
    let mut findings = Vec::new();
    for (alert, rule) in alerts() {
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        if !alert.starts_with("Rollcall") || !SEVERITIES.contains(&severity) {
            findings.push(format!("{alert}: severity {severity:?}"));
        }
        for part in ["summary", "description"] {
            if rule["annotations"][part].as_str().unwrap_or_default().len() < 20 {
                findings.push(format!("{alert}: no {part}"));
            }
        }
        if rule["annotations"]["runbook_url"] != format!("{RUNBOOKS}{}", page(&alert)) {
            findings.push(format!("{alert}: the runbook is not {RUNBOOKS}{}", page(&alert)));
        }
    }
    assert_none("alerts", &findings);
}

#[test]
fn every_alert_has_its_page_and_every_page_its_alert() {
    let wanted: BTreeSet<String> = alerts().map(|(alert, _)| page(&alert)).collect();
    let mut findings = Vec::new();
    let mut found = BTreeSet::new();
    for path in files("docs/runbooks", "md") {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        if name == "README.md" {
            let index = read(&path);
            let missing = wanted.iter().filter(|page| !index.contains(&format!("({page})")));
            findings.extend(missing.map(|page| format!("{page} is not in the list of README.md")));
            continue;
        }
        let text = read(&path);
        let places: Vec<_> = HEADINGS.iter().map(|heading| text.find(heading)).collect();
        if places.iter().any(Option::is_none) || !places.is_sorted() {
            findings.push(format!("{name}: not the headings {HEADINGS:?}"));
        }
        found.insert(name);
    }
    findings.extend(wanted.difference(&found).map(|page| format!("{page} is missing")));
    findings.extend(found.difference(&wanted).map(|page| format!("{page} belongs to no alert")));
    assert_none("runbooks", &findings);
}

#[test]
fn every_alert_is_tested_to_fire_and_not_to_fire() {
    let mut names = Vec::new();
    for path in files("tests/observability/rules", "yaml") {
        let file: Value = serde_yaml::from_str(&read(&path)).expect("the tests are YAML");
        let tests = file["tests"].as_array().expect("tests").clone();
        names.extend(tests.iter().map(|test| test["name"].as_str().unwrap_or_default().to_owned()));
    }
    let tested = |start: String| names.iter().any(|name| name.starts_with(&start));
    let findings: Vec<_> = alerts()
        .map(|(alert, _)| alert)
        .filter(|alert| {
            !tested(format!("{alert} fires: ")) || !tested(format!("{alert} does not fire: "))
        })
        .collect();
    assert_none("alerts that are not tested both ways", &findings);
}

#[test]
fn rules_tell_clusters_apart() {
    let mut findings = Vec::new();
    for rule in rules() {
        let query = rule["expr"].as_str().expect("a rule has an expression");
        for grouping in ["by (", "on (", "by(", "on(", "without (", "ignoring ("] {
            let groups = query.split(grouping).skip(1);
            let blind = groups.filter(|rest| !rest.starts_with("cluster, "));
            findings.extend(blind.map(|rest| format!("{grouping}{rest}")));
        }
    }
    assert_none("groups without the label cluster", &findings);
}

#[test]
fn rules_ask_for_metrics_of_the_catalogue() {
    let mut findings = Vec::new();
    for rule in rules() {
        let query = rule["expr"].as_str().expect("a rule has an expression");
        let unknown = catalogue::named(query)
            .into_iter()
            .filter(|named| catalogue::metric(named.name).is_none());
        findings.extend(unknown.map(|named| format!("{}: {query}", named.name)));
    }
    assert_none("no such metric", &findings);
}
