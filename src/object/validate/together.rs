//! Fields that are valid on their own but not together.

use super::envelope;
use crate::bytes;
use crate::problem::Problems;
use crate::resource::ReconciliationSpec;
use crate::settings::Settings;

/// Overhead of a changelog record beside key and row: batch header, record header, slack.
const RECORD_OVERHEAD_BYTES: u64 = 4096;
/// The Kafka client's `message.max.bytes` when the object does not set it.
const MESSAGE_MAX_BYTES_DEFAULT: u64 = 1_000_000;
/// The client's `session.timeout.ms` and `heartbeat.interval.ms` when the object does not set them.
const SESSION_MS_DEFAULT: u64 = 10_000;
const HEARTBEAT_MS_DEFAULT: u64 = 200;

/// Checks fields that have been read; 0 stands for a field that was already invalid.
pub(super) fn check(spec: &ReconciliationSpec, settings: &Settings, problems: &mut Problems) {
    if spec.topics.create_inputs && !spec.topics.manage {
        problems.add(
            "spec.topics.createInputs",
            "is true, while spec.topics.manage is false and no topic is made",
            "set spec.topics.manage: true, or remove createInputs and create the inputs yourself",
        );
    }
    rows(spec, settings, problems);
    client(spec, problems);
    envelope::check(spec, problems);
}

/// The largest row must fit through the client into a segment of the changelog.
fn rows(spec: &ReconciliationSpec, settings: &Settings, problems: &mut Problems) {
    let (row, key) = (settings.limits.row_bytes_max, settings.limits.key_bytes_max);
    let segment = settings.topics.changelog_segment_bytes;
    let (Ok(row), Ok(key)) = (u64::try_from(row), u64::try_from(key)) else { return };
    if row == 0 || key == 0 {
        return;
    }
    let needed = row + key + RECORD_OVERHEAD_BYTES;
    let message_max = property(spec, "message.max.bytes").unwrap_or(MESSAGE_MAX_BYTES_DEFAULT);
    if needed > message_max {
        problems.add(
            "spec.limits.rowBytes",
            format!("with the key it does not fit into a Kafka message of {message_max} bytes"),
            format!(
                "make it smaller, or set spec.kafka.properties message.max.bytes: \"{needed}\" \
                 and the brokers' message.max.bytes to as much"
            ),
        );
    }
    if segment > 0 && needed > segment {
        problems.add(
            "spec.topics.changelog.segmentBytes",
            "is smaller than one record with the largest row (spec.limits.rowBytes), which the \
             broker would refuse",
            format!(
                "write {} or more, or make spec.limits.rowBytes smaller",
                bytes::format(needed)
            ),
        );
    }
    let queue = property(spec, "queue.buffering.max.kbytes").map(|kbytes| kbytes * 1024);
    if let Some(queue) = queue.filter(|queue| *queue < needed.max(message_max)) {
        problems.add(
            "spec.kafka.properties[\"queue.buffering.max.kbytes\"]",
            format!(
                "holds {queue} bytes, less than one record may have, so it could never be sent"
            ),
            format!("write {} or more, or remove it", needed.max(message_max).div_ceil(1024)),
        );
    }
}

/// A member that sends heartbeats too rarely is removed from the group over and over.
fn client(spec: &ReconciliationSpec, problems: &mut Problems) {
    let session = property(spec, "session.timeout.ms").unwrap_or(SESSION_MS_DEFAULT);
    let heartbeat = property(spec, "heartbeat.interval.ms").unwrap_or(HEARTBEAT_MS_DEFAULT);
    if heartbeat.saturating_mul(3) > session {
        problems.add(
            "spec.kafka.properties[\"heartbeat.interval.ms\"]",
            format!(
                "is {heartbeat}, more than a third of session.timeout.ms ({session}), so the group \
                 would take a worker for dead that is not"
            ),
            "make it smaller, or session.timeout.ms larger",
        );
    }
}

/// A number that the object sets for the client; invalid ones have already been refused.
fn property(spec: &ReconciliationSpec, name: &str) -> Option<u64> {
    spec.kafka.properties.get(name)?.parse().ok()
}
