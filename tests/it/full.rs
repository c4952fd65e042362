//! A worker whose memory is full has to recover by itself.

use std::fs;
use std::thread;
use std::time::Duration;

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::Reconciliation;
use super::worker::Worker;

/// More than a worker with the minimum memory can hold uncommitted.
const ORDERS: usize = 300_000;
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

fn refused_commits(worker: &Worker) -> Option<u64> {
    let text = worker.get("/metrics")?.1;
    let is_it = |line: &&str| {
        line.starts_with("rollcall_commit_failures_total") && line.contains("\"outdated\"")
    };
    text.lines().find(is_it)?.rsplit(' ').next()?.parse().ok()
}

/// Returns the processor time of a thread, in hundredths of a second.
fn worked(thread: Pid) -> i64 {
    let stat = fs::read_to_string(format!("/proc/{thread}/stat")).expect("the thread is there");
    let (_, fields) = stat.rsplit_once(')').expect("the name is in brackets");
    let fields: Vec<i64> = fields.split(' ').filter_map(|field| field.parse().ok()).collect();
    // `fields` starts at the state; user and system time are fields 14 and 15 overall.
    fields[10] + fields[11]
}

/// The group moves on without this worker for so long that the worker can accept no more records;
/// what it holds is committed as soon as it has caught up with the group.
#[test]
fn a_worker_that_was_full_when_its_commits_were_refused_goes_on_once_they_are_not() {
    let shop = Reconciliation::new(&Broker::shared(), "full").with("memoryBudget", "16Mi");
    let first = shop.worker("w-1");
    let membership = Pid::from_raw(first.process.thread("membership"));
    let lane = Pid::from_raw(first.process.thread("lane-0"));
    ptrace::attach(membership).expect("a child may be traced");
    waitpid(membership, Some(WaitPidFlag::__WALL)).expect("the thread stops");
    let _second = Worker::start(&shop, "w-2");
    let mut sent = 0;
    let mut send = |count: usize| {
        for _ in 0..count {
            sent += 1;
            shop.order(&format!("o-{sent}"), &[1]);
        }
        shop.flush();
    };
    eventually("the group has moved on without the first worker", WAIT_TIMEOUT, || {
        send(10);
        refused_commits(&first).filter(|count| *count > 0)
    });
    send(ORDERS);
    eventually("the first worker has taken in what it can", WAIT_TIMEOUT, || {
        let before = worked(lane);
        thread::sleep(LOOK_INTERVAL);
        (worked(lane) < before + 10).then_some(())
    });
    ptrace::detach(membership, None).expect("the thread goes on");
    shop.settle();
}
