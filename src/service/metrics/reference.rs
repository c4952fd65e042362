//! Generates `docs/metrics.md` from the catalogue, so that it stays current.

use std::fmt::Write;

use super::catalogue::{Group, OPERATOR, WORKER};

const INTRODUCTION: &str = include_str!("reference.md");

/// Returns the page as Markdown.
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    let lines = WORKER.iter().chain(&OPERATOR).flat_map(|group| section(group));
    for line in lines {
        writeln!(page, "{line}").expect("a String takes every text");
    }
    page
}

fn section(group: &Group) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        format!("## {}", group.title),
        String::new(),
        group.about.to_owned(),
        String::new(),
        "| metric | type | unit | labels | meaning |".to_owned(),
        "| --- | --- | --- | --- | --- |".to_owned(),
    ];
    lines.extend(group.metrics.iter().map(|metric| {
        let labels: Vec<String> = metric
            .labels
            .iter()
            .map(|label| format!("`{}`: {}", label.name, label.values))
            .collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join("; ") };
        let (name, kind) = (metric.name, metric.kind.name());
        format!("| `{name}` | {kind} | {} | {labels} | {} |", metric.unit, metric.help)
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_docs_is_the_one_that_the_catalogue_makes() {
        let page = include_str!("../../../docs/metrics.md");
        assert!(page == markdown(), "write it again: rollcall metrics > docs/metrics.md");
    }
}
