//! A worker with many shards: what it needs does not grow with their number, also when it opens
//! them again.

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::Reconciliation;
use super::worker::Worker;

const SHARDS: usize = 100;
const ORDERS: usize = 1_000;
/// For one lane: 30, and 8 for each.
const THREADS_MAX: usize = 38;

/// Waits until only those threads are left that a worker has at rest.
fn rests(worker: &Worker) {
    let what = format!("at most {THREADS_MAX} threads");
    eventually(&what, WAIT_TIMEOUT, || (worker.process.threads() <= THREADS_MAX).then_some(()));
}

#[test]
fn a_hundred_shards_take_few_threads_before_and_after_their_changelogs_are_read() {
    let shop = Reconciliation::without_topics(&Broker::shared(), "many-shards")
        .with("topics/partitions", SHARDS);
    let mut worker = Worker::start(&shop, "w-1").ready();
    rests(&worker);
    let ids: Vec<String> = (0..ORDERS).map(|order| format!("order-{order:04}")).collect();
    ids.iter().for_each(|id| shop.order(id, &[1, 2]));
    ids.iter().for_each(|id| shop.made(id, 1));
    shop.settle();
    // The stores have everything, and the changelogs go on with a marker after a stop, and with
    // rows after a crash.
    assert!(worker.process.terminate().success());
    let mut worker = Worker::start(&shop, "w-1").ready();
    rests(&worker);
    ids.iter().step_by(2).for_each(|id| shop.made(id, 2));
    shop.settle();
    worker.process.kill();
    let worker = Worker::start(&shop, "w-1").ready();
    rests(&worker);
    ids.iter().skip(1).step_by(2).for_each(|id| shop.made(id, 2));
    shop.settle();
    assert_eq!(shop.shipped_ids(), ids);
}
