//! Sends the records: a backlog as fast as the broker accepts it, or a steady flow.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use crate::Failure;
use crate::topics::Inputs;
use crate::workload::{ID_BYTES, Record, Stream, Workload};

const FLUSH_TIMEOUT: Duration = Duration::from_secs(120);

/// What was sent to a pair of topics.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub inputs: Inputs,
    pub workload: Workload,
    pub records: u64,
    /// The orders `0..orders` were sent.
    pub orders: u32,
}

/// Creates the topics and fills them with the whole workload.
pub(crate) fn load_backlog(
    bootstrap: &str,
    name: &str,
    partitions: i32,
    workload: Workload,
) -> Result<Sent, Failure> {
    let inputs = Inputs::create(bootstrap, name, partitions)?;
    let started = Instant::now();
    let records = send_all(bootstrap, &inputs, workload)?;
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("{name}: {records} records loaded in {seconds:.1} s");
    Ok(Sent { inputs, workload, records, orders: workload.orders })
}

/// Sends the whole workload and returns the number of records.
pub(crate) fn send_all(
    bootstrap: &str,
    inputs: &Inputs,
    workload: Workload,
) -> Result<u64, Failure> {
    let arrivals = Arc::new(Arrivals::from(0));
    // Large batches: the loader should use as little as possible of a shared machine.
    let mut sender = Sender::new(bootstrap, inputs, workload, "50", arrivals)?;
    let mut stream = Stream::new(workload, 0);
    let mut records = 0;
    for record in &mut stream {
        sender.send(record)?;
        records += 1;
    }
    sender.finish()?;
    Ok(records)
}

/// When the broker appended the record that completed each order; also the first error.
pub(crate) struct Arrivals {
    first_order: u32,
    /// Milliseconds since the Unix epoch by order, from `first_order` on; 0 while unknown.
    appended_ms: Mutex<Vec<i64>>,
    failed: AtomicU64,
}

impl Arrivals {
    fn from(first_order: u32) -> Self {
        Self { first_order, appended_ms: Mutex::default(), failed: AtomicU64::new(0) }
    }

    /// Returns the time of the order's last record by order, from the stream's first order on.
    pub(crate) fn appended_ms(&self) -> Vec<i64> {
        self.appended_ms.lock().expect("no holder panics").clone()
    }

    fn note(&self, order: u32, at_ms: i64) {
        let mut times = self.appended_ms.lock().expect("no holder panics");
        let index = (order - self.first_order) as usize;
        if times.len() <= index {
            times.resize(index + 1, 0);
        }
        times[index] = at_ms;
    }
}

struct Deliveries(Arc<Arrivals>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    /// The order that the record completes, plus one; 0 for the others.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, completes: usize) {
        match result {
            Ok(message) if completes > 0 => {
                let at_ms = message.timestamp().to_millis().unwrap_or(0);
                self.0.note((completes - 1) as u32, at_ms);
            }
            Ok(_) => {}
            Err(_) => {
                self.0.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Turns records into messages.
struct Sender {
    producer: BaseProducer<Deliveries>,
    arrivals: Arc<Arrivals>,
    inputs: Inputs,
    workload: Workload,
    id: [u8; ID_BYTES],
    value: Vec<u8>,
    sent: u64,
}

impl Sender {
    fn new(
        bootstrap: &str,
        inputs: &Inputs,
        workload: Workload,
        linger_ms: &str,
        arrivals: Arc<Arrivals>,
    ) -> Result<Self, Failure> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", linger_ms)
            // As the Java clients partition, so that systems in any language agree.
            .set("partitioner", "murmur2_random")
            .set("batch.num.messages", "20000")
            .set("queue.buffering.max.messages", "500000")
            .create_with_context(Deliveries(arrivals.clone()))?;
        let inputs = inputs.clone();
        let (id, value) = ([0; ID_BYTES], Vec::new());
        Ok(Self { producer, arrivals, inputs, workload, id, value, sent: 0 })
    }

    fn send(&mut self, record: Record) -> Result<(), Failure> {
        self.workload.id(record.order, &mut self.id);
        self.workload.value(record, &self.id, &mut self.value);
        let topic = match record.product {
            Some(_) => &self.inputs.manufactured,
            None => &self.inputs.orders,
        };
        let completes = if record.completes { record.order as usize + 1 } else { 0 };
        let mut message =
            BaseRecord::with_opaque_to(topic, completes).key(&self.id[..]).payload(&self.value[..]);
        if self.workload.headers {
            message = message.headers(OwnedHeaders::new().insert(Header {
                key: "event-type",
                value: Some(if record.product.is_some() { "manufactured" } else { "created" }),
            }));
        }
        while let Err((error, back)) = self.producer.send(message) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            self.producer.poll(Duration::from_millis(10));
            message = back;
        }
        self.sent += 1;
        if self.sent.is_multiple_of(1000) {
            self.producer.poll(Duration::ZERO);
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), Failure> {
        self.producer.flush(FLUSH_TIMEOUT)?;
        match self.arrivals.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            failed => Err(format!("{failed} records could not be delivered").into()),
        }
    }
}

/// A steady flow of records, sent by a separate thread until it is ended.
pub(crate) struct Flow {
    thread: JoinHandle<Result<u32, Failure>>,
    winding_down: Arc<AtomicBool>,
    arrivals: Arc<Arrivals>,
    records: Arc<AtomicI64>,
    first_order: u32,
}

impl Flow {
    /// Starts sending `per_second` records each second, from the order `first` on.
    pub(crate) fn start(
        bootstrap: &str,
        inputs: &Inputs,
        workload: Workload,
        first: u32,
        per_second: u32,
    ) -> Result<Self, Failure> {
        let arrivals = Arc::new(Arrivals::from(first));
        let sender = Sender::new(bootstrap, inputs, workload, "1", arrivals.clone())?;
        let winding_down = Arc::new(AtomicBool::new(false));
        let records = Arc::new(AtomicI64::new(0));
        let stop = (winding_down.clone(), records.clone());
        let stream = Stream::new(workload, first);
        let thread = std::thread::spawn(move || run(sender, stream, per_second, &stop.0, &stop.1));
        Ok(Self { thread, winding_down, arrivals, records, first_order: first })
    }

    pub(crate) fn first_order(&self) -> u32 {
        self.first_order
    }

    /// Returns how many records were sent so far.
    pub(crate) fn records(&self) -> i64 {
        self.records.load(Ordering::Relaxed)
    }

    pub(crate) fn arrivals(&self) -> Arc<Arrivals> {
        self.arrivals.clone()
    }

    /// Sends the remaining records of the orders under way and returns the first order never begun.
    pub(crate) fn end(self) -> Result<u32, Failure> {
        self.winding_down.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the feeding thread panicked")?
    }
}

fn run(
    mut sender: Sender,
    mut stream: Stream,
    per_second: u32,
    winding_down: &AtomicBool,
    records: &AtomicI64,
) -> Result<u32, Failure> {
    let started = Instant::now();
    let mut sent = 0_u32;
    loop {
        if winding_down.load(Ordering::Relaxed) {
            stream.wind_down();
        }
        let due = (started.elapsed().as_secs_f64() * f64::from(per_second)) as u32;
        while sent < due {
            let Some(record) = stream.next() else {
                sender.finish()?;
                return Ok(stream.next_order());
            };
            sender.send(record)?;
            sent += 1;
            records.fetch_add(1, Ordering::Relaxed);
        }
        sender.producer.poll(Duration::from_millis(1));
        std::thread::sleep(Duration::from_millis(1));
    }
}
