//! The operator's own metrics.

use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use super::queue::Key;

/// What the operator counts. Cloning shares the counters.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    pub reconciles: IntCounterVec,
    pub errors: IntCounterVec,
    pub seconds: Histogram,
    pub queue_length: IntGauge,
    pub leader: IntGauge,
    ready: IntGaugeVec,
    pub objects: IntGauge,
}

/// From a look at an object that is as it should be to a reset of its topics.
const BUCKETS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

impl Metrics {
    /// # Errors
    /// Names that are not legal, which is ruled out by the tests.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new_custom(Some("rollcall_operator".to_owned()), None)?;
        let seconds = HistogramOpts::new("reconcile_seconds", "How long looking at an object took");
        let metrics = Self {
            reconciles: IntCounterVec::new(
                Opts::new("reconciles_total", "Looks at objects"),
                &["result"],
            )?,
            errors: IntCounterVec::new(
                Opts::new("reconcile_errors_total", "Looks at objects that failed"),
                &["reason"],
            )?,
            seconds: Histogram::with_opts(seconds.buckets(BUCKETS.to_vec()))?,
            queue_length: IntGauge::new("queue_length", "Objects that wait to be looked at")?,
            leader: IntGauge::new("leader", "1 while this operator leads")?,
            ready: IntGaugeVec::new(
                Opts::new("ready", "1 for objects that are ready"),
                &["namespace", "name"],
            )?,
            objects: IntGauge::new("objects", "Reconciliations that are there")?,
            registry,
        };
        let all: [Box<dyn prometheus::core::Collector>; 7] = [
            Box::new(metrics.reconciles.clone()),
            Box::new(metrics.errors.clone()),
            Box::new(metrics.seconds.clone()),
            Box::new(metrics.queue_length.clone()),
            Box::new(metrics.leader.clone()),
            Box::new(metrics.ready.clone()),
            Box::new(metrics.objects.clone()),
        ];
        all.into_iter().try_for_each(|metric| metrics.registry.register(metric))?;
        // So that rates begin at zero and not at the first error.
        for result in ["ok", "error"] {
            metrics.reconciles.with_label_values(&[result]);
        }
        Ok(metrics)
    }

    /// Returns the metric that says whether an object is ready.
    pub fn ready(&self, key: &Key) -> IntGauge {
        self.ready.with_label_values(&[key.namespace.as_str(), &key.name])
    }

    /// Drops what is said of an object.
    pub fn forget(&self, key: &Key) {
        // It may never have been said.
        let _ = self.ready.remove_label_values(&[key.namespace.as_str(), &key.name]);
    }

    /// Drops what only a leader can say.
    pub fn stand_by(&self) {
        self.leader.set(0);
        self.queue_length.set(0);
        self.objects.set(0);
        self.ready.reset();
    }

    /// Returns all metrics in Prometheus' text format.
    ///
    /// # Errors
    /// Families that do not fit together.
    pub fn render(&self) -> prometheus::Result<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_are_named_as_dashboards_know_them() {
        let metrics = Metrics::new().expect("legal names");
        let key = Key { namespace: "shop".to_owned(), name: "shipping".to_owned() };
        metrics.ready(&key).set(1);
        metrics.errors.with_label_values(&["ApiError"]).inc();
        let text = metrics.render().expect("fitting families");
        for line in [
            "rollcall_operator_reconciles_total{result=\"ok\"} 0",
            "rollcall_operator_reconciles_total{result=\"error\"} 0",
            "rollcall_operator_reconcile_errors_total{reason=\"ApiError\"} 1",
            "rollcall_operator_reconcile_seconds_count 0",
            "rollcall_operator_queue_length 0",
            "rollcall_operator_leader 0",
            "rollcall_operator_objects 0",
            "rollcall_operator_ready{name=\"shipping\",namespace=\"shop\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        metrics.forget(&key);
        assert!(!metrics.render().expect("fitting families").contains("shipping"));
    }
}
