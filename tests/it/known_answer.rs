//! A workload whose completions are known exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::eventually::eventually;
use super::kafka::WAIT_TIMEOUT;
use super::reconciliation::{Reconciliation, made, order};
use super::topics::{Record, Writer};

/// Number of orders in progress at a time.
const OPEN: usize = 200;

/// A record of the workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub input: Input,
    pub key: String,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    Orders,
    Manufactured,
}

/// An endless stream of orders with one to five products and of manufactured products, interleaved
/// at random, with duplicates, products that nobody has ordered, replays after the end, and orders
/// that never complete.
pub struct Workload {
    rng: StdRng,
    seed: u64,
    orders: u64,
    open: Vec<Open>,
    /// Orders that complete; no others do.
    expected: BTreeSet<String>,
}

struct Open {
    steps: Vec<Step>,
}

impl Workload {
    /// The same seed gives the same stream.
    pub fn new(seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self { rng, seed, orders: 0, open: Vec::new(), expected: BTreeSet::new() }
    }

    /// Returns the next record.
    pub fn step(&mut self) -> Step {
        while self.open.len() < OPEN {
            let open = self.begin();
            self.open.push(open);
        }
        self.drain().expect("orders are open")
    }

    /// Returns the next record of the orders that have begun, `None` after the last.
    pub fn drain(&mut self) -> Option<Step> {
        if self.open.is_empty() {
            return None;
        }
        let at = self.rng.random_range(0..self.open.len());
        let step = self.open[at].steps.pop().expect("an open order has steps left");
        if self.open[at].steps.is_empty() {
            self.open.swap_remove(at);
        }
        Some(step)
    }

    /// Returns the keys of the completions.
    pub fn expected(&self) -> &BTreeSet<String> {
        &self.expected
    }

    fn begin(&mut self) -> Open {
        let key = format!("{}-{}", self.seed, self.orders);
        self.orders += 1;
        let products: Vec<i64> = (1..=self.rng.random_range(1..=5)).collect();
        let ordered =
            Step { input: Input::Orders, key: key.clone(), value: order(&key, &products) };
        let made = |product| Step {
            input: Input::Manufactured,
            key: key.clone(),
            value: made(&key, product),
        };
        let mut steps = vec![ordered.clone()];
        steps.extend(products.iter().map(|&product| made(product)));
        steps.shuffle(&mut self.rng);
        if self.rng.random_bool(0.05) {
            // Without this step, whether the order or a product, it never completes.
            steps.pop();
        } else {
            self.expected.insert(key.clone());
        }
        // Before or after the records that they repeat: it makes no difference.
        for _ in 0..self.rng.random_range(0..2) {
            let repeated = steps.get(self.rng.random_range(0..=steps.len())).cloned();
            let extra = repeated.unwrap_or_else(|| made(99));
            steps.insert(self.rng.random_range(0..=steps.len()), extra);
        }
        if steps.is_empty() {
            steps.push(made(99));
        }
        Open { steps }
    }
}

/// Compares completions with the expected ones.
///
/// # Panics
/// When one is lost, duplicated or unexpected, or violates the contract.
#[track_caller]
pub fn check(expected: &BTreeSet<String>, completions: &[Record]) {
    let verdict = compare(expected, completions);
    let Verdict { lost, duplicated, unexpected } = &verdict;
    assert!(
        verdict == Verdict::default(),
        "of {} completions {} are lost: {:?} …, {} duplicated: {:#?} …, {} unexpected: {:?} …",
        expected.len(),
        lost.len(),
        &lost[..lost.len().min(5)],
        duplicated.len(),
        &duplicated[..duplicated.len().min(5)],
        unexpected.len(),
        &unexpected[..unexpected.len().min(5)],
    );
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    lost: Vec<String>,
    duplicated: Vec<Vec<Record>>,
    unexpected: Vec<Record>,
}

/// Returns whether no completion is lost.
pub fn is_complete(expected: &BTreeSet<String>, completions: &[Record]) -> bool {
    compare(expected, completions).lost.is_empty()
}

