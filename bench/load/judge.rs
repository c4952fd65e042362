//! Reads the completions as a consumer of committed records does, and compares them with the known
//! answer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::Failure;
use crate::machine::{self, Micros};
use crate::workload::Workload;

/// A completion as it was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub order: u32,
    pub partition: i32,
    pub at: Micros,
}

/// The completions compared with what they should have been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub lost: u64,
    pub duplicated: u64,
    /// Completions of orders that were never sent, or never finished.
    pub unfounded: u64,
}

/// A reader of a completions topic, on a separate thread.
pub(crate) struct Judge {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
    workload: Workload,
}

struct Shared {
    seen: Mutex<Vec<Seen>>,
    unreadable: AtomicU64,
    stop: AtomicBool,
    /// By partition: it was read to its end.
    at_end: Vec<AtomicBool>,
}

impl Judge {
    /// Starts reading the topic from its beginning.
    pub(crate) fn start(
        bootstrap: &str,
        shipping: &str,
        partitions: i32,
        workload: Workload,
    ) -> Result<Self, Failure> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", "judge")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.queue.backoff.ms", "5")
            .create()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(shipping, partition, Offset::Beginning)?;
        }
        consumer.assign(&list)?;
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            unreadable: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            at_end: (0..partitions).map(|_| AtomicBool::new(false)).collect(),
        });
        let theirs = shared.clone();
        let thread = Some(std::thread::spawn(move || read(&consumer, &theirs, workload)));
        Ok(Self { shared, thread, workload })
    }

    /// Returns the number of partitions of the topic.
    pub(crate) fn partitions(&self) -> usize {
        self.shared.at_end.len()
    }

    /// Returns how many completions were seen, duplicates included.
    pub(crate) fn count(&self) -> u64 {
        self.shared.seen.lock().expect("no holder panics").len() as u64
    }

    /// Returns the completions seen since the `from`-th.
    pub(crate) fn seen_since(&self, from: usize) -> Vec<Seen> {
        self.shared.seen.lock().expect("no holder panics")[from..].to_vec()
    }

    /// Returns when the last completion was seen.
    pub(crate) fn last_at(&self) -> Option<Micros> {
        self.shared.seen.lock().expect("no holder panics").last().map(|seen| seen.at)
    }

    /// Fails if the reader has ended, which it should not do by itself.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match &self.thread {
            Some(thread) if !thread.is_finished() => Ok(()),
            _ => Err("the judge's reader has ended".into()),
        }
    }

    /// Reads to the end, after which nothing more can come, and compares: of the orders
    /// `0..orders`, each that finishes must have exactly one completion.
    pub(crate) fn verdict(mut self, orders: u32) -> Result<Verdict, Failure> {
        // A fetch that was under way before the last transaction ended may wrongly report the end.
        std::thread::sleep(Duration::from_millis(500));
        while !self.shared.at_end.iter().all(|end| end.load(Ordering::Relaxed)) {
            self.check()?;
            std::thread::sleep(Duration::from_millis(50));
        }
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| "the judge's reader panicked")??;
        }
        let mut times = vec![0_u8; orders as usize];
        let mut verdict = Verdict {
            unfounded: self.shared.unreadable.load(Ordering::Relaxed),
            ..Verdict::default()
        };
        for seen in self.shared.seen.lock().expect("no holder panics").iter() {
            match times.get_mut(seen.order as usize) {
                Some(count) if self.workload.finishes(seen.order) => {
                    verdict.duplicated += u64::from(*count > 0);
                    *count = 1;
                }
                _ => verdict.unfounded += 1,
            }
        }
        let finished = self.workload.finished_among(orders);
        verdict.lost = finished - times.iter().map(|count| u64::from(*count)).sum::<u64>();
        Ok(verdict)
    }
}

fn read(consumer: &BaseConsumer, shared: &Shared, workload: Workload) -> Result<(), Failure> {
    while !shared.stop.load(Ordering::Relaxed) {
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Ok(message)) => {
                let partition = message.partition();
                shared.at_end[partition as usize].store(false, Ordering::Relaxed);
                match message.key().and_then(|key| workload.order_of(key)) {
                    Some(order) => {
                        let seen = Seen { order, partition, at: machine::now() };
                        shared.seen.lock().expect("no holder panics").push(seen);
                    }
                    None => {
                        shared.unreadable.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                shared.at_end[partition as usize].store(true, Ordering::Relaxed);
            }
            Some(Err(error)) => return Err(error.into()),
        }
    }
    Ok(())
}
