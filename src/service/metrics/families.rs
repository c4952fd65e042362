//! What one scrape collects, in the types of the `prometheus` crate. Nothing is kept between
//! scrapes.

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram as Buckets, LabelPair, Metric as Sample, MetricFamily,
    MetricType,
};

use super::{Kind, Metric};
use rollcall_core::record::Histogram;

/// Families of the catalogue with their samples.
#[derive(Debug, Default)]
pub struct Families(Vec<MetricFamily>);

impl Families {
    /// Starts a family; each family is started once. One without samples is not exposed.
    pub fn family(&mut self, metric: &'static Metric) -> Family<'_> {
        let mut family = MetricFamily::default();
        family.set_name(metric.name.to_owned());
        family.set_help(metric.help.to_owned());
        family.set_field_type(match metric.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        self.0.push(family);
        let family = self.0.last_mut().expect("it was just pushed");
        Family { samples: family.mut_metric(), metric }
    }

    /// Collects a family of one sample without own labels.
    pub fn single(&mut self, metric: &'static Metric, value: impl Number) {
        self.family(metric).sample(&[], value);
    }

    /// Returns the families, as a `Collector` does.
    pub fn finish(self) -> Vec<MetricFamily> {
        self.0
    }
}

/// A family that samples are added to.
#[derive(Debug)]
pub struct Family<'f> {
    samples: &'f mut Vec<Sample>,
    metric: &'static Metric,
}

impl Family<'_> {
    /// Adds a sample; `labels` are the values of the metric's labels, in their order.
    pub fn sample(&mut self, labels: &[&str], value: impl Number) {
        let mut sample = self.labelled(labels);
        match self.metric.kind {
            Kind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value.number());
                sample.set_counter(counter);
            }
            Kind::Gauge | Kind::Histogram => {
                debug_assert_eq!(self.metric.kind, Kind::Gauge, "{}", self.metric.name);
                let mut gauge = Gauge::default();
                gauge.set_value(value.number());
                sample.set_gauge(gauge);
            }
        }
        self.samples.push(sample);
    }

    /// Adds a histogram whose bounds have `per_unit` to one of the metric's units.
    pub fn histogram<const N: usize>(
        &mut self,
        labels: &[&str],
        histogram: &Histogram<N>,
        per_unit: f64,
    ) {
        debug_assert_eq!(self.metric.kind, Kind::Histogram, "{}", self.metric.name);
        let bucket = |(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound as f64 / per_unit);
            bucket.set_cumulative_count(count);
            bucket
        };
        let mut buckets = Buckets::default();
        buckets.set_bucket(histogram.cumulative().map(bucket).collect());
        buckets.set_sample_sum(histogram.sum() as f64 / per_unit);
        buckets.set_sample_count(histogram.count());
        let mut sample = self.labelled(labels);
        sample.set_histogram(buckets);
        self.samples.push(sample);
    }

    fn labelled(&self, values: &[&str]) -> Sample {
        debug_assert_eq!(values.len(), self.metric.labels.len(), "{}", self.metric.name);
        let pair = |(label, value): (&super::Label, &&str)| {
            let mut pair = LabelPair::default();
            pair.set_name(label.name.to_owned());
            pair.set_value((*value).to_owned());
            pair
        };
        Sample::from_label(self.metric.labels.iter().zip(values).map(pair).collect())
    }
}

/// A sample's value. Prometheus has only floats: counts are exact up to 2⁵³.
pub trait Number {
    fn number(self) -> f64;
}

macro_rules! numbers {
    ($($number:ty: $convert:expr),*) => {$(
        impl Number for $number {
            fn number(self) -> f64 {
                $convert(self)
            }
        }

        impl Number for &$number {
            fn number(self) -> f64 {
                $convert(*self)
            }
        }
    )*};
}

numbers!(
    u8: f64::from,
    i32: f64::from,
    f64: f64::from,
    i64: |number| number as f64,
    u64: |number| number as f64,
    usize: |number| number as f64
);
