//! From raw to validated, once: every mistake that can be found without asking Kafka is found here.
//!
//! Each part returns what it understood and adds its problems to the list, so that one run reports
//! all of them.

mod conditions;
mod connection;
mod deadlines;
mod envelope;
mod format;
mod keep;
mod oauth;
mod outcomes;
mod paths;
mod registry;
mod scalar;
mod together;
mod tracing;

use std::collections::HashMap;

use super::bounds;
use super::problem::Problems;
use super::resource::{
    CountingSpec, FailedWhenSpec, ObservedSpec, PartitionerSpec, ReconciliationSpec,
};
use super::settings::{
    Completed, FailedKeys, Limits, Observed, Settings, TopicCreation, changelog_topic,
};
use super::{Problem, Reconciliation, names};
use rollcall_core::codec::Partitioner;
use rollcall_core::codec::output::is_reserved;
use rollcall_core::matching::{Counting, FailedWhen};
use rollcall_core::shard::Partitioning;

/// Returns the settings that `object` stands for.
///
/// # Errors
/// Everything that is wrong with it.
pub fn validate(object: &Reconciliation) -> Result<Settings, Vec<Problem>> {
    let mut problems = Problems::default();
    let settings = settings(object, &mut problems);
    match problems.into_vec() {
        problems if problems.is_empty() => Ok(settings),
        problems => Err(problems),
    }
}

/// If a part has problems, its fields hold placeholders; the caller drops the result then.
fn settings(object: &Reconciliation, problems: &mut Problems) -> Settings {
    let spec = &object.spec;
    let name = object.metadata.name.clone().unwrap_or_default();
    problems.check("metadata.name", names::check_object(&name));
    let counting = match spec.counting {
        CountingSpec::Distinct => Counting::Distinct,
        CountingSpec::Quantity => Counting::Quantity,
    };
    let mut settings = Settings {
        kafka: connection::kafka(&spec.kafka, &name, problems),
        registry: registry::registry(spec.registry.as_ref(), problems),
        expected: paths::expected(spec, counting, problems),
        observed: observed(&spec.observed, counting, problems),
        completed: completed(spec, problems),
        overdue_topic: topic(spec.overdue.topic.as_ref(), &name, "overdue"),
        failed: failed(spec, &name, problems),
        cancelled_topic: spec
            .cancelled
            .as_ref()
            .map(|cancelled| topic(cancelled.topic.as_ref(), &name, "cancelled")),
        dead_letter_topic: topic(spec.dead_letter.topic.as_ref(), &name, "dead-letter"),
        deadlines: deadlines::deadlines(spec, problems),
        counting,
        commit_interval: scalar::duration(
            "spec.commitInterval",
            &spec.commit_interval,
            bounds::COMMIT_INTERVAL,
            problems,
        )
        .unwrap_or_default(),
        commit_budget: scalar::count(
            "spec.commitBudget",
            spec.commit_budget,
            bounds::COMMIT_BUDGET,
            problems,
        )
        .unsigned_abs(),
        start_from: spec.start_from,
        on_truncation: spec.on_truncation,
        output_timestamp: spec.output_timestamp,
        partitioning: partitioning(spec.partitioner),
        topics: topics(spec, problems),
        limits: limits(spec, problems),
        memory_budget_bytes: memory_budget(spec, problems),
        log_records: spec.log_records,
        tracing: tracing::tracing(spec.tracing.as_ref(), problems),
        paused: spec.paused,
        replicas: scalar::count("spec.replicas", spec.replicas, bounds::REPLICAS, problems)
            .unsigned_abs(),
        namespace: object.metadata.namespace.clone(),
        uid: object.metadata.uid.clone(),
        name,
    };
    if let Some(storage) = &spec.storage {
        scalar::bytes("spec.storage.size", &storage.size, bounds::STORAGE, problems);
    }
    if let Some(console) = &spec.console {
        scalar::count("spec.console.replicas", console.replicas, bounds::CONSOLES, problems);
    }
    together::check(spec, &settings, problems);
    check_key_field(&settings, problems);
    keep::check(spec, &settings, problems);
    conditions::check_order(spec, problems);
    format::check(spec, problems);
    outcomes::check(spec, problems);
    check_topics(spec, &settings, problems);
    // Rows refer to inputs by number, so listing them in another order must not change the numbers.
    settings.observed.sort_by(|a, b| a.topic.cmp(&b.topic));
    settings
}

