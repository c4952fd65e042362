//! All metrics, grouped by subject.
//!
//! Promise: names and labels are a contract with dashboards, alerts and users: they are added,
//! never renamed.

pub mod business;
pub mod client;
pub mod commits;
pub mod input;
pub mod operator;
pub mod process;
pub mod restore;
pub mod schemas;
pub mod sharding;
pub mod store;
pub mod tracing;

use super::{Label, Metric};

/// Metrics about one subject.
#[derive(Debug)]
pub struct Group {
    pub title: &'static str,
    /// An introduction, as Markdown.
    pub about: &'static str,
    pub metrics: &'static [&'static Metric],
}

impl Group {
    /// Returns whether every process that has metrics exposes these, including the operator.
    pub fn is_of_every_process(&self) -> bool {
        std::ptr::eq(self, &process::GROUP)
    }
}

/// The metrics of a worker.
pub static WORKER: [&Group; 10] = [
    &business::GROUP,
    &input::GROUP,
    &sharding::GROUP,
    &restore::GROUP,
    &commits::GROUP,
    &store::GROUP,
    &client::GROUP,
    &schemas::GROUP,
    &tracing::GROUP,
    &process::GROUP,
];

/// The metrics of the operator, in addition to those of its process.
pub static OPERATOR: [&Group; 1] = [&operator::GROUP];

const SHARD: Label = Label { name: "shard", values: "the partition's number" };
/// For gauges that a worker with many shards gives for some of them.
const SHARD_OR_OTHERS: Label =
    Label { name: "shard", values: "the partition's number, or `others` (see above)" };
/// The same without a value for the others.
const SOME_SHARD: Label = Label { name: "shard", values: "the partition's number (see above)" };
const TOPIC: Label = Label { name: "topic", values: "the input topics" };
const REACTION: Label = Label {
    name: "reaction",
    values: "`fenced`, `outdated`, `aborted`, `oversized`, `corrupt`, `interrupted`, \
             `misconfigured`, `violated`",
};
const LANE: Label = Label { name: "lane", values: "the processing thread's number" };

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metrics::Kind;

    fn all() -> impl Iterator<Item = &'static Metric> {
        WORKER.iter().chain(&OPERATOR).flat_map(|group| group.metrics.iter().copied())
    }

    #[test]
    fn no_name_is_there_twice() {
        let mut seen = BTreeSet::new();
        all().for_each(|metric| assert!(seen.insert(metric.name), "{} twice", metric.name));
    }

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        for Metric { name, kind, unit, .. } in all() {
            assert!(name.starts_with("rollcall_") || name.starts_with("process_"), "{name}");
            assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
            let base = name.trim_end_matches("_total");
            if ["seconds", "bytes"].contains(unit) {
                assert!(base.ends_with(&format!("_{unit}")), "{name} is in {unit}");
            }
            for other in ["_ms", "_millis", "_minutes", "_kb", "_mib", "_percent"] {
                assert!(!base.ends_with(other), "{name}");
            }
        }
    }

    #[test]
    fn help_is_one_sentence_without_its_full_stop() {
        for Metric { name, help, .. } in all() {
            assert!(!help.is_empty() && !help.ends_with('.') && !help.contains('\n'), "{name}");
        }
    }
}
