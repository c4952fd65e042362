//! How many shards the system's limits allow this process to run: each has a store with open files.
//! The producers of the lanes need threads, and so do shards while they are opened; librdkafka ends
//! the process when it is refused one of its threads.
//!
//! Promise: a lack of room is reported before it is tried, and the shard waits; running shards
//! continue.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, getuid, setrlimit};

use super::troubles::{Concern, Severity, Troubles};
use rollcall_service::http;
use rollcall_store::tasks;

/// Threads of a client in addition to two for each broker: its main one, one for internal requests,
/// and those of its two coordinators.
const THREADS_OF_A_CLIENT: u64 = 4;
/// Descriptors of each thread that talks to a broker: a connection, and a pipe to wake it.
const DESCRIPTORS_OF_A_THREAD: u64 = 3;
/// Files of a shard's store, and its lock.
const DESCRIPTORS_OF_A_STORE: u64 = 16;
/// Reserved for temporary use, for example while shards are opened and restored, and for HTTP
/// connections.
const THREADS_KEPT: u64 = 32;
const DESCRIPTORS_KEPT: u64 = 64;
/// How often open files are counted: with a thousand shards, counting them for each would take
/// longer than opening it. What shards have not opened yet is reserved in any case.
const COUNT_INTERVAL: Duration = Duration::from_millis(200);
/// How often the number of waiting shards is updated.
const TELL_INTERVAL: Duration = Duration::from_secs(2);

/// Raises the limit on open files as far as this process may. Most systems begin with 1,024, which
/// is too low for modern programs.
pub fn raise_limit_of_files() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%error, "the limit of open files stays as it is");
        }
    }
}

/// What the producers, the openings and the shards need, and what was in use before them.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    threads_of_a_client: u64,
    lanes: u64,
    before: Used,
}

/// What this process uses.
#[derive(Debug, Clone, Copy)]
struct Used {
    threads: u64,
    descriptors: u64,
}

/// A limit on this process, and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    /// Includes the number.
    what: String,
    left: u64,
    /// Reserved: not for shards.
    kept: u64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Threads,
    Descriptors,
}

impl Room {
    /// Records what this process uses before it runs shards; the producers of its lanes connect to
    /// `brokers` brokers.
    pub fn look(brokers: usize, lanes: usize) -> Self {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX / 64);
        let threads_of_a_client = THREADS_OF_A_CLIENT + number(brokers.max(1)) * 2;
        Self { threads_of_a_client, lanes: number(lanes), before: Used::now() }
    }

    /// Returns how many more shards fit in addition to `running`, and what limits them, with the
    /// remedy. `None` if nothing does.
    pub fn left(&self, running: usize) -> Option<(u64, String)> {
        self.left_of(running, Used::now())
    }

    fn left_of(&self, running: usize, used: Used) -> Option<(u64, String)> {
        let least = bounds(used).into_iter().map(|bound| self.fits(&bound, running, used));
        least.min_by_key(|(left, _)| *left).filter(|(left, _)| *left < u64::MAX)
    }

    fn fits(&self, bound: &Bound, running: usize, used: Used) -> (u64, String) {
        let clients = self.lanes.saturating_mul(self.threads_of_a_client);
        let running = u64::try_from(running).unwrap_or(u64::MAX);
        // Producers and shards take their share gradually: what they have not taken yet is
        // reserved.
        let (before, theirs, used) = match bound.kind {
            Kind::Threads => (self.before.threads, clients, used.threads),
            Kind::Descriptors => {
                let stores = running.saturating_mul(DESCRIPTORS_OF_A_STORE);
                let clients = clients.saturating_mul(DESCRIPTORS_OF_A_THREAD);
                (self.before.descriptors, clients.saturating_add(stores), used.descriptors)
            }
        };
        let to_come = before.saturating_add(theirs).saturating_sub(used);
        let left = bound.left.saturating_sub(to_come).saturating_sub(bound.kept);
        let (left, needs) = match bound.kind {
            // A shard takes threads only while it is opened.
            Kind::Threads if left >= self.threads_of_a_client => (u64::MAX, String::new()),
            Kind::Threads => (0, format!("takes up to {} threads", self.threads_of_a_client)),
            Kind::Descriptors => (
                left / DESCRIPTORS_OF_A_STORE,
                format!("keeps up to {DESCRIPTORS_OF_A_STORE} open files"),
            ),
        };
        let what = match bound.kind {
            Kind::Threads => "opening one",
            Kind::Descriptors => "each",
        };
        let message = format!(
            "{} leaves no room for further shards, of which {what} {needs}: raise it, or run more \
             workers with fewer shards each",
            bound.what
        );
        (left, message)
    }
}

/// Lets shards be opened while there is room, and reports when there is none.
#[derive(Debug)]
pub struct Gate {
    room: Room,
    /// How many descriptors were in use, and when they were counted.
    counted: Option<(u64, Instant)>,
    /// When the lack of room was last reported; `None` while there is room.
    told_at: Option<Instant>,
}

impl Gate {
    pub fn of(room: Room) -> Self {
        Self { room, counted: None, told_at: None }
    }

    /// Returns whether one more shard fits in addition to those that are `active`.
    ///
    /// # Errors
    /// Why not, with the remedy.
    pub fn admit(&mut self, active: usize) -> Result<(), String> {
        let counted = self.counted.filter(|(_, at)| at.elapsed() < COUNT_INTERVAL);
        let (descriptors, _) =
            *self.counted.insert(counted.unwrap_or_else(|| (descriptors(), Instant::now())));
        match self.room.left_of(active, Used { threads: threads(), descriptors }) {
            Some((0, reason)) => Err(reason),
            Some(_) | None => Ok(()),
        }
    }