fn partitioning(partitioner: PartitionerSpec) -> Partitioning {
    match partitioner {
        PartitionerSpec::Auto => Partitioning::Auto,
        PartitionerSpec::Murmur2 => Partitioning::Named(Partitioner::Murmur2),
        PartitionerSpec::Crc32 => Partitioning::Named(Partitioner::Crc32),
        PartitionerSpec::Fnv1a => Partitioning::Named(Partitioner::Fnv1a),
        PartitionerSpec::Unchecked => Partitioning::Unchecked,
    }
}

fn memory_budget(spec: &ReconciliationSpec, problems: &mut Problems) -> Option<u64> {
    let budget = spec.memory_budget.as_ref()?;
    scalar::bytes("spec.memoryBudget", budget, bounds::MEMORY_BUDGET, problems)
}

fn topic(given: Option<&String>, name: &str, suffix: &str) -> String {
    given.cloned().unwrap_or_else(|| format!("{name}-{suffix}"))
}

fn observed(specs: &[ObservedSpec], counting: Counting, problems: &mut Problems) -> Vec<Observed> {
    if specs.is_empty() {
        problems.add("spec.observed", "is empty", "name at least one topic of observations");
    }
    if specs.len() > bounds::OBSERVED_MAX as usize {
        problems.add(
            "spec.observed",
            format!("has {} entries", specs.len()),
            format!("write at most {}", bounds::OBSERVED_MAX),
        );
    }
    let one = |(index, spec)| {
        paths::observed(&format!("spec.observed[{index}]"), spec, counting, problems)
    };
    specs.iter().enumerate().map(one).collect()
}

fn check_key_field(settings: &Settings, problems: &mut Problems) {
    let path = "spec.completed.keyField";
    let key_field = &settings.completed.key_field;
    if key_field.is_empty() {
        problems.add(path, "is empty", "name the field that carries the key, such as orderId");
    } else if is_reserved(key_field, &settings.rules()) {
        problems.add(
            path,
            format!("\"{key_field}\" is the name of another field of output records"),
            "choose another one, such as key",
        );
    }
}

fn completed(spec: &ReconciliationSpec, problems: &mut Problems) -> Completed {
    let completed = &spec.completed;
    Completed {
        topic: completed.topic.clone(),
        key_field: completed.key_field.clone(),
        items_field: completed.items_field.clone(),
        fields: keep::constants("spec.completed.fields", &completed.fields, problems),
        facts: completed.facts,
    }
}

fn failed(spec: &ReconciliationSpec, name: &str, problems: &mut Problems) -> Option<FailedKeys> {
    let failed = spec.failed.as_ref()?;
    let when = match failed.when {
        FailedWhenSpec::First => FailedWhen::First,
        FailedWhenSpec::AllKnown => FailedWhen::AllKnown,
    };
    let fields = keep::constants("spec.failed.fields", &failed.fields, problems);
    Some(FailedKeys { topic: topic(failed.topic.as_ref(), name, "failed"), when, fields })
}

fn topics(spec: &ReconciliationSpec, problems: &mut Problems) -> TopicCreation {
    let topics = &spec.topics;
    let changelog = &topics.changelog;
    TopicCreation {
        manage: topics.manage,
        create_inputs: topics.create_inputs,
        partitions: topics.partitions.map(|partitions| {
            scalar::count("spec.topics.partitions", partitions, bounds::PARTITIONS, problems)
        }),
        replication_factor: topics.replication_factor.map(|factor| {
            scalar::count("spec.topics.replicationFactor", factor, bounds::REPLICATION, problems)
        }),
        changelog_delete_retention: scalar::duration(
            "spec.topics.changelog.deleteRetention",
            &changelog.delete_retention,
            bounds::DELETE_RETENTION,
            problems,
        )
        .unwrap_or_default(),
        changelog_segment_bytes: scalar::bytes(
            "spec.topics.changelog.segmentBytes",
            &changelog.segment_bytes,
            bounds::SEGMENT_BYTES,
            problems,
        )
        .unwrap_or_default(),
    }
}

