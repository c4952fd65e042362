//! Prints what a reconciliation emits, as its transactions are committed.

use std::io::Write;
use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use tracing::warn;

use super::connection::Cluster;
use super::quiet::Quiet;
use super::stop::Stop;
use super::{Error, Result};
use rollcall_core::text::escape::printable;
use rollcall_kafka::TokenClient;

const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// Which records to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Beginning,
    Now,
}

/// Prints all outputs to `out`, one line each, until asked to stop. Only what is committed is seen,
/// and no consumer group is used.
///
/// # Errors
/// When a topic is missing or the output is closed.
pub fn watch(cluster: &Cluster, from: From, out: &mut impl Write, stop: &Stop) -> Result<()> {
    let topics = &cluster.topics;
    let mut labels = vec![
        (topics.completed.as_str(), "completed"),
        (topics.overdue.as_str(), "overdue"),
        (topics.dead_letter.as_str(), "dead-letter"),
    ];
    labels.extend(topics.failed.as_deref().map(|topic| (topic, "failed")));
    labels.extend(topics.cancelled.as_deref().map(|topic| (topic, "cancelled")));
    let names: Vec<&str> = labels.iter().map(|(topic, _)| *topic).collect();
    let partitions = cluster.await_topics(&names, stop)?;

    let consumer = consumer(cluster)?;
    let start = match from {
        From::Beginning => Offset::Beginning,
        From::Now => Offset::End,
    };
    let mut assignment = TopicPartitionList::new();
    for (name, partitions) in names.iter().zip(partitions) {
        for partition in 0..partitions {
            assignment
                .add_partition_offset(name, partition, start)
                .expect("beginning and end are offsets");
        }
    }
    consumer.assign(&assignment).map_err(|error| Error::kafka("cannot read", &error))?;
    drop(assignment);
    while !stop.is_raised() {
        match consumer.poll(POLL_TIMEOUT) {
            None => {}
            Some(Ok(message)) => {
                let topic = message.topic();
                let label = labels.iter().find(|(name, _)| *name == topic).map_or("", |(_, l)| l);
                writeln!(out, "{}", line(label, &message)).map_err(|_| Error::Stopped)?;
            }
            Some(Err(KafkaError::MessageConsumptionFatal(error))) => {
                return Err(Error::Misconfigured(format!("cannot read {names:?}: {error}")));
            }
            Some(Err(error)) => warn!("still trying: {error}"),
        }
    }
    Ok(())
}

fn consumer(cluster: &Cluster) -> Result<TokenClient<BaseConsumer<Quiet>>> {
    let consumer = cluster
        .client
        .clone()
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        // The client requires a name; no group of this name is ever joined or committed to.
        .set("group.id", "rollcall-watch")
        .set("fetch.wait.max.ms", "50")
        .create_with_context(Quiet::default())
        .map_err(|error| Error::Misconfigured(error.to_string()))?;
    cluster.keep(consumer)
}

/// Returns the record as one line; control characters are escaped so that it stays one line.
fn line(label: &str, message: &BorrowedMessage<'_>) -> String {
    let time = message.timestamp().to_millis().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let time = time.map_or_else(String::new, |time| {
        format!("{:.3}", time.to_zoned_datetime(TimeZone::system()).datetime())
    });
    let mut line = format!("{time} {label:<11} {}", text(message.key()));
    line.push(' ');
    line.push_str(&text(message.payload()));
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    for header in headers.filter(|header| header.key.starts_with("rollcall-")) {
        let name = printable(header.key);
        line.push_str(&format!(" {name}={}", text(header.value)));
    }
    line
}

fn text(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "null".into() };
    printable(&String::from_utf8_lossy(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_record_holds_stays_one_line() {
        assert_eq!(text(Some(b"{\n\t\"a\": \"\x1b[2J\"}")), r#"{\n\t"a": "\u{1b}[2J"}"#);
        assert_eq!(text(Some(b"\xff{")), "\u{fffd}{");
        assert_eq!(text(None), "null");
    }
}