    /// Reports how many shards are waiting for room.
    pub fn tell(&mut self, troubles: &Troubles, waiting: usize, active: usize) {
        if waiting == 0 {
            if self.told_at.take().is_some() {
                troubles.resolve(Concern::System);
            }
            return;
        }
        if self.told_at.is_some_and(|at| at.elapsed() < TELL_INTERVAL) {
            return;
        }
        let bound = self.room.left(active).map(|(_, message)| message).unwrap_or_default();
        let message = format!("{waiting} shards wait, {active} run: {bound}");
        if self.told_at.replace(Instant::now()).is_none() {
            tracing::error!("{message}");
        }
        troubles.report(Concern::System, Severity::Degraded, "TooManyShards", &message);
    }
}

impl Used {
    fn now() -> Self {
        Self { threads: threads(), descriptors: descriptors() }
    }
}

fn threads() -> u64 {
    entries("/proc/self/task")
}

fn descriptors() -> u64 {
    entries("/proc/self/fd")
}

fn entries(dir: &str) -> u64 {
    let count = fs::read_dir(dir).map_or(0, Iterator::count);
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Returns the current limits on this process.
fn bounds(used: Used) -> Vec<Bound> {
    let mut bounds = Vec::new();
    if let Some(tasks) = tasks(Path::new("/")) {
        let what = format!("the limit of {} processes and threads (pids.max)", tasks.max);
        bounds.push(Bound { what, left: tasks.left(), kept: THREADS_KEPT, kind: Kind::Threads });
    }
    // The limit does not apply to the superuser.
    let max = getrlimit(Resource::Nproc).current.filter(|_| !getuid().is_root());
    if let Some(max) = max {
        let what = format!("the user's limit of {max} processes and threads (ulimit -u)");
        let left = max.saturating_sub(threads_of_user(getuid().as_raw()));
        bounds.push(Bound { what, left, kept: THREADS_KEPT, kind: Kind::Threads });
    }
    if let Some(max) = getrlimit(Resource::Nofile).current {
        let what = format!("the limit of {max} open files (ulimit -n)");
        let left = max.saturating_sub(used.descriptors);
        let kept = DESCRIPTORS_KEPT + http::connections_within(max);
        bounds.push(Bound { what, left, kept, kind: Kind::Descriptors });
    }
    bounds
}

/// Returns the number of threads of all visible processes of a user.
fn threads_of_user(user: u32) -> u64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let statuses = processes.filter_map(|it| fs::read_to_string(it.path().join("status")).ok());
    statuses.filter_map(|status| threads_of(&status, user)).sum()
}

/// Parses `/proc/<pid>/status`.
fn threads_of(status: &str, user: u32) -> Option<u64> {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let real = field("Uid:")?.split_whitespace().next()?;
    (real.parse() == Ok(user)).then(|| field("Threads:")?.trim().parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Room {
        let before = Used { threads: 20, descriptors: 40 };
        Room { threads_of_a_client: 6, lanes: 2, before }
    }

    fn fits(left: u64, kind: Kind, running: usize, used: Used) -> u64 {
        let kept = match kind {
            Kind::Threads => THREADS_KEPT,
            Kind::Descriptors => DESCRIPTORS_KEPT,
        };
        let bound = Bound { what: "the limit".to_owned(), left, kept, kind };
        room().fits(&bound, running, used).0
    }

    #[test]
    fn shards_fit_if_there_are_threads_for_the_producers_and_one_opening() {
        let used = Used { threads: 20, descriptors: 40 };
        assert_eq!(fits(THREADS_KEPT + 2 * 6 + 6, Kind::Threads, 0, used), u64::MAX);
        assert_eq!(fits(THREADS_KEPT + 2 * 6 + 5, Kind::Threads, 0, used), 0);
        let connected = Used { threads: 32, descriptors: 76 };
        assert_eq!(fits(THREADS_KEPT + 6, Kind::Threads, 1_000, connected), u64::MAX);
        assert_eq!(fits(THREADS_KEPT + 5, Kind::Threads, 1_000, connected), 0);
    }

    #[test]
    fn so_many_shards_fit_as_there_is_room_for_their_files() {
        let connected = Used { threads: 32, descriptors: 76 };
        let two = DESCRIPTORS_KEPT + 2 * DESCRIPTORS_OF_A_STORE;
        assert_eq!(fits(two, Kind::Descriptors, 0, connected), 2);
        // Ten shards run, and none has opened its files yet.
        let ten = 10 * DESCRIPTORS_OF_A_STORE;
        assert_eq!(fits(two + ten, Kind::Descriptors, 10, connected), 2);
        let open = Used { descriptors: 76 + ten, ..connected };
        assert_eq!(fits(two, Kind::Descriptors, 10, open), 2);
    }

    #[test]
    fn only_the_processes_of_the_user_count() {
        let status = "Name:\tx\nUid:\t1001\t1001\t1001\t1001\nThreads:\t17\n";
        assert_eq!(threads_of(status, 1001), Some(17));
        assert_eq!(threads_of(status, 0), None);
        assert_eq!(threads_of("Name:\tx\n", 0), None);
    }

    #[test]
    fn this_process_is_seen() {
        let used = Used::now();
        assert!(used.threads >= 1 && used.descriptors >= 3, "{used:?}");
        let user = getuid().as_raw();
        assert!(threads_of_user(user) >= 1);
    }
}
