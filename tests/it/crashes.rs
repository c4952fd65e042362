//! Exactly once: processes come and go, are killed and frozen, brokers restart, state is lost.
//! Every completion is compared with the known answer.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::known_answer::{Load, check, is_complete};
use super::reconciliation::{PARTITIONS, Reconciliation};
use super::topics;
use super::worker::Worker;

#[test]
fn three_workers_that_join_and_leave_under_load_lose_and_double_nothing() {
    let shop = Reconciliation::new(&Broker::shared(), "members");
    let load = Load::start(&shop, 1, 3_000);
    let mut first = shop.worker("w-1");
    load.pass(3_000);
    let mut second = shop.worker("w-2");
    load.pass(3_000);
    let third = shop.worker("w-3");
    load.pass(3_000);
    assert_eq!(first.process.terminate().code(), Some(0));
    load.pass(3_000);
    let first = shop.worker("w-1");
    load.pass(3_000);
    assert_eq!(second.process.terminate().code(), Some(0));
    drop(third);
    load.pass(3_000);
    let expected = load.finish();
    shop.settle();
    check(&expected, &shop.shipped());
    drop(first);
}

#[test]
fn workers_killed_at_random_moments_under_load_lose_and_double_nothing() {
    const KILLS: u32 = 24;
    let shop = Reconciliation::new(&Broker::shared(), "killed");
    let load = Load::start(&shop, 2, 3_000);
    let names = ["w-1", "w-2"];
    let mut workers = names.map(|name| shop.worker(name));
    let mut rng = StdRng::seed_from_u64(2);
    for _ in 0..KILLS {
        // Sometimes before it is ready again, sometimes long after.
        load.pass(rng.random_range(100..6_000));
        let victim = rng.random_range(0..workers.len());
        workers[victim].process.kill();
        workers[victim] = Worker::start(&shop, names[victim]);
    }
    let expected = load.finish();
    shop.settle();
    check(&expected, &shop.shipped());
    let workers = workers.map(Worker::ready);
    for mut worker in workers {
        assert_eq!(worker.process.terminate().code(), Some(0));
    }
    check(&expected, &shop.shipped());
}

#[test]
fn workers_of_several_lanes_that_are_killed_under_load_lose_and_double_nothing() {
    const KILLS: usize = 8;
    let shop = Reconciliation::new(&Broker::shared(), "lanes");
    let load = Load::start(&shop, 9, 3_000);
    let names = ["w-1", "w-2"];
    let start = |name, lanes| Worker::start_with(&shop, name, &["--lanes", lanes]);
    let mut workers = names.map(|name| start(name, "2").ready());
    let mut rng = StdRng::seed_from_u64(9);
    for kill in 0..KILLS {
        load.pass(rng.random_range(100..6_000));
        let victim = kill % workers.len();
        workers[victim].process.kill();
        // Its shards move to other lanes, and one of its transactional ids is nobody's any more.
        workers[victim] = start(names[victim], ["1", "2"][kill / 2 % 2]);
    }
    let expected = load.finish();
    shop.settle();
    check(&expected, &shop.shipped());
    let workers = workers.map(Worker::ready);
    let owners = topics::owners(&shop.broker, &shop.name, &shop.orders());
    assert_eq!(owners.len(), usize::try_from(PARTITIONS).expect("a few"));
    for (shard, owner) in owners {
        // Both workers have two lanes again.
        assert!(owner.ends_with(&format!("-{}", shard % 2)), "{owner} has shard {shard}");
    }
    for mut worker in workers {
        assert_eq!(worker.process.terminate().code(), Some(0));
    }
    check(&expected, &shop.shipped());
}

#[test]
fn a_worker_frozen_for_longer_than_its_session_commits_nothing_afterwards() {
    let shop = Reconciliation::new(&Broker::shared(), "frozen");
    let load = Load::start(&shop, 3, 2_000);
    let zombie = shop.worker("w-1");
    let survivor = shop.worker("w-2");
    load.pass(4_000);
    zombie.process.freeze();
    let expected = load.finish();
    // Everything can only be processed after the frozen worker's session has expired.
    shop.settle();
    check(&expected, &shop.shipped());

    let load = Load::start(&shop, 4, 2_000);
    load.pass(1_000);
    zombie.process.thaw();
    load.pass(4_000);
    let zombie = zombie.ready();
    let expected = expected.into_iter().chain(load.finish()).collect();
    shop.settle();
    check(&expected, &shop.shipped());
    drop((zombie, survivor));
}

#[test]
fn a_broker_that_restarts_and_crashes_under_load_loses_and_doubles_nothing() {
    const ATTEMPTS: u32 = 4;
    if !(0..ATTEMPTS).any(|_| is_judged_after_the_broker_died()) {
        eprintln!("{ATTEMPTS} brokers have each forgotten a transaction: nothing was shown");
    }
}

