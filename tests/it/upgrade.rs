//! From the last release to this version: the new one continues from what the old one has
//! committed, also while both are in one group. Every completion is compared with the known answer.
//!
//! `scripts/test` makes `scripts/last-release` build the old program and passes its path.

use std::io::Write;
use std::path::PathBuf;

use super::kafka::Broker;
use super::known_answer::{Load, check};
use super::reconciliation::Reconciliation;
use super::worker::Worker;

const PROGRAM: &str = "ROLLCALL_LAST_RELEASE";
/// Why it is missing.
const LACKING: &str = "ROLLCALL_LAST_RELEASE_LACKING";

/// Returns the program of the last release. If it is missing, prints why in a way that bypasses the
/// test runner, which hides the output of tests that pass.
fn last_release() -> Option<PathBuf> {
    let program = std::env::var_os(PROGRAM).filter(|path| !path.is_empty());
    if program.is_none() {
        let run_by_hand =
            || format!("{PROGRAM} is not set: run scripts/last-release for its value");
        let why = std::env::var(LACKING).ok().filter(|why| !why.is_empty());
        let why = why.unwrap_or_else(run_by_hand);
        let _ = writeln!(std::io::stderr(), "skipped: {why}");
    }
    let program = PathBuf::from(program?);
    assert!(program.is_file(), "{PROGRAM}: {} is not there", program.display());
    Some(program)
}

/// An object that the last release accepts.
fn shop(name: &str) -> Reconciliation {
    Reconciliation::new(&Broker::shared(), name).without("topics/createInputs")
}

#[test]
fn what_the_last_release_was_killed_in_this_one_goes_on_with() {
    let Some(program) = last_release() else { return };
    let shop = shop("upgraded");
    let load = Load::start(&shop, 21, 2_000);
    let mut worker = Worker::start_program(&program, &shop, "w-1").ready();
    load.pass(6_000);
    worker.process.kill();
    load.pass(1_000);
    let mut worker = shop.worker("w-1");
    load.pass(6_000);
    let expected = load.finish();
    shop.settle();
    check(&expected, &shop.shipped());
    assert_eq!(worker.process.terminate().code(), Some(0));
    check(&expected, &shop.shipped());
}

#[test]
fn workers_of_the_last_release_are_replaced_one_by_one_under_load() {
    let Some(program) = last_release() else { return };
    let shop = shop("rolled");
    let load = Load::start(&shop, 22, 2_000);
    let names = ["w-1", "w-2"];
    let former = names.map(|name| Worker::start_program(&program, &shop, name).ready());
    load.pass(4_000);
    // The first one stops normally, the second one crashes.
    let mut ends = [true, false].into_iter();
    let mut workers = Vec::new();
    for (mut old, name) in former.into_iter().zip(names) {
        if ends.next() == Some(true) {
            assert_eq!(old.process.terminate().code(), Some(0));
        } else {
            old.process.kill();
        }
        workers.push(shop.worker(name));
        // With the first one, both versions are members now and share the shards.
        load.pass(6_000);
    }
    let expected = load.finish();
    shop.settle();
    check(&expected, &shop.shipped());
    for worker in &mut workers {
        assert_eq!(worker.process.count(&["panicked"]), 0);
        assert_eq!(worker.process.terminate().code(), Some(0));
    }
    check(&expected, &shop.shipped());
}
