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
use rollcall_core::text::escape::{bytes_in_hex, printable};
use rollcall_kafka::{HeadersOf, TokenClient};
use rollcall_registry::{SchemaTimeout, Shown, Viewer};

const POLL_TIMEOUT: Duration = Duration::from_millis(100);
/// How long a record may wait for its schema.
const SCHEMA_TIMEOUT: Duration = Duration::from_secs(3);
/// How many bytes of a value that could not be decoded are printed.
const HEX_BYTES_MAX: usize = 1 << 10;
/// What an object calls JSON, of which text says more than its bytes.
const JSON: &str = "json";

/// Which records to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Beginning,
    Now,
}

/// Prints all outputs to `out`, one line each, until asked to stop. Only what is committed is seen,
/// and no consumer group is used. Dead letters are printed as `viewer` shows them.
///
/// # Errors
/// When a topic is missing or the output is closed.
pub fn watch(
    cluster: &Cluster,
    viewer: &Viewer,
    from: From,
    out: &mut impl Write,
    stop: &Stop,
) -> Result<()> {
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
                writeln!(out, "{}", line(label, &message, viewer)).map_err(|_| Error::Stopped)?;
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
fn line(label: &str, message: &BorrowedMessage<'_>, viewer: &Viewer) -> String {
    let time = message.timestamp().to_millis().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let time = time.map_or_else(String::new, |time| {
        format!("{:.3}", time.to_zoned_datetime(TimeZone::system()).datetime())
    });
    let mut line = format!("{time} {label:<11} {}", text(message.key()));
    line.push(' ');
    let mut timeout = SchemaTimeout::new(SCHEMA_TIMEOUT);
    let headers = HeadersOf(message);
    let shown = message
        .payload()
        .and_then(|value| viewer.show(message.topic(), value, &headers, &mut timeout));
    line.push_str(&value(message.payload(), shown.as_ref()));
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    for header in headers.filter(|header| header.key.starts_with("rollcall-")) {
        let name = printable(header.key);
        line.push_str(&format!(" {name}={}", text(header.value)));
    }
    line
}

/// Returns a value with its format and the id of its schema, if it is not JSON, and with the reason
/// if it could not be decoded.
fn value(bytes: Option<&[u8]>, shown: Option<&Shown<'_>>) -> String {
    let (Some(bytes), Some(Shown { format, schema, json })) = (bytes, shown) else {
        return text(bytes);
    };
    let is_text = *format == JSON && std::str::from_utf8(bytes).is_ok();
    let mut line = match json {
        Ok(json) => printable(json).into_owned(),
        Err(_) if is_text => return text(Some(bytes)),
        Err(_) => {
            let rest = bytes.len().saturating_sub(HEX_BYTES_MAX);
            let more = if rest > 0 { format!("… and {rest} bytes more") } else { String::new() };
            format!("0x{}{more}", bytes_in_hex(bytes, HEX_BYTES_MAX))
        }
    };
    if *format != JSON {
        line.push_str(&format!(" format={format}"));
    }
    if let Some(schema) = schema {
        line.push_str(&format!(" schema={schema}"));
    }
    if let Err(why) = json {
        line.push_str(&format!(" undecoded={}", printable(why)));
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
    use rollcall_core::codec::schemas::SchemaId;

    #[test]
    fn whatever_a_record_holds_stays_one_line() {
        assert_eq!(text(Some(b"{\n\t\"a\": \"\x1b[2J\"}")), r#"{\n\t"a": "\u{1b}[2J"}"#);
        assert_eq!(text(Some(b"\xff{")), "\u{fffd}{");
        assert_eq!(text(None), "null");
    }

    #[test]
    fn a_value_is_printed_with_its_format_and_schema_or_with_the_reason() {
        let shown = |format, json: std::result::Result<&str, &str>| {
            let json = json.map(|json| json.to_owned().into()).map_err(str::to_owned);
            Shown { format, schema: Some(SchemaId::Number(7)), json }
        };
        let of = |bytes, shown: &Shown<'_>| value(Some(bytes), Some(shown));
        let decoded = shown("avro", Ok("{\"id\":\"a\u{9b}\"}"));
        assert_eq!(of(b"\0", &decoded), "{\"id\":\"a\\u{9b}\"} format=avro schema=7");
        let cut = shown("protobuf", Err("it ends\ntoo early"));
        let expected = "0x61ff format=protobuf schema=7 undecoded=it ends\\ntoo early";
        assert_eq!(of(b"a\xff", &cut), expected);
        let long = of(&[0; 1_030], &cut);
        assert!(long.contains("00… and 6 bytes more format="), "{long}");
        let json = |json| Shown { schema: None, ..shown("json", json) };
        assert_eq!(of(b"{}", &json(Ok("{}"))), "{}");
        // The reason is among the headers of the dead letter.
        assert_eq!(of(b"{", &json(Err("no JSON"))), "{");
        assert_eq!(of(b"\xff", &json(Err("no text"))), "0xff undecoded=no text");
        assert_eq!(value(Some(b"{}"), None), "{}");
        assert_eq!(value(None, None), "null");
    }
}
