//! The metrics in a query.

use rollcall_service::metrics::{Kind, Metric, catalogue};

/// A metric in a query.
pub struct Named<'q> {
    /// As written, with the suffix of a histogram's series.
    pub name: &'q str,
    /// The text before it in the query.
    pub before: &'q str,
    /// The text after it.
    pub after: &'q str,
}

/// Returns every metric in a query: every word with one of our prefixes.
pub fn named(query: &str) -> Vec<Named<'_>> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = query[at..].find(is_part).map(|offset| at + offset) {
        let end = query[start..].find(|c| !is_part(c)).map_or(query.len(), |length| start + length);
        let name = &query[start..end];
        // Labels and functions have other names.
        if ["rollcall_", "process_"].iter().any(|prefix| name.starts_with(prefix)) {
            found.push(Named { name, before: &query[..start], after: &query[end..] });
        }
        at = end;
    }
    found
}

/// Returns the metric whose series has this name.
pub fn metric(name: &str) -> Option<&'static Metric> {
    let groups = catalogue::WORKER.iter().chain(&catalogue::OPERATOR);
    let mut metrics = groups.flat_map(|group| group.metrics.iter().copied());
    let series = |metric: &Metric| match metric.kind {
        Kind::Histogram => ["_bucket", "_sum", "_count"]
            .iter()
            .any(|suffix| name.strip_suffix(suffix) == Some(metric.name)),
        Kind::Counter | Kind::Gauge => name == metric.name,
    };
    metrics.find(|metric| series(metric))
}

#[test]
fn names_are_found_with_what_stands_around_them() {
    let found = named(r#"sum(rate(rollcall_x_total{a="b"}[1m])) / process_y"#);
    let names: Vec<_> = found.iter().map(|named| named.name).collect();
    assert_eq!(names, ["rollcall_x_total", "process_y"]);
    assert!(found[0].before.ends_with("rate(") && found[0].after.starts_with('{'));
}
