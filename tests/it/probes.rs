//! The three probes, each with the failure that it detects and with conditions that it must
//! tolerate.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::{PARTITIONS, Reconciliation};
use super::worker::Worker;

/// A lane without progress for a minute is stuck.
const STUCK_TIMEOUT: Duration = Duration::from_secs(120);

fn status(worker: &Worker, path: &str) -> u16 {
    worker.get(path).map_or(0, |(status, _)| status)
}

#[test]
fn startup_waits_until_the_group_has_let_the_worker_in() {
    let shop = Reconciliation::without_topics(&Arc::new(Broker::absent()), "startup");
    let worker = Worker::start(&shop, "w-1");
    let text = worker.answers("/startupz", 503, WAIT_TIMEOUT);
    assert!(text.contains("not yet in the group"), "{text}");
    worker.process.says(&["not started yet", "no broker answers"]);
    assert_eq!(status(&worker, "/healthz"), 200, "a worker that waits for a broker is alive");
    shop.broker.begin();
    worker.answers("/startupz", 200, WAIT_TIMEOUT);
}

#[test]
fn readiness_names_the_shard_that_does_not_run_while_liveness_and_startup_are_well() {
    let shop = Reconciliation::new(&Broker::shared(), "unready");
    let mut worker = shop.worker("w-1");
    (0..40).for_each(|n| shop.order(&format!("order-{n}"), &[1]));
    shop.settle();
    assert_eq!(worker.process.terminate().code(), Some(0));
    (0..40).for_each(|n| shop.order(&format!("later-{n}"), &[1]));
    shop.flush();
    shop.broker.truncate(&shop.orders(), PARTITIONS);

    let worker = Worker::start(&shop, "w-1");
    worker.process.says(&["stopped", "deleted before it was read"]);
    // At first the other shards are being opened.
    eventually("readiness names the stopped shard", WAIT_TIMEOUT, || {
        let (status, text) = worker.get("/readyz")?;
        assert_eq!(status, 503);
        (text.contains("shard") && text.contains("stopped")).then_some(())
    });
    assert_eq!(status(&worker, "/startupz"), 200);
    assert_eq!(status(&worker, "/healthz"), 200);
}

/// One thread is stopped as by a debugger, which looks like a disk that no longer answers.
/// Meanwhile a worker that has never seen a broker, and one that has lost its broker, stay alive.
#[test]
fn liveness_fails_for_a_lane_that_hangs_and_not_for_a_worker_without_broker() {
    let never = Reconciliation::without_topics(&Arc::new(Broker::absent()), "never");
    let lost = Reconciliation::new(&Arc::new(Broker::start()), "lost");
    let shop = Reconciliation::new(&Broker::shared(), "hangs");
    let waits = Worker::start(&never, "w-1");
    let lonely = lost.worker("w-1");
    lost.order("o-1", &[1]);
    lost.settle();
    lost.broker.stop();
    let hangs = shop.worker("w-1");
    assert_eq!(status(&hangs, "/healthz"), 200);

    let lane = Pid::from_raw(hangs.process.thread("lane-0"));
    ptrace::attach(lane).expect("a child may be traced");
    waitpid(lane, Some(WaitPidFlag::__WALL)).expect("the thread stops");
    let text = hangs.answers("/healthz", 503, STUCK_TIMEOUT);
    assert!(text.contains("lane-0"), "{text}");
    // For as long as it took to detect the stuck lane.
    assert_eq!(status(&waits, "/healthz"), 200);
    assert_eq!(status(&lonely, "/healthz"), 200);
    ptrace::detach(lane, None).expect("the thread goes on");
    hangs.answers("/healthz", 200, WAIT_TIMEOUT);
}
