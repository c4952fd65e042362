//! Three brokers, of which one is stopped or crashes at a time: the one that a lane's transactions
//! depend on, the group's, and the leader of a shard's changelog.

use std::sync::Arc;

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::known_answer::{Load, check};
use super::reconciliation::{PARTITIONS, Reconciliation};
use super::topics;
use super::worker::Worker;

/// As the script sets it for both internal topics.
const INTERNAL_PARTITIONS: i32 = 10;

/// Returns the leader of a partition.
fn leader(broker: &Broker, topic: &str, partition: i32) -> i32 {
    let consumer: BaseConsumer = broker.client().create().expect("the settings are valid");
    eventually(&format!("{topic}-{partition} has a leader"), WAIT_TIMEOUT, || {
        let found = consumer.fetch_metadata(Some(topic), WAIT_TIMEOUT).ok()?;
        let partitions = found.topics().first()?.partitions();
        let partition = partitions.iter().find(|found| found.id() == partition)?;
        Some(partition.leader()).filter(|id| *id > 0)
    })
}

/// Returns the node that coordinates a group or a transactional id, as brokers choose it.
fn coordinator(broker: &Broker, log: &str, name: &str) -> i32 {
    let hash = name
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    leader(broker, log, hash.checked_abs().unwrap_or(0) % INTERNAL_PARTITIONS)
}

/// Waits until all shards run.
fn all_run(workers: &[Worker]) {
    eventually("all shards run", WAIT_TIMEOUT, || {
        let runs = |shard| workers.iter().any(|worker| worker.shard_state(shard) == "running");
        (0..PARTITIONS).all(runs).then_some(())
    });
}

#[test]
fn each_of_three_brokers_goes_and_comes_back_under_load_and_nothing_is_lost_or_doubled() {
    let cluster = Arc::new(Broker::three());
    let shop = Reconciliation::new(&cluster, "three");
    let workers = ["w-1", "w-2"].map(|name| Worker::start(&shop, name)).map(Worker::ready);
    let load = Load::start(&shop, 31, 1_000);
    load.pass(1_000);
    let goes_on_without = |node: &Broker| {
        load.pass(3_000);
        shop.catches_up();
        node.begin();
        all_run(&workers);
        load.pass(1_000);
    };

    // The coordinator of a lane's transactions crashes.
    let id = eventually("shard 0 has an owner", WAIT_TIMEOUT, || {
        topics::owners(&cluster, &shop.name, &shop.orders()).remove(&0)
    });
    let node = cluster.node(coordinator(&cluster, "__transaction_state", &id));
    node.crash();
    goes_on_without(node);

    // The coordinator of the group is restarted.
    let node = cluster.node(coordinator(&cluster, "__consumer_offsets", &shop.name));
    node.stop();
    goes_on_without(node);

    // The leader of a shard's changelog crashes.
    let node = cluster.node(leader(&cluster, &shop.changelog(), 0));
    node.crash();
    goes_on_without(node);

    let expected = load.finish();
    shop.settle();
    check(&expected, &shop.shipped());
    for mut worker in workers {
        assert_eq!(worker.process.terminate().code(), Some(0));
    }
}
