//! The text that Prometheus reads, written straight into one buffer: a scrape costs what its text
//! costs and keeps nothing between scrapes.

use std::fmt::{Display, Write};

use super::{Histogram, Metric};

/// What a scrape answers, in the text format 0.0.4.
#[derive(Debug)]
pub struct Page {
    text: String,
    /// The labels that every sample has, written out.
    constant: String,
}

impl Page {
    /// The type of the answer's content.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Starts a page whose samples all have these labels.
    pub fn new(constant: &[(&str, &str)]) -> Self {
        let mut page = Self { text: String::new(), constant: String::new() };
        for (name, value) in constant {
            push_label(&mut page.constant, name, value);
        }
        page
    }

    /// Starts a family; a family is started once.
    pub fn family(&mut self, metric: &'static Metric) -> Family<'_> {
        let Metric { name, kind, help, .. } = metric;
        let kind = kind.name();
        write(&mut self.text, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { page: self, metric }
    }

    /// Writes a family of one sample without labels of its own.
    pub fn single(&mut self, metric: &'static Metric, value: impl Display) {
        self.family(metric).sample(&[], value);
    }

    /// Returns the text.
    pub fn finish(self) -> String {
        self.text
    }
}

/// A family that takes its samples.
#[derive(Debug)]
pub struct Family<'p> {
    page: &'p mut Page,
    metric: &'static Metric,
}

impl Family<'_> {
    /// Writes a sample; `labels` are the values of the metric's labels, in their order.
    pub fn sample(&mut self, labels: &[&str], value: impl Display) {
        self.line("", labels, None, value);
    }

    /// Writes a histogram whose bounds have `per_unit` to one of the metric's units.
    pub fn histogram<const N: usize>(
        &mut self,
        labels: &[&str],
        histogram: &Histogram<N>,
        per_unit: f64,
    ) {
        for (bound, count) in histogram.cumulative() {
            let bound = (bound as f64 / per_unit).to_string();
            self.line("_bucket", labels, Some(&bound), count);
        }
        self.line("_bucket", labels, Some("+Inf"), histogram.count());
        self.line("_sum", labels, None, histogram.sum() as f64 / per_unit);
        self.line("_count", labels, None, histogram.count());
    }

    fn line(&mut self, suffix: &str, labels: &[&str], bound: Option<&str>, value: impl Display) {
        debug_assert_eq!(labels.len(), self.metric.labels.len(), "{}", self.metric.name);
        let Page { text, constant } = &mut *self.page;
        text.push_str(self.metric.name);
        text.push_str(suffix);
        let start = text.len();
        text.push_str(constant);
        for (label, value) in self.metric.labels.iter().zip(labels) {
            push_label(text, label.name, value);
        }
        if let Some(bound) = bound {
            push_label(text, "le", bound);
        }
        if text.len() > start {
            // Every label begins with a comma; the first one's place is the bracket's.
            text.replace_range(start..=start, "{");
            text.push('}');
        }
        write(text, format_args!(" {value}\n"));
    }
}

fn push_label(text: &mut String, name: &str, value: &str) {
    text.push(',');
    text.push_str(name);
    text.push_str("=\"");
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text.push('"');
}

fn write(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a String takes every text");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Label;

    static PLAIN: Metric = Metric::gauge("plain", "keys", "Help");
    static BY_TOPIC: Metric = Metric::histogram("lasted_seconds", "seconds", "Help")
        .by(&[Label { name: "topic", values: "any" }]);
    const BOUNDS: [u64; 2] = [5, 1_000];

    #[test]
    fn a_sample_without_labels_has_no_brackets() {
        let mut page = Page::new(&[]);
        page.single(&PLAIN, 1.5);
        assert_eq!(page.finish(), "# HELP plain Help\n# TYPE plain gauge\nplain 1.5\n");
    }

    #[test]
    fn label_values_are_quoted_as_prometheus_reads_them() {
        let mut page = Page::new(&[("worker", "a\"b\\c\nd")]);
        page.single(&PLAIN, 1);
        assert!(page.finish().ends_with("plain{worker=\"a\\\"b\\\\c\\nd\"} 1\n"));
    }

    #[test]
    fn a_histogram_is_told_in_the_metrics_unit() {
        let mut histogram = Histogram::new(&BOUNDS);
        [3, 700, 2_000].into_iter().for_each(|millis| histogram.observe(millis));
        let mut page = Page::new(&[("worker", "w")]);
        page.family(&BY_TOPIC).histogram(&["t"], &histogram, 1e3);
        let text = page.finish();
        let samples: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            samples,
            [
                r#"lasted_seconds_bucket{worker="w",topic="t",le="0.005"} 1"#,
                r#"lasted_seconds_bucket{worker="w",topic="t",le="1"} 2"#,
                r#"lasted_seconds_bucket{worker="w",topic="t",le="+Inf"} 3"#,
                r#"lasted_seconds_sum{worker="w",topic="t"} 2.703"#,
                r#"lasted_seconds_count{worker="w",topic="t"} 3"#,
            ]
        );
    }
}
