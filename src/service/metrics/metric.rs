//! The description of a metric.

use prometheus::{Opts, core::Desc};

/// One metric family, as it is registered and documented.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// By Prometheus' conventions: base units, `_total` for counters.
    pub name: &'static str,
    pub kind: Kind,
    /// What the value counts or measures, such as "seconds".
    pub unit: &'static str,
    /// In addition to the labels that all metrics of a process have.
    pub labels: &'static [Label],
    /// One sentence without a full stop.
    pub help: &'static str,
}

/// How the values may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, so it is queried with `rate`.
    Counter,
    Gauge,
    /// Counts by upper bound; queried with `histogram_quantile`.
    Histogram,
}

impl Kind {
    /// Returns the name in the text format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A label, and what bounds the number of its values.
#[derive(Debug, PartialEq, Eq)]
pub struct Label {
    pub name: &'static str,
    /// Its values, as the documentation lists them.
    pub values: &'static str,
}

impl Metric {
    /// Returns the descriptor to register it with.
    pub fn desc(&self) -> Desc {
        let labels = self.label_names().into_iter().map(str::to_owned).collect();
        let desc = Desc::new(self.name.to_owned(), self.help.to_owned(), labels, [].into());
        desc.expect("the catalogue's names are legal, which its tests look at")
    }

    /// Returns the options for a metric that keeps its own count.
    pub fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }

    pub fn label_names(&self) -> Vec<&'static str> {
        self.labels.iter().map(|label| label.name).collect()
    }

    pub(super) const fn counter(
        name: &'static str,
        unit: &'static str,
        help: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Counter, unit, labels: &[], help }
    }

    pub(super) const fn gauge(name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, unit, labels: &[], help }
    }

    pub(super) const fn histogram(
        name: &'static str,
        unit: &'static str,
        help: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Histogram, unit, labels: &[], help }
    }

    pub(super) const fn by(self, labels: &'static [Label]) -> Self {
        Self { labels, ..self }
    }
}
