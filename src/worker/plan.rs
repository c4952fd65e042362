//! Converts validated settings into what shards and Kafka clients need.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use rollcall_core::{
    codec::{
        Decoder, Outputs,
        input::Formats,
        output::{Constant, Facts, Fields, OutputSettings, Stamp},
    },
    record::Sink,
    shard::{self, Identity, OnStep, OnTruncation, Placement, Plan, StartFrom},
};
use rollcall_kafka::{Carried, Topics, Wanted};
use rollcall_object::{
    Settings,
    resource::{self, FactsSpec, OutputTimestamp},
};
use rollcall_service::telemetry::Who;

use super::step_log;

/// Bounds of the time after which idle shards commit their offsets again.
const RENEWAL_MIN: Duration = Duration::from_secs(5);
const RENEWAL_MAX: Duration = Duration::from_secs(3_600);

/// Returns the topics that the reconciliation needs.
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
        failed: settings.output(Sink::Failed).map(str::to_owned),
        cancelled: settings.output(Sink::Cancelled).map(str::to_owned),
        manage: settings.topics.manage,
        create_inputs: settings.topics.create_inputs,
        partitions: settings.topics.partitions,
        replication_factor: settings.topics.replication_factor,
        changelog_config,
        row_bytes_max: settings.limits.row_bytes_max,
        key_bytes_max: settings.limits.key_bytes_max,
        carried: carried(settings),
        memory: settings.deadlines.memory,
        source_times: settings.output_timestamp == OutputTimestamp::Source,
    }
}

fn carried(settings: &Settings) -> Carried {
    let bytes = |constants: &[Constant]| {
        // Each has a colon and a comma, and quotes that its name may have to be escaped between.
        let bytes = |it: &Constant| 4 + 6 * it.name.len() + it.value.to_string().len();
        constants.iter().map(bytes).sum()
    };
    Carried {
        kept: settings.keeps(),
        list: settings.completed.items_field.is_some(),
        completed_bytes: bytes(&settings.completed.fields),
        failed_bytes: settings.failed.as_ref().map_or(0, |failed| bytes(&failed.fields)),
    }
}

/// Compiles the reconciliation for its shards.
///
/// `formats` are those of the inputs, in their order.
pub fn plan(settings: &Settings, topics: &Topics, formats: Vec<Formats>) -> Plan {
    let mut rules = settings.rules();
    rules.row_bytes_max = rules.row_bytes_max.min(topics.largest_row());
    rules.list_bytes_max = rules.list_bytes_max.map(|_| topics.list_bytes_max);
    let outputs = OutputSettings {
        reconciliation: settings.name.clone(),
        key_field: settings.completed.key_field.clone(),
        facts: match settings.completed.facts {
            FactsSpec::LateHeader => Facts::LateHeader,
            FactsSpec::Headers => Facts::Headers,
            FactsSpec::Value => Facts::Value,
        },
        fields: Fields {
            items: settings.completed.items_field.clone(),
            completed: settings.completed.fields.clone(),
            failed: settings.failed.as_ref().map_or_else(Vec::new, |failed| failed.fields.clone()),
        },
        stamp: match settings.output_timestamp {
            OutputTimestamp::Commit => Stamp::Commit,
            OutputTimestamp::Source => Stamp::Source,
        },
        dead_letter_bytes_max: topics.dead_letter_bytes_max,
    };
    let outputs = Outputs::new(outputs, &rules);
    Plan {
        name: settings.name.clone(),
        identity: identity(settings, topics.partitions),
        rules,
        times: settings.times(),
        inputs: decoders(settings, formats),
        topics: topics.inputs.clone(),
        outputs: outputs.expect("validation has checked the key field"),
        key_bytes_max: settings.limits.key_bytes_max,
        placement: Arc::new(placement(settings, topics)),
        start_from: match settings.start_from {
            resource::StartFrom::Earliest => StartFrom::Earliest,
            resource::StartFrom::Latest => StartFrom::Latest,
        },
        on_truncation: match settings.on_truncation {
            resource::OnTruncation::Stop => OnTruncation::Stop,
            resource::OnTruncation::Continue => OnTruncation::Continue,
        },
        deadlines: settings.deadlines_fingerprint(),
        offsets_renewed_every: renewal(topics.offsets_retention),
        tombstones_kept: topics.tombstones_kept.saturating_sub(grace(topics.tombstones_kept)),
        on_step: settings.log_records.then(|| Arc::new(step_log::log) as OnStep),
        span_seed: None,
    }
}

fn decoders(settings: &Settings, formats: Vec<Formats>) -> Vec<Decoder> {
    let inputs = settings.inputs().into_iter().zip(formats);
    inputs.map(|(topic, formats)| settings.decoder(topic, formats)).collect()
}

/// Returns the identity of the shards' owner.
pub fn identity(settings: &Settings, partitions: i32) -> Identity {
    let inputs: Vec<String> = settings.inputs().into_iter().map(str::to_owned).collect();
    Identity {
        namespace: settings.namespace.clone(),
        name: settings.name.clone(),
        uid: settings.uid.clone(),
        counting: settings.counting,
        topics: shard::InputTopics::of(&inputs),
        partitions: NonZeroU32::new(partitions.unsigned_abs()),
    }
}

/// Returns how often idle shards commit their offsets again: well within the time for which brokers
/// keep the offsets of topics that nobody subscribes to, and every hour if that is unknown.
fn renewal(offsets_retention: Option<Duration>) -> Duration {
    let often = offsets_retention.map_or(RENEWAL_MAX, |kept| kept / 4);
    often.clamp(RENEWAL_MIN, RENEWAL_MAX)
}

fn placement(settings: &Settings, topics: &Topics) -> Placement {
    let partitions = NonZeroU32::new(topics.partitions.unsigned_abs());
    let partitions = partitions.expect("a topic has a partition");
    Placement::new(settings.partitioning, topics.inputs.clone(), partitions)
        .with(settings.keys_are())
}

/// The safety margin taken off the time that tombstones are kept, since the broker's clock differs
/// from ours: an hour, or half of the time if that is less.
fn grace(kept: Duration) -> Duration {
    Duration::from_secs(3_600).min(kept / 2)
}

/// Returns the identity that the worker's spans carry.
pub fn who(settings: &Settings, topics: &Topics, instance_id: &str) -> Who {
    Who {
        reconciliation: settings.name.clone(),
        group: settings.group_id().to_owned(),
        worker: instance_id.to_owned(),
        inputs: topics.inputs.clone(),
        completed: topics.completed.clone(),
        completed_partitions: topics.completed_partitions.unsigned_abs(),
    }
}
