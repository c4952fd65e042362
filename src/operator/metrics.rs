//! The operator's own metrics.

use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec};

use super::queue::Key;
use rollcall_service::metrics::{Metric, Process, Registry, catalogue::operator};

/// The operator's metrics. Clones share the counters.
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

/// From a look at an unchanged object to a reset of its topics.
const BUCKETS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

impl Metrics {
    /// # Errors
    /// Invalid or duplicate names, which the tests rule out.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new(&[]);
        let counters = |metric: &Metric| IntCounterVec::new(metric.opts(), &metric.label_names());
        let gauge = |metric: &Metric| IntGauge::with_opts(metric.opts());
        let seconds = HistogramOpts::from(operator::SECONDS.opts()).buckets(BUCKETS.to_vec());
        let metrics = Self {
            reconciles: counters(&operator::RECONCILES)?,
            errors: counters(&operator::ERRORS)?,
            seconds: Histogram::with_opts(seconds)?,
            queue_length: gauge(&operator::QUEUE)?,
            leader: gauge(&operator::LEADER)?,
            ready: IntGaugeVec::new(operator::READY.opts(), &operator::READY.label_names())?,
            objects: gauge(&operator::OBJECTS)?,
            registry,
        };
        let registry = &metrics.registry;
        registry.add(metrics.reconciles.clone())?;
        registry.add(metrics.errors.clone())?;
        registry.add(metrics.seconds.clone())?;
        registry.add(metrics.queue_length.clone())?;
        registry.add(metrics.leader.clone())?;
        registry.add(metrics.ready.clone())?;
        registry.add(metrics.objects.clone())?;
        registry.add(Process::default())?;
        // So that rates begin at zero and not at the first error.
        for result in ["ok", "error"] {
            metrics.reconciles.with_label_values(&[result]);
        }
        Ok(metrics)
    }

    /// Returns the registry of everything that the operator exposes.
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Returns the metric that says whether an object is ready.
    pub fn ready(&self, key: &Key) -> IntGauge {
        self.ready.with_label_values(&[key.namespace.as_str(), &key.name])
    }

    /// Removes the metrics of an object.
    pub fn forget(&self, key: &Key) {
        // It may never have been set.
        let _ = self.ready.remove_label_values(&[key.namespace.as_str(), &key.name]);
    }

    /// Removes the metrics that only a leader can report.
    pub fn stand_by(&self) {
        self.leader.set(0);
        self.queue_length.set(0);
        self.objects.set(0);
        self.ready.reset();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use rollcall_service::metrics::catalogue;

    #[test]
    fn every_metric_of_the_catalogue_is_told_and_no_other() {
        let metrics = Metrics::new().expect("legal names");
        metrics.ready(&Key { namespace: "shop".to_owned(), name: "shipping".to_owned() }).set(1);
        metrics.errors.with_label_values(&["ApiError"]).inc();
        let text = metrics.registry().render().expect("fitting families");
        let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let told: BTreeSet<_> = lines.filter_map(|line| line.split(' ').next()).collect();
        let own = catalogue::OPERATOR.iter().flat_map(|group| group.metrics);
        let all = own.chain(catalogue::process::GROUP.metrics);
        let known: BTreeSet<_> = all.map(|metric| metric.name).collect();
        assert_eq!(told, known);
    }

    #[test]
    fn the_metrics_are_named_as_dashboards_know_them() {
        let metrics = Metrics::new().expect("legal names");
        let key = Key { namespace: "shop".to_owned(), name: "shipping".to_owned() };
        metrics.ready(&key).set(1);
        metrics.errors.with_label_values(&["ApiError"]).inc();
        let text = metrics.registry().render().expect("fitting families");
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
        assert!(!metrics.registry().render().expect("fitting families").contains("shipping"));
    }
}
