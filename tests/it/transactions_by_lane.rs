//! What transactions by lane rely on: how brokers treat offsets that are pending, and that a worker
//! gets past whatever a dead one has left open.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::Reconciliation;

/// Longer than any test takes: nothing here may depend on the brokers' ending a transaction.
const TRANSACTION_TIMEOUT_MS: &str = "600000";

fn consumer(broker: &Broker, group: &str, isolation_level: &str) -> BaseConsumer {
    let mut config = broker.client();
    config.set("group.id", group).set("isolation.level", isolation_level);
    config.create().expect("the settings are valid")
}

/// Begins a transaction that holds these offsets, as a process of no generation may.
fn holding(
    broker: &Broker,
    group: &str,
    id: &str,
    offsets: &[(&str, i64)],
    metadata: &str,
) -> BaseProducer {
    let mut config = broker.client();
    config.set("transactional.id", id).set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS);
    let producer: BaseProducer = config.create().expect("the settings are valid");
    producer.init_transactions(WAIT_TIMEOUT).expect("the broker answers");
    producer.begin_transaction().expect("it may");
    let mut list = TopicPartitionList::new();
    for (topic, next) in offsets {
        let mut entry = list.add_partition(topic, 0);
        entry.set_offset(Offset::Offset(*next)).expect("it is an offset");
        entry.set_metadata(metadata);
    }
    let member = consumer(broker, group, "read_committed").group_metadata().expect("it has one");
    let sent = producer.send_offsets_to_transaction(&list, &member, WAIT_TIMEOUT);
    sent.expect("a group without members takes offsets of anyone");
    producer
}

/// Returns the offset and metadata that are committed for a topic's first partition.
fn committed(consumer: &BaseConsumer, topic: &str, wait: Duration) -> Option<(i64, String)> {
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition(topic, 0);
    let found = consumer.committed_offsets(wanted, wait).ok()?;
    let elements = found.elements();
    let entry = elements.first()?;
    let offset = entry.offset().to_raw()?;
    entry.error().ok()?;
    Some((offset, entry.metadata().to_owned()))
}

#[test]
fn of_two_pending_offsets_the_one_that_was_sent_later_counts() {
    let broker = Broker::shared();
    for (name, first_ends_first) in [("pending-a", true), ("pending-b", false)] {
        broker.create_topic(name, 1, &[]);
        let one = holding(&broker, name, &format!("{name}-1"), &[(name, 10)], "one");
        let two = holding(&broker, name, &format!("{name}-2"), &[(name, 20)], "two");
        let order = if first_ends_first { [&one, &two] } else { [&two, &one] };
        for producer in order {
            producer.commit_transaction(WAIT_TIMEOUT).expect("it commits");
        }
        let stable = consumer(&broker, name, "read_committed");
        let found = committed(&stable, name, WAIT_TIMEOUT);
        assert_eq!(found, Some((20, "two".to_owned())), "{name}");
    }
}

#[test]
fn a_pending_offset_holds_up_its_own_partition_alone_and_the_last_one_can_be_read() {
    let broker = Broker::shared();
    let (group, [held, free]) = ("pending-c", ["pending-c-held", "pending-c-free"]);
    for topic in [held, free] {
        broker.create_topic(topic, 1, &[]);
    }
    let offsets = [(held, 3), (free, 4)];
    let before = holding(&broker, group, "pending-c-1", &offsets, "before");
    before.commit_transaction(WAIT_TIMEOUT).expect("it commits");
    let open = holding(&broker, group, "pending-c-2", &[(held, 5)], "open");
    let stable = consumer(&broker, group, "read_committed");
    let last = consumer(&broker, group, "read_uncommitted");
    assert_eq!(committed(&stable, free, WAIT_TIMEOUT), Some((4, "before".to_owned())));
    assert_eq!(committed(&stable, held, Duration::from_secs(2)), None, "it is pending");
    assert_eq!(committed(&last, held, WAIT_TIMEOUT), Some((3, "before".to_owned())));
    drop(open);
}

