//! All metrics that a process exposes, and the text format that Prometheus reads.

use std::sync::Arc;

use prometheus::{TextEncoder, core::Collector};

/// All metrics that a process exposes. Clones share them.
#[derive(Debug, Clone)]
pub struct Registry(Arc<prometheus::Registry>);

impl Registry {
    /// Content type of the text format that every Prometheus reads.
    pub const CONTENT_TYPE: &'static str = prometheus::TEXT_FORMAT;

    /// Returns a registry whose samples all have these labels.
    pub fn new(constant: &[(&str, &str)]) -> Self {
        let labels = constant.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let registry = prometheus::Registry::new_custom(None, Some(labels.collect()));
        Self(Arc::new(registry.expect("only an empty prefix is refused")))
    }

    /// Adds a collector that is called at every scrape.
    ///
    /// # Errors
    /// When a name is a duplicate or invalid, which the catalogue's tests rule out.
    pub fn add(&self, collector: impl Collector + 'static) -> prometheus::Result<()> {
        self.0.register(Box::new(collector))
    }

    /// Returns the text. May block, because collectors may read files.
    ///
    /// # Errors
    /// Inconsistent families.
    pub fn render(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.0.gather())
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{core::Desc, proto::MetricFamily};

    use super::*;
    use crate::metrics::{Families, Label, Metric};
    use rollcall_core::record::Histogram;

    static PLAIN: Metric = Metric::gauge("plain", "keys", "Help");
    static SILENT: Metric = Metric::counter("silent_total", "keys", "Help");
    static BY_TOPIC: Metric = Metric::histogram("lasted_seconds", "seconds", "Help")
        .by(&[Label { name: "topic", values: "any" }]);
    const BOUNDS: [u64; 2] = [5, 1_000];

    /// Collects what the function adds.
    struct Fixed(Vec<Desc>, fn(&mut Families));

    impl Collector for Fixed {
        fn desc(&self) -> Vec<&Desc> {
            self.0.iter().collect()
        }

        fn collect(&self) -> Vec<MetricFamily> {
            let mut families = Families::default();
            (self.1)(&mut families);
            families.finish()
        }
    }

    fn text(constant: &[(&str, &str)], collect: fn(&mut Families)) -> String {
        let registry = Registry::new(constant);
        let descs = [&PLAIN, &SILENT, &BY_TOPIC].map(Metric::desc);
        registry.add(Fixed(descs.into(), collect)).expect("names are legal");
        registry.render().expect("families fit")
    }

    #[test]
    fn a_sample_without_labels_has_no_brackets_and_a_family_without_samples_is_not_told() {
        let text = text(&[], |families| {
            families.single(&PLAIN, 1.5);
            families.family(&SILENT);
        });
        assert_eq!(text, "# HELP plain Help\n# TYPE plain gauge\nplain 1.5\n");
    }

    #[test]
    fn label_values_are_quoted_as_prometheus_reads_them() {
        let text = text(&[("worker", "a\"b\\c\nd")], |families| families.single(&PLAIN, 1_u64));
        assert!(text.ends_with("plain{worker=\"a\\\"b\\\\c\\nd\"} 1\n"), "{text}");
    }

    #[test]
    fn a_histogram_is_told_in_the_metrics_unit() {
        let text = text(&[("worker", "w")], |families| {
            let mut histogram = Histogram::new(&BOUNDS);
            [3, 700, 2_000].into_iter().for_each(|millis| histogram.observe(millis));
            families.family(&BY_TOPIC).histogram(&["t"], &histogram, 1e3);
        });
        let samples: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            samples,
            [
                r#"lasted_seconds_bucket{topic="t",worker="w",le="0.005"} 1"#,
                r#"lasted_seconds_bucket{topic="t",worker="w",le="1"} 2"#,
                r#"lasted_seconds_bucket{topic="t",worker="w",le="+Inf"} 3"#,
                r#"lasted_seconds_sum{topic="t",worker="w"} 2.703"#,
                r#"lasted_seconds_count{topic="t",worker="w"} 3"#,
            ]
        );
    }

    #[test]
    fn large_counts_are_written_out() {
        let text = text(&[], |families| families.single(&PLAIN, 9_007_199_254_740_991_u64));
        assert!(text.ends_with("plain 9007199254740991\n"), "{text}");
    }
}