fn compare(expected: &BTreeSet<String>, completions: &[Record]) -> Verdict {
    let mut by_key: BTreeMap<&str, Vec<Record>> = BTreeMap::new();
    let mut verdict = Verdict::default();
    for record in completions {
        let key = record.key.as_deref().unwrap_or_default();
        let value = format!(r#"{{"orderId":"{key}"}}"#);
        if expected.contains(key) && record.value.as_ref() == Some(&value) {
            by_key.entry(key).or_default().push(record.clone());
        } else {
            verdict.unexpected.push(record.clone());
        }
    }
    let lost = expected.iter().filter(|key| !by_key.contains_key(key.as_str()));
    verdict.lost = lost.cloned().collect();
    verdict.duplicated = by_key.into_values().filter(|records| records.len() > 1).collect();
    verdict
}

/// Sends a workload in the background.
pub struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: JoinHandle<BTreeSet<String>>,
}

impl Load {
    /// Begins to send about `rate` records a second.
    pub fn start(reconciliation: &Reconciliation, seed: u64, rate: u32) -> Self {
        let writer = Writer::new(&reconciliation.broker);
        let topics = [reconciliation.orders(), reconciliation.manufactured()];
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counter) = (Arc::clone(&stop), Arc::clone(&sent));
        let thread = thread::spawn(move || {
            let send = |step: Step| {
                let topic = &topics[step.input as usize];
                writer.send(topic, Some(step.key.as_bytes()), Some(step.value.as_bytes()));
                counter.fetch_add(1, Ordering::Relaxed);
            };
            let mut workload = Workload::new(seed);
            let start = Instant::now();
            for count in 0.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let due = start + Duration::from_secs(1) * count / rate;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                send(workload.step());
            }
            std::iter::from_fn(|| workload.drain()).for_each(send);
            writer.flush();
            workload.expected().clone()
        });
        Self { stop, sent, thread }
    }

    /// Waits until `records` more records were sent.
    pub fn pass(&self, records: u64) {
        let until = self.sent.load(Ordering::Relaxed) + records;
        eventually("the load goes on", WAIT_TIMEOUT, || {
            assert!(!self.thread.is_finished(), "the load has failed, see above");
            (self.sent.load(Ordering::Relaxed) >= until).then_some(())
        });
    }

    /// Finishes the orders that have begun, and returns the keys of all expected completions.
    pub fn finish(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the load was sent")
    }
}

#[test]
fn the_check_finds_what_is_lost_duplicated_or_unexpected() {
    let record = |key: &str| Record {
        partition: 0,
        offset: 0,
        timestamp_ms: 0,
        key: Some(key.into()),
        value: Some(format!(r#"{{"orderId":"{key}"}}"#)),
        headers: BTreeMap::new(),
    };
    let expected = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
    check(&expected, &[record("b"), record("a")]);

    let verdict = compare(&expected, &[record("b"), record("b"), record("c")]);
    assert_eq!(verdict.lost, ["a"]);
    assert_eq!(verdict.duplicated, [[record("b"), record("b")]]);
    assert_eq!(verdict.unexpected, [record("c")]);

    let wrong = Record { value: None, ..record("a") };
    assert_eq!(compare(&expected, &[record("b"), wrong.clone()]).unexpected, [wrong]);
}

#[test]
fn a_workload_is_what_its_seed_makes_it_and_agrees_with_the_rules() {
    let stream = |seed| {
        let mut workload = Workload::new(seed);
        let mut steps: Vec<Step> = (0..5_000).map(|_| workload.step()).collect();
        steps.extend(std::iter::from_fn(|| workload.drain()));
        (steps, workload.expected().clone())
    };
    let (steps, expected) = stream(7);
    assert_eq!(stream(7), (steps.clone(), expected.clone()));
    assert_ne!(stream(8), (steps.clone(), expected.clone()));

    // The rules in their simplest form: an order is complete when each of its products was made.
    let mut ordered: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    let mut made: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for step in &steps {
        let value: serde_json::Value = serde_json::from_str(&step.value).expect("JSON");
        let id = |value: &serde_json::Value| value.as_i64().expect("a number");
        match step.input {
            Input::Orders => {
                let items = value["items"].as_array().expect("items");
                ordered.insert(&step.key, items.iter().map(|item| id(&item["id"])).collect());
            }
            Input::Manufactured => {
                made.entry(&step.key).or_default().insert(id(&value["productId"]));
            }
        }
    }
    let complete = |(key, items): (&&str, &BTreeSet<i64>)| {
        made.get(key).is_some_and(|made| items.is_subset(made)).then(|| (*key).to_owned())
    };
    assert_eq!(ordered.iter().filter_map(complete).collect::<BTreeSet<_>>(), expected);
    assert!(expected.len() > 500, "most orders complete");
}
