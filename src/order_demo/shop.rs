//! The shop: sends orders, and also single events that a product was made.

use std::io::Write;
use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::connection::Cluster;
use super::event::{Manufactured, Order, json};
use super::stop::Stop;
use super::{Error, Result, quiet};
use rollcall_kafka::TokenClient;

const FLUSH_TIMEOUT: Duration = Duration::from_secs(30);
const METADATA_TIMEOUT: Duration = Duration::from_secs(10);

/// How many orders to send, and how fast.
#[derive(Debug, Clone)]
pub struct Orders {
    /// `None` means until asked to stop.
    pub count: Option<NonZeroU64>,
    /// Orders per second; `None` means as fast as the broker takes them.
    pub rate: Option<f64>,
    pub product_ids: Vec<i64>,
}

/// Sends orders and prints each once the broker has it.
///
/// # Errors
/// When the topic is missing or an order was not accepted.
pub fn send_orders(cluster: &Cluster, orders: &Orders, stop: &Stop) -> Result<()> {
    let topic = &cluster.topics.orders;
    cluster.await_topics(&[topic], stop)?;
    let line = format!("Successfully sent new order to the {topic} topic: ");
    let desk = producer(cluster, topic, line)?;
    let started = Instant::now();
    let mut sent = 0;
    while orders.count.is_none_or(|count| sent < count.get()) && !stop.is_raised() {
        if let Some(rate) = orders.rate {
            // Counted from the start, not from the last order: a late order does not delay all that
            // follow.
            let due = started + Duration::from_secs_f64(sent as f64 / rate);
            while Instant::now() < due && !stop.is_raised() {
                desk.poll(wait(due.saturating_duration_since(Instant::now())));
            }
        }
        let order = Order::new(&orders.product_ids);
        send(&desk, topic, &order.id, json(&order))?;
        sent += 1;
    }
    finish(&desk)
}

/// Sends one event that a product of an order was made, and prints it once the broker has it.
///
/// # Errors
/// When the topic is missing or the event was not accepted.
pub fn send_manufactured(cluster: &Cluster, made: &Manufactured, stop: &Stop) -> Result<()> {
    let topic = &cluster.topics.manufactured;
    cluster.await_topics(&[topic], stop)?;
    let line = format!("Successfully sent event to the {topic} topic: ");
    let desk = producer(cluster, topic, line)?;
    send(&desk, topic, &made.order_id, json(made))?;
    finish(&desk)
}

/// The longest wait before checking for a request to stop.
const POLL_MAX: Duration = Duration::from_millis(50);

/// Returns how long to wait for an order that is due in `left`.
///
/// At least a millisecond: librdkafka counts in whole milliseconds and does not wait at all for
/// less, so orders closer than a millisecond apart would keep a core busy. They are sent a few at a
/// time instead.
fn wait(left: Duration) -> Duration {
    left.clamp(Duration::from_millis(1), POLL_MAX)
}

/// Prints what was delivered, and keeps the first failure.
struct Receipts {
    line: String,
    failure: Mutex<Option<Error>>,
}

impl ClientContext for Receipts {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        quiet::log(facility, message);
    }

    fn error(&self, code: KafkaError, reason: &str) {
        quiet::error(&code, reason);
    }
}

impl ProducerContext for Receipts {
    /// The record's value.
    type DeliveryOpaque = Box<String>;

    fn delivery(&self, result: &DeliveryResult<'_>, value: Self::DeliveryOpaque) {
        let outcome = match result {
            Ok(_) => {
                writeln!(std::io::stdout(), "{}{value}", self.line).map_err(|_| Error::Stopped)
            }
            Err((error, _)) => Err(Error::kafka("record not accepted", error)),
        };
        if let Err(error) = outcome {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(error);
        }
    }
}

impl Receipts {
    fn check(&self) -> Result<()> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

fn producer(
    cluster: &Cluster,
    topic: &str,
    line: String,
) -> Result<TokenClient<BaseProducer<Receipts>>> {
    let desk: BaseProducer<Receipts> = cluster
        .client
        .clone()
        .set("enable.idempotence", "true")
        // The Java client's partitioner: all records of a key must be in the same partition number.
        .set("partitioner", "murmur2_random")
        .create_with_context(Receipts { line, failure: Mutex::default() })
        .map_err(|error| Error::Misconfigured(error.to_string()))?;
    let desk = cluster.keep(desk)?;
    // Fetch the partitions now; otherwise the first record would wait half a second for them.
    let known = desk.client().fetch_metadata(Some(topic), METADATA_TIMEOUT);
    known.map_err(|error| Error::kafka("no answer", &error))?;
    Ok(desk)
}

fn send(desk: &BaseProducer<Receipts>, topic: &str, key: &str, value: String) -> Result<()> {
    let payload = value.clone();
    let mut opaque = Box::new(value);
    loop {
        desk.context().check()?;
        let record = BaseRecord::with_opaque_to(topic, opaque).key(key).payload(&payload);
        match desk.send(record) {
            Ok(()) => break,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), record)) => {
                opaque = record.delivery_opaque;
                desk.poll(POLL_MAX);
            }
            Err((error, _)) => return Err(Error::kafka("cannot send", &error)),
        }
    }
    desk.poll(Duration::ZERO);
    Ok(())
}

fn finish(desk: &BaseProducer<Receipts>) -> Result<()> {
    let flushed = desk.flush(FLUSH_TIMEOUT);
    desk.context().check()?;
    flushed.map_err(|error| Error::kafka("not everything reached the broker", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wait_is_one_that_librdkafka_takes_for_none() {
        for micros in [0, 1, 999, 1_000, 1_999, 60_000_000] {
            let wait = wait(Duration::from_micros(micros));
            assert!(wait.as_millis() >= 1 && wait <= POLL_MAX, "{micros} µs: {wait:?}");
        }
    }
}