fn limits(spec: &ReconciliationSpec, problems: &mut Problems) -> Limits {
    let limits = &spec.limits;
    let mut bytes = |path: &str, quantity, bounds| scalar::bytes(path, quantity, bounds, problems);
    let row = bytes("spec.limits.rowBytes", &limits.row_bytes, bounds::ROW_BYTES);
    let key = bytes("spec.limits.keyBytes", &limits.key_bytes, bounds::KEY_BYTES);
    let items = scalar::count(
        "spec.limits.itemsPerExpectation",
        limits.items_per_expectation,
        bounds::ITEMS,
        problems,
    );
    let timestamp_min_ms = scalar::instant(
        "spec.limits.timestampMin",
        &limits.timestamp_min,
        bounds::TIMESTAMP_MIN,
        problems,
    );
    let timestamp_ahead_max = scalar::duration(
        "spec.limits.timestampAhead",
        &limits.timestamp_ahead,
        bounds::TIMESTAMP_AHEAD,
        problems,
    );
    let size = |bytes: Option<u64>| usize::try_from(bytes.unwrap_or_default()).unwrap_or_default();
    Limits {
        row_bytes_max: size(row),
        items_per_expectation_max: usize::try_from(items).unwrap_or_default(),
        key_bytes_max: size(key),
        timestamp_min_ms: timestamp_min_ms.unwrap_or_default(),
        timestamp_ahead_max: timestamp_ahead_max.unwrap_or_default(),
    }
}

/// Checks that every topic is legal and serves one purpose, and that topics differ, also when Kafka
/// treats `.` and `_` alike.
fn check_topics(spec: &ReconciliationSpec, settings: &Settings, problems: &mut Problems) {
    let mut uses = vec![("spec.expected.topic".to_owned(), settings.lead_topic().to_owned())];
    for Observed { place, topic, .. } in &settings.observed {
        // Entries may share an input; see `conditions::check_order`.
        if uses.iter().all(|(_, known)| known != topic) {
            uses.push((format!("{place}.topic"), topic.clone()));
        }
    }
    uses.push(("spec.completed.topic".to_owned(), settings.completed.topic.clone()));
    uses.push(("spec.overdue.topic".to_owned(), settings.overdue_topic.clone()));
    uses.push(("spec.deadLetter.topic".to_owned(), settings.dead_letter_topic.clone()));
    if let Some(failed) = &settings.failed {
        uses.push(("spec.failed.topic".to_owned(), failed.topic.clone()));
    }
    if let Some(cancelled) = &settings.cancelled_topic {
        uses.push(("spec.cancelled.topic".to_owned(), cancelled.clone()));
    }
    // An invalid group or name has already been reported.
    let defaulted = [
        ("spec.overdue.topic", spec.overdue.topic.is_none()),
        ("spec.deadLetter.topic", spec.dead_letter.topic.is_none()),
        ("spec.failed.topic", spec.failed.as_ref().is_some_and(|failed| failed.topic.is_none())),
        ("spec.cancelled.topic", spec.cancelled.as_ref().is_some_and(|it| it.topic.is_none())),
    ];
    let is_default = |path: &str| defaulted.contains(&(path, true));
    let changelog = changelog_topic(&settings.kafka.group_id);
    let mut seen = HashMap::from([(
        names::collision_form(&changelog),
        ("the changelog".to_owned(), changelog),
    )]);
    for (path, topic) in uses {
        if !is_default(&path) && problems.check(&path, names::check_topic(&topic)).is_none() {
            continue;
        }
        match seen.get(&names::collision_form(&topic)) {
            Some((other, same)) if *same == topic => problems.add(
                path,
                format!("\"{topic}\" is also {other}"),
                "use every topic for one purpose",
            ),
            Some((other, near)) => problems.add(
                path,
                format!("\"{topic}\" differs from \"{near}\", {other}, only in . and _"),
                "choose another name; Kafka refuses to have both",
            ),
            None => {
                seen.insert(names::collision_form(&topic), (path, topic));
            }
        }
    }
}

#[cfg(test)]
mod tests;
