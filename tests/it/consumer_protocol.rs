//! `groupProtocol: consumer`: everything that holds under the classic protocol also holds under
//! KIP-848. Members are dynamic there, so a killed member's shards move once its session ends.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::kafka::Broker;
use super::known_answer::{Load, check};
use super::reconciliation::Reconciliation;
use super::worker::{Process, Worker};

fn shop(name: &str) -> Reconciliation {
    Reconciliation::new(&Broker::shared(), name).with("kafka/groupProtocol", "consumer")
}

#[test]
fn members_that_join_leave_and_are_killed_lose_and_double_nothing() {
    let shop = shop("kip848");
    let load = Load::start(&shop, 21, 3_000);
    let mut first = shop.worker("w-1");
    load.pass(3_000);
    let mut second = shop.worker("w-2");
    load.pass(3_000);
    let third = shop.worker("w-3");
    load.pass(3_000);
    assert_eq!(first.process.terminate().code(), Some(0));
    load.pass(3_000);
    let mut rng = StdRng::seed_from_u64(21);
    for _ in 0..4 {
        load.pass(rng.random_range(100..6_000));
        second.process.kill();
        second = Worker::start(&shop, "w-2");
    }
    let expected = load.finish();
    shop.settle();
    check(&expected, &shop.shipped());
    drop((second.ready(), third));
}

#[test]
fn a_member_frozen_for_longer_than_its_session_commits_nothing_afterwards() {
    let shop = shop("kip848-frozen");
    let load = Load::start(&shop, 22, 2_000);
    let zombie = shop.worker("w-1");
    let survivor = shop.worker("w-2");
    load.pass(4_000);
    zombie.process.freeze();
    let expected = load.finish();
    // Everything can only be processed after the frozen worker's session has expired.
    shop.settle();
    check(&expected, &shop.shipped());

    let load = Load::start(&shop, 23, 2_000);
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
fn more_members_than_partitions_are_ready_and_stand_by() {
    let shop = shop("kip848-standby");
    let names = ["w-1", "w-2", "w-3", "w-4", "w-5"];
    let workers = names.map(|name| shop.worker(name));
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
    drop(workers);
}

#[test]
fn a_reconciliation_changes_its_protocol_while_no_worker_runs() {
    let mut shop = Reconciliation::new(&Broker::shared(), "kip848-change");
    let load = Load::start(&shop, 24, 2_000);
    let mut workers = ["w-1", "w-2"].map(|name| shop.worker(name));
    for protocol in ["consumer", "classic"] {
        load.pass(2_000);
        for worker in &mut workers {
            assert_eq!(worker.process.terminate().code(), Some(0));
        }
        shop.set("kafka/groupProtocol", protocol);
        workers = ["w-1", "w-2"].map(|name| shop.worker(name));
        load.pass(2_000);
    }
    let expected = load.finish();
    shop.settle();
    check(&expected, &shop.shipped());
    drop(workers);
}

#[test]
fn a_reset_under_a_live_member_is_refused() {
    let shop = shop("kip848-reset");
    let worker = shop.worker("w-live");
    shop.order("a", &[1]);
    shop.settle();
    let file = shop.file();
    let file = file.to_str().expect("the path is UTF-8");
    let mut reset = Process::start("reset", ["reset", "-f", file, "--yes"]);
    assert!(!reset.exit().success());
    reset.says(&[&shop.name, "live members", "stop"]);
    shop.made("a", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
    drop(worker);
}
