//! A worker is stopped at each point of a transaction, or loses shards and gets them back while one
//! is open. Every completion is compared with the known answer.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::json;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::known_answer::{Load, check};
use super::proxy::{self, Api, Moment, Requests};
use super::reconciliation::{PARTITIONS, Reconciliation};
use super::topics;
use super::worker::Worker;

/// Records per second for each reconciliation.
const RATE: u32 = 300;
/// A stable read of offsets that nothing holds takes a few milliseconds.
const STABLE_READ: Duration = Duration::from_millis(300);

/// A point of a transaction.
#[derive(Clone, Copy)]
struct Point {
    name: &'static str,
    moment: Moment,
    /// Whether the transaction holds offsets then.
    holds_offsets: bool,
}

const POINTS: [Point; 5] = [
    Point { name: "begun", moment: Moment::Request(Api::AddOffsets), holds_offsets: false },
    Point { name: "offsets", moment: Moment::Response(Api::SendOffsets), holds_offsets: true },
    Point { name: "produced", moment: Moment::Response(Api::Produce), holds_offsets: true },
    Point { name: "ending", moment: Moment::Request(Api::End), holds_offsets: true },
    Point { name: "ended", moment: Moment::Response(Api::End), holds_offsets: false },
];

/// Runs a test for all points at a time: most of each is waiting for sessions to end.
fn at_each_point(test: impl Fn(Point) + Sync) {
    thread::scope(|scope| {
        for point in POINTS {
            let test = &test;
            scope.spawn(move || test(point));
        }
    });
}

/// A worker of which a transaction is held up at a point.
struct Case {
    point: Point,
    shop: Reconciliation,
    worker: Worker,
    requests: Arc<Requests>,
    load: Option<Load>,
    loads: u64,
    expected: BTreeSet<String>,
}

impl Case {
    fn start(name: &str, protocol: &str, point: Point) -> Self {
        let shop = Reconciliation::new(&Broker::shared(), &format!("{name}-{}", point.name));
        let shop = proxy::through(shop).with("kafka/groupProtocol", protocol);
        // As short as brokers allow, and as sessions of the other protocol are.
        let session = json!({"session.timeout.ms": "6000"});
        let shop =
            if protocol == "classic" { shop.with("kafka/properties", session) } else { shop };
        let instance = format!("{}-held", shop.name);
        let requests = proxy::watch(&instance);
        let worker = shop.worker(&instance);
        Self { point, shop, worker, requests, load: None, loads: 0, expected: BTreeSet::new() }
    }

    /// Returns the name of another worker.
    fn other(&self) -> String {
        format!("{}-other", self.shop.name)
    }

    fn start_load(&mut self) {
        self.loads += 1;
        self.load = Some(Load::start(&self.shop, self.loads, RATE));
    }

    fn pass(&self) {
        self.load.as_ref().expect("it was started").pass(RATE.into());
    }

    /// Sends the rest of the load.
    fn end_load(&mut self) {
        self.expected.extend(self.load.take().expect("it was started").finish());
    }

    /// Waits until everything is processed, and checks it.
    fn check(&self) {
        self.shop.settle();
        check(&self.expected, &self.shop.shipped());
    }

    /// Checks what the broker knows of the transaction that is held up.
    fn check_point(&self) {
        let Point { name, holds_offsets, .. } = self.point;
        if holds_offsets {
            assert!(!self.has_stable_offsets(STABLE_READ), "{name}: nothing is pending");
        } else {
            assert!(self.has_stable_offsets(WAIT_TIMEOUT), "{name}: offsets are pending");
        }
    }

    /// Returns whether no transaction holds offsets of the group any more.
    fn has_stable_offsets(&self, wait: Duration) -> bool {
        let mut config = self.shop.broker.client();
        config.set("group.id", &self.shop.name).set("isolation.level", "read_committed");
        let consumer: BaseConsumer = config.create().expect("the settings are valid");
        let mut list = TopicPartitionList::new();
        for topic in [self.shop.orders(), self.shop.manufactured()] {
            list.add_partition_range(&topic, 0, PARTITIONS - 1);
        }
        let found = consumer.committed_offsets(list, wait);
        found.is_ok_and(|list| list.elements().iter().all(|entry| entry.error().is_ok()))
    }
}

