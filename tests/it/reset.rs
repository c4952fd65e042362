//! `rollcall reset`: starting over needs a confirmation, is complete, and never happens under a
//! running worker.

use std::process::ExitStatus;

use super::kafka::Broker;
use super::reconciliation::{PARTITIONS, Reconciliation};
use super::topics;
use super::worker::Process;

/// Runs `rollcall reset` with these additional arguments.
fn reset(shop: &Reconciliation, arguments: &[&str]) -> (ExitStatus, Process) {
    let file = shop.file();
    let file = file.to_str().expect("the path is UTF-8");
    let arguments = ["reset", "-f", file].into_iter().chain(arguments.iter().copied());
    let mut process = Process::start("reset", arguments);
    (process.exit(), process)
}

/// Prepares a reconciliation without a worker that has shipped `a` and waits for more of `b`.
fn at_rest(name: &str) -> Reconciliation {
    let shop = Reconciliation::new(&Broker::shared(), name);
    let mut worker = shop.worker("w-1");
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.order("b", &[1, 2]);
    shop.made("b", 1);
    shop.settle();
    assert_eq!(worker.process.terminate().code(), Some(0));
    assert_eq!(shop.shipped_ids(), ["a"]);
    shop
}

/// Returns the number of partitions of the changelog and of committed offsets of the group.
fn remains(shop: &Reconciliation) -> (i32, usize) {
    let changelog = topics::partition_count(&shop.broker, &shop.changelog());
    let committed = |topic: &str| topics::committed(&shop.broker, &shop.name, topic).len();
    (changelog, committed(&shop.orders()) + committed(&shop.manufactured()))
}

#[test]
fn after_a_reset_the_whole_input_is_read_again_into_an_empty_changelog() {
    let shop = at_rest("reset");
    assert_eq!(remains(&shop).0, PARTITIONS);
    assert!(remains(&shop).1 > 0);
    let state = shop.state_dir("w-1");
    let store = state.join("0");
    assert!(store.exists(), "the worker has left a store");

    let (status, said) =
        reset(&shop, &["--yes", "--state-dir", state.to_str().expect("the path is UTF-8")]);
    said.says(&["changelog topic", &shop.changelog()]);
    said.says(&["committed offsets", &shop.name]);
    said.says(&["local state"]);
    said.says(&["deleted", "earliest"]);
    assert!(status.success());
    assert_eq!(remains(&shop), (0, 0));
    assert!(!store.exists());

    let worker = shop.worker("w-1");
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a", "a"]);
    shop.made("b", 2);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a", "a", "b"]);
    drop(worker);
}

#[test]
fn local_state_that_a_reset_has_left_is_not_believed() {
    let shop = at_rest("reset-stale").with("startFrom", "latest");
    let (status, said) = reset(&shop, &["--yes"]);
    said.says(&["deleted", "latest"]);
    assert!(status.success());
    let worker = shop.worker("w-1");
    shop.made("b", 2);
    shop.order("c", &[1]);
    shop.made("c", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a", "c"], "b was forgotten, its order too");
    drop(worker);
}

#[test]
fn a_reset_under_a_live_worker_is_refused_and_names_it() {
    let shop = Reconciliation::new(&Broker::shared(), "reset-live");
    let worker = shop.worker("w-live");
    shop.order("a", &[1]);
    shop.settle();
    let (_, committed) = remains(&shop);
    let (status, said) = reset(&shop, &["--yes"]);
    said.says(&[&shop.name, "live members", "w-live", "stop"]);
    assert!(!status.success());
    assert_eq!(remains(&shop).0, PARTITIONS);
    assert!(remains(&shop).1 >= committed);
    shop.made("a", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
    drop(worker);
}

#[test]
fn a_reset_that_nobody_confirms_deletes_nothing() {
    let shop = at_rest("reset-asked");
    let before = remains(&shop);
    let (status, said) = reset(&shop, &[]);
    said.says(&["changelog topic", &shop.changelog()]);
    said.says(&["nothing was deleted", "--yes"]);
    assert!(!status.success());
    assert_eq!(remains(&shop), before);
}

#[test]
fn a_reset_mends_a_reconciliation_whose_changelog_was_deleted() {
    let shop = at_rest("reset-deleted");
    shop.broker.delete_topic(&shop.changelog());
    let (status, said) = reset(&shop, &["--yes"]);
    said.says(&["deleted"]);
    assert!(status.success());
    let worker = shop.worker("w-1");
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a", "a"]);
    drop(worker);
    let fresh = Reconciliation::new(&shop.broker, "reset-fresh");
    let (status, said) = reset(&fresh, &[]);
    said.says(&["nothing to delete"]);
    assert!(status.success());
}