/// A worker has made a completion and has left.
fn left(name: &str) -> Reconciliation {
    left_by(Reconciliation::new(&Broker::shared(), name))
}

fn left_by(shop: Reconciliation) -> Reconciliation {
    let mut worker = shop.worker("w-1");
    shop.order("before", &[1]);
    shop.made("before", 1);
    shop.settle();
    worker.process.terminate();
    shop
}

/// Checks that a key of each partition completes.
fn goes_on(shop: &Reconciliation) {
    let keys: BTreeSet<String> = (0..20).map(|n| format!("after-{n}")).collect();
    for key in &keys {
        shop.order(key, &[1]);
        shop.made(key, 1);
    }
    shop.flush();
    eventually("all keys are complete", WAIT_TIMEOUT, || {
        let shipped: Vec<String> = shop.shipped_ids();
        let new = shipped.iter().filter(|id| keys.contains(*id)).count();
        (new == keys.len()).then_some(())
    });
    assert_eq!(shop.shipped_ids().len(), keys.len() + 1, "and none of them twice");
}

/// Returns the offset and the owner that are committed for the first partition of the orders.
fn owner(shop: &Reconciliation) -> (i64, String) {
    let last = consumer(&shop.broker, &shop.name, "read_uncommitted");
    let (next, metadata) = committed(&last, &shop.orders(), WAIT_TIMEOUT).expect("it is committed");
    let owner = metadata.split(' ').find_map(|word| word.strip_prefix("owner="));
    (next, owner.expect("the metadata name the owner").to_owned())
}

#[test]
fn a_claim_that_a_dead_worker_has_left_open_holds_nobody_up() {
    let shop = left("claim-left");
    let (next, _) = owner(&shop);
    let offsets = [(&*shop.orders(), next)];
    let dead = holding(&shop.broker, &shop.name, "claim-left-dead-0", &offsets, "");
    let worker = shop.worker("w-2");
    goes_on(&shop);
    // It comes back, and its claim is decided after all.
    dead.commit_transaction(WAIT_TIMEOUT).expect("nobody has fenced it");
    drop(worker);
    let worker = shop.worker("w-3");
    shop.settle();
    assert_eq!(shop.shipped_ids().len(), 21);
    drop(worker);
}

#[test]
fn the_transaction_that_a_dead_worker_has_left_open_is_ended_by_the_next_owner() {
    let shop = left("transaction-left");
    let (next, id) = owner(&shop);
    let (orders, manufactured) = (shop.orders(), shop.manufactured());
    let offsets = [(&*orders, next), (&*manufactured, 0)];
    let dead = holding(&shop.broker, &shop.name, &id, &offsets, "");
    let worker = shop.worker("w-2");
    worker.process.says(&["ending the transaction of the former owner", &id]);
    goes_on(&shop);
    dead.commit_transaction(WAIT_TIMEOUT).expect_err("it was fenced");
    drop(worker);
}

#[test]
fn a_worker_that_comes_back_settles_what_it_has_left_open_itself() {
    // With a second shard, the lane's next commit would settle it, later.
    let shop = Reconciliation::without_topics(&Broker::shared(), "own-left");
    let shop = left_by(shop.with("topics/partitions", 1));
    let (next, id) = owner(&shop);
    let (orders, manufactured) = (shop.orders(), shop.manufactured());
    let offsets = [(&*orders, next), (&*manufactured, 0)];
    let dead = holding(&shop.broker, &shop.name, &id, &offsets, "");
    // The same instance has the same transactional ids. It does not fence its own.
    let worker = shop.worker("w-1");
    goes_on(&shop);
    assert_eq!(worker.process.count(&["ending the transaction"]), 0);
    dead.commit_transaction(WAIT_TIMEOUT).expect_err("its successor has its id");
    drop(worker);
}