/// A worker is frozen at a point for longer than its session.
fn frozen(mut case: Case) {
    let mut other = case.shop.worker(&case.other());
    // While shards move, transactions are refused and end without offsets.
    let opened = || (other.process.count(&["shard opened"]) >= 2).then_some(());
    eventually("the other worker has its shards", WAIT_TIMEOUT, opened);
    case.start_load();
    case.pass();
    let hold = case.requests.hold(case.point.moment);
    hold.wait();
    case.worker.process.freeze();
    case.check_point();
    case.end_load();
    // Everything can only be processed after the frozen worker's session has expired.
    case.check();

    case.start_load();
    case.pass();
    case.worker.process.thaw();
    drop(hold);
    case.worker.process.says(&["released", "why=Lost"]);
    case.worker.answers("/readyz", 200, WAIT_TIMEOUT);
    case.end_load();
    case.check();

    // It has to do everything alone now.
    assert_eq!(other.process.terminate().code(), Some(0));
    case.start_load();
    case.end_load();
    case.check();
    assert_eq!(case.worker.process.terminate().code(), Some(0));
}

#[test]
fn a_worker_that_is_frozen_at_any_point_of_a_transaction_loses_and_doubles_nothing() {
    at_each_point(|point| frozen(Case::start("frozen-at", "classic", point)));
}

#[test]
fn a_dynamic_member_that_is_frozen_at_any_point_of_a_transaction_loses_and_doubles_nothing() {
    at_each_point(|point| frozen(Case::start("frozen-kip848", "consumer", point)));
}

/// Another worker gets some of the shards of a worker whose transaction is held up, commits, and
/// gives them back.
fn regained(mut case: Case) {
    let requests = proxy::watch(&case.other());
    let joins = requests.hold(Moment::Request(Api::Join));
    let mut other = Worker::start(&case.shop, &case.other());
    joins.wait();
    case.start_load();
    case.pass();
    let hold = case.requests.hold(case.point.moment);
    hold.wait();
    case.check_point();
    drop(joins);
    eventually(
        &format!("another worker commits while one is {}", case.point.name),
        WAIT_TIMEOUT,
        || (requests.count(Moment::Response(Api::Produce)) >= 3).then_some(()),
    );
    assert_eq!(other.process.terminate().code(), Some(0));
    eventually("it has got its shards back", WAIT_TIMEOUT, || {
        (case.worker.process.count(&["assignment"]) >= 2).then_some(())
    });
    drop(hold);
    case.pass();
    case.end_load();
    case.check();
    assert_eq!(case.worker.process.terminate().code(), Some(0));
}

#[test]
fn shards_that_are_lost_and_regained_while_a_transaction_is_open_lose_and_double_nothing() {
    at_each_point(|point| regained(Case::start("regained", "classic", point)));
}

/// Waits until everything that was sent to these partitions so far has been processed.
fn go_on(shop: &Reconciliation, shards: Range<i32>) {
    let ends = topics::ends(&shop.broker, &shop.orders());
    eventually("the other shards of the lane go on", WAIT_TIMEOUT, || {
        let committed = topics::committed(&shop.broker, &shop.name, &shop.orders());
        let is_done = |shard| committed.get(&shard) >= ends.get(&shard);
        shards.clone().all(is_done).then_some(())
    });
}

#[test]
fn a_shard_that_cannot_write_does_not_keep_the_others_of_its_lane_from_going_on() {
    let mut case = Case::start("neighbour", "classic", POINTS[0]);
    case.start_load();
    case.pass();
    case.requests.withhold(&case.shop.changelog(), 0);
    case.worker.process.says(&["opening again", "shard=0"]);
    case.pass();
    go_on(&case.shop, 1..PARTITIONS);
    for shard in 1..PARTITIONS {
        let dropped = case.worker.process.count(&["opening again", &format!("shard={shard} ")]);
        assert_eq!(dropped, 0, "shard {shard}");
    }
    case.requests.let_through();
    case.end_load();
    case.check();
    assert_eq!(case.worker.process.terminate().code(), Some(0));
}

/// A process whose shards were given to others must be rejected before it writes anything.
#[test]
fn a_transaction_writes_nothing_before_its_offsets_have_been_accepted() {
    let shop = proxy::through(Reconciliation::new(&Broker::shared(), "offsets-first"));
    let instance = format!("{}-w", shop.name);
    let requests = proxy::watch(&instance);
    let mut worker = shop.worker(&instance);
    let load = Load::start(&shop, 40, RATE);
    eventually("it writes", WAIT_TIMEOUT, || {
        (requests.count(Moment::Request(Api::Produce)) >= 50).then_some(())
    });
    let expected = load.finish();
    shop.settle();
    check(&expected, &shop.shipped());
    assert_eq!(worker.process.terminate().code(), Some(0));
    let passed = requests.passed();
    let mut has_offsets = false;
    for (place, moment) in passed.iter().enumerate() {
        match moment {
            Moment::Response(Api::SendOffsets) => has_offsets = true,
            Moment::Request(Api::SendOffsets) | Moment::Response(Api::End) => has_offsets = false,
            Moment::Request(Api::AddPartitions | Api::Produce) => {
                assert!(has_offsets, "{:?}", &passed[..=place]);
            }
            _ => {}
        }
    }
}