/// Restarts and crashes a broker under load and judges what was shipped; `false` if the broker
/// itself has lost track, which proves nothing about the worker.
fn is_judged_after_the_broker_died() -> bool {
    let shop = Reconciliation::new(&Arc::new(Broker::start()), "broker");
    let mut worker = shop.worker("w-1");
    let first = Load::start(&shop, 5, 2_000);
    first.pass(2_000);
    let first = first.finish();
    // Not in the middle of a commit: a single broker that is stopped forgets to end the
    // transactions that are being committed at that moment.
    shop.settle();
    shop.broker.stop();
    shop.broker.begin();
    let load = Load::start(&shop, 6, 2_000);
    for _ in 0..2 {
        load.pass(3_000);
        shop.broker.crash();
        shop.broker.begin();
    }
    load.pass(3_000);
    let expected = first.into_iter().chain(load.finish()).collect();
    if !shop.settles() {
        assert!(shop.broker.has_forgotten_a_transaction(), "the input is not processed");
        return false;
    }
    let shipped = shop.shipped();
    // Readers of committed records also stop at a transaction without an end marker.
    if !is_complete(&expected, &shipped) && shop.broker.has_forgotten_a_transaction() {
        return false;
    }
    check(&expected, &shipped);
    assert_eq!(worker.process.terminate().code(), Some(0));
    true
}

#[test]
fn lost_local_state_is_restored_from_a_compacted_changelog() {
    const ORDERS: i64 = 500;
    let shop = Reconciliation::new(&Broker::shared(), "restored");
    let compacted = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "500"),
        ("min.cleanable.dirty.ratio", "0.01"),
    ];
    shop.broker.create_topic(&shop.changelog(), PARTITIONS, &compacted);
    let id = |n: i64| format!("order-{n:04}");
    let mut worker = shop.worker("w-1");
    for product in 1..=3 {
        // Each round writes each row again.
        (0..ORDERS).for_each(|n| match product {
            1 => shop.order(&id(n), &[1, 2, 3]),
            product => shop.made(&id(n), product),
        });
        shop.settle();
    }
    assert_eq!(worker.process.terminate().code(), Some(0));
    shop.delete_state("w-1");

    // Only closed segments are cleaned: more rows, later than `segment.ms`, close the last one.
    let mut spare = 0;
    eventually("the changelog is compacted", WAIT_TIMEOUT, || {
        let mut worker = shop.worker("w-2");
        (0..40).for_each(|n| shop.order(&format!("spare-{spare}-{n}"), &[1]));
        spare += 1;
        shop.settle();
        assert_eq!(worker.process.terminate().code(), Some(0));
        shop.delete_state("w-2");
        let rows = topics::read(&shop.broker, &shop.changelog());
        let first = rows.iter().filter(|row| row.key == Some(id(0))).count();
        (first == 1).then_some(())
    });

    let mut worker = shop.worker("w-1");
    (0..ORDERS).for_each(|n| shop.made(&id(n), 1));
    shop.settle();
    check(&(0..ORDERS).map(id).collect(), &shop.shipped());
    assert_eq!(worker.process.terminate().code(), Some(0));
}

#[test]
fn a_stopping_worker_gives_its_partitions_to_another_at_once() {
    let shop = Reconciliation::new(&Broker::shared(), "stopped");
    let load = Load::start(&shop, 6, 2_000);
    let mut leaves = shop.worker("w-1");
    let stays = shop.worker("w-2");
    load.pass(4_000);
    assert_eq!(leaves.process.terminate().code(), Some(0));
    let expected = load.finish();
    // Well below the session timeout of 10 s, after which the group would notice a silent member.
    shop.settle_within(Duration::from_secs(7));
    check(&expected, &shop.shipped());
    drop(stays);
}

#[test]
fn a_worker_restarted_with_its_state_goes_on_where_it_was() {
    let shop = Reconciliation::new(&Broker::shared(), "again");
    let load = Load::start(&shop, 7, 2_000);
    for _ in 0..3 {
        let mut worker = shop.worker("w-1");
        load.pass(2_000);
        assert_eq!(worker.process.terminate().code(), Some(0));
    }
    let expected = load.finish();
    let worker = shop.worker("w-1");
    shop.settle();
    check(&expected, &shop.shipped());
    drop(worker);
}

#[test]
fn a_worker_that_stays_a_member_while_it_is_restarted_moves_nothing() {
    // Longer than a restart takes on any machine.
    let session = json!({"session.timeout.ms": "45000"});
    let shop = Reconciliation::new(&Broker::shared(), "stays").with("kafka/properties", session);
    let load = Load::start(&shop, 8, 2_000);
    let other = shop.worker("w-1");
    let start = || Worker::start_with(&shop, "w-2", &["--at-stop", "stay"]).ready();
    let mut restarted = start();
    load.pass(4_000);
    let rebalances = || {
        let (_, metrics) = other.get("/metrics").expect("it answers");
        let lines = metrics.lines().filter(|line| line.starts_with("rollcall_rebalances_total"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = rebalances();
    assert!(!before.is_empty());
    for _ in 0..2 {
        assert_eq!(restarted.process.terminate().code(), Some(0));
        load.pass(1_000);
        restarted = start();
        load.pass(2_000);
    }
    assert_eq!(rebalances(), before, "the other worker has noticed");
    let expected = load.finish();
    shop.settle();
    check(&expected, &shop.shipped());
    drop(restarted);
}
