//! What is told of a metric before it has a value.

use prometheus::{Opts, core::Desc};

/// One metric family, as it is registered and documented.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// By the conventions of Prometheus: base units, `_total` for counters.
    pub name: &'static str,
    pub kind: Kind,
    /// What the value counts or measures, as in "seconds".
    pub unit: &'static str,
    /// Beside those that all metrics of a process have.
    pub labels: &'static [Label],
    /// One sentence without a full stop.
    pub help: &'static str,
}

/// What may be done with the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, so it is looked at through `rate`.
    Counter,
    Gauge,
    /// Counts by upper bound; looked at through `histogram_quantile`.
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
    /// Returns how it is registered.
    pub fn desc(&self) -> Desc {
        let labels = self.label_names().into_iter().map(str::to_owned).collect();
        let desc = Desc::new(self.name.to_owned(), self.help.to_owned(), labels, [].into());
        desc.expect("the catalogue's names are legal, which its tests look at")
    }

    /// Returns how one is made that counts by itself.
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
