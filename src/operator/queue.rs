//! Decides which object to look at next.
//!
//! Promise: only one task looks at an object at a time, and requests that arrive meanwhile are
//! handled right after it. An object that fails waits longer each time and delays no other. Ban: no
//! clock, no task.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(300);

/// Identifies an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub namespace: String,
    pub name: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Why to look at an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Time has passed, or pods have changed.
    Look,
    /// The object or one of its children has changed: everything is applied again.
    Change,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Instant,
    cause: Cause,
}

/// Objects that are waiting, and those that are being looked at.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: BTreeMap<Key, Entry>,
    running: BTreeSet<Key>,
    failures: BTreeMap<Key, u32>,
}

impl Queue {
    /// Schedules an object, not before `at`; an earlier time that is already set stays.
    pub fn add(&mut self, key: Key, cause: Cause, at: Instant) {
        let entry = self.waiting.entry(key).or_insert(Entry { at, cause });
        entry.at = entry.at.min(at);
        entry.cause = entry.cause.max(cause);
    }

    /// Takes the object that is due and has waited longest.
    pub fn take(&mut self, now: Instant) -> Option<(Key, Cause)> {
        let (key, _) =
            self.free().filter(|(_, entry)| entry.at <= now).min_by_key(|(_, e)| e.at)?;
        let key = key.clone();
        let entry = self.waiting.remove(&key)?;
        self.running.insert(key.clone());
        Some((key, entry.cause))
    }

    /// Returns when [`Self::take`] will have something; `None` until something is added or
    /// finished.
    pub fn next_at(&self) -> Option<Instant> {
        self.free().map(|(_, entry)| entry.at).min()
    }

    /// Ends a look that succeeded.
    pub fn finish(&mut self, key: &Key, again_at: Option<Instant>) {
        self.running.remove(key);
        self.failures.remove(key);
        if let Some(at) = again_at {
            self.add(key.clone(), Cause::Look, at);
        }
    }

    /// Ends a look that failed, schedules another one and returns the delay.
    pub fn fail(&mut self, key: &Key, cause: Cause, now: Instant) -> Duration {
        self.running.remove(key);
        let failures = self.failures.entry(key.clone()).or_default();
        let pause = RETRY_MIN.saturating_mul(1 << (*failures).min(16)).min(RETRY_MAX);
        *failures += 1;
        self.add(key.clone(), cause, now + pause);
        pause
    }

    /// Returns how many objects are due and still waiting.
    pub fn overdue(&self, now: Instant) -> usize {
        self.waiting.values().filter(|entry| entry.at <= now).count()
    }

    fn free(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.waiting.iter().filter(|(key, _)| !self.running.contains(*key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { namespace: "n".to_owned(), name: name.to_owned() }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_object_is_taken_when_its_time_has_come_and_the_longest_waiting_first() {
        let now = Instant::now();
        let mut queue = Queue::default();
        queue.add(key("late"), Cause::Look, now + SECOND);
        queue.add(key("b"), Cause::Look, now);
        queue.add(key("a"), Cause::Look, now - SECOND);
        assert_eq!(queue.overdue(now), 2);
        assert_eq!(queue.take(now), Some((key("a"), Cause::Look)));
        assert_eq!(queue.take(now), Some((key("b"), Cause::Look)));
        assert_eq!(queue.take(now), None);
        assert_eq!(queue.next_at(), Some(now + SECOND));
    }

    #[test]
    fn asking_twice_is_one_look_at_the_earlier_time_for_the_stronger_cause() {
        let now = Instant::now();
        let mut queue = Queue::default();
        queue.add(key("a"), Cause::Look, now);
        queue.add(key("a"), Cause::Change, now + SECOND);
        assert_eq!(queue.take(now), Some((key("a"), Cause::Change)));
        assert_eq!(queue.next_at(), None);
    }

    #[test]
    fn what_is_asked_for_during_a_look_is_done_after_it() {
        let now = Instant::now();
        let mut queue = Queue::default();
        queue.add(key("a"), Cause::Look, now);
        let (taken, _) = queue.take(now).expect("it is due");
        queue.add(key("a"), Cause::Change, now);
        assert_eq!(queue.take(now), None);
        assert_eq!(queue.next_at(), None);
        queue.finish(&taken, Some(now + SECOND));
        assert_eq!(queue.take(now), Some((key("a"), Cause::Change)));
    }

    #[test]
    fn pauses_after_failures_grow_and_end_with_a_success() {
        let mut now = Instant::now();
        let mut queue = Queue::default();
        queue.add(key("a"), Cause::Change, now);
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let (taken, cause) = queue.take(now).expect("it is due");
            assert_eq!(cause, Cause::Change);
            let pause = queue.fail(&taken, cause, now);
            assert_eq!(queue.take(now), None);
            now += pause;
            pauses.push(pause.as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        let (taken, cause) = queue.take(now).expect("it is due");
        queue.finish(&taken, None);
        assert_eq!(queue.next_at(), None);
        assert_eq!(queue.fail(&taken, cause, now), SECOND);
    }
}
