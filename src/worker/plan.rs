//! From checked settings to what shards and Kafka clients work with.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::ClientConfig;

use crate::{
    codec::{
        Input, Outputs, Path,
        input::{ExpectedPaths, Limits, ObservedPaths},
        output::{Facts, OutputSettings},
    },
    kafka::{Connection, Topics, Wanted},
    shard::{Error, OnTruncation, Plan, Result, StartFrom},
    spec::{
        Settings,
        object::{self, FactsSpec},
    },
};

/// Returns how to reach the cluster.
///
/// # Errors
/// When a secret cannot be read.
pub fn connection(settings: &Settings, instance_id: &str) -> Result<Connection> {
    let properties = settings
        .kafka
        .client_properties()
        .map_err(|error| Error::Misconfigured(error.to_string()))?;
    let mut base = ClientConfig::new();
    for (name, value) in properties {
        base.set(name, value);
    }
    let group = settings.group_id().to_owned();
    Ok(Connection { base, group, instance_id: instance_id.to_owned() })
}

/// Returns the topics that the reconciliation wants.
pub fn wanted(settings: &Settings) -> Wanted {
    let retention = settings.topics.changelog_delete_retention.as_millis();
    let changelog_config = BTreeMap::from([
        ("delete.retention.ms".to_owned(), retention.to_string()),
        ("segment.bytes".to_owned(), settings.topics.changelog_segment_bytes.to_string()),
    ]);
    Wanted {
        inputs: settings.inputs().into_iter().map(str::to_owned).collect(),
        completed: settings.completed.topic.clone(),
        overdue: settings.overdue_topic.clone(),
        dead_letter: settings.dead_letter_topic.clone(),
        manage: settings.topics.manage,
        partitions: settings.topics.partitions,
        replication_factor: settings.topics.replication_factor,
        changelog_config,
    }
}

/// Compiles the reconciliation for its shards.
///
/// # Errors
/// Paths that do not fit together, which validation has seen before.
pub fn plan(settings: &Settings, topics: &Topics) -> Result<Plan> {
    let mut rules = settings.rules();
    rules.row_bytes_max = rules.row_bytes_max.min(topics.row_bytes_max);
    let outputs = Outputs::new(OutputSettings {
        reconciliation: settings.name.clone(),
        key_field: settings.completed.key_field.clone(),
        facts: match settings.completed.facts {
            FactsSpec::LateHeader => Facts::LateHeader,
            FactsSpec::Headers => Facts::Headers,
            FactsSpec::Value => Facts::Value,
        },
        dead_letter_bytes_max: topics.dead_letter_bytes_max,
    });
    Ok(Plan {
        name: settings.name.clone(),
        rules,
        inputs: inputs(settings)?,
        topics: topics.inputs.clone(),
        outputs: outputs.map_err(|error| Error::Misconfigured(error.to_string()))?,
        key_bytes_max: settings.limits.key_bytes_max,
        start_from: match settings.start_from {
            object::StartFrom::Earliest => StartFrom::Earliest,
            object::StartFrom::Latest => StartFrom::Latest,
        },
        on_truncation: match settings.on_truncation {
            object::OnTruncation::Stop => OnTruncation::Stop,
            object::OnTruncation::Continue => OnTruncation::Continue,
        },
        deadlines: settings.deadlines_fingerprint(),
        // An hour of grace: the broker's clock is not ours.
        tombstones_kept: topics.tombstones_kept.saturating_sub(Duration::from_secs(3_600)),
        log_records: settings.log_records,
    })
}

fn inputs(settings: &Settings) -> Result<Vec<Input>> {
    let misconfigured = |what: &str, error: &dyn std::fmt::Display| {
        Error::Misconfigured(format!("{what}: {error}"))
    };
    let path = |text: &str| Path::parse(text).map_err(|error| misconfigured(text, &error));
    let optional = |text: &Option<String>| text.as_deref().map(path).transpose();
    let limits = Limits {
        key_bytes_max: settings.limits.key_bytes_max,
        items_max: settings.limits.items_per_expectation_max,
    };
    let expected = &settings.expected;
    let paths = ExpectedPaths {
        key: optional(&expected.key)?,
        items: path(&expected.items)?,
        quantity: optional(&expected.quantity)?,
    };
    let mut inputs = vec![
        Input::expected(&paths, settings.counting, limits)
            .map_err(|error| misconfigured("spec.expected", &error))?,
    ];
    for observed in &settings.observed {
        let paths = ObservedPaths {
            key: optional(&observed.key)?,
            item: path(&observed.item)?,
            quantity: optional(&observed.quantity)?,
        };
        inputs.push(
            Input::observed(&paths, settings.counting, limits)
                .map_err(|error| misconfigured("spec.observed", &error))?,
        );
    }
    Ok(inputs)
}
