//! Takes transactional ids away from their owners, once for all shards that find the same one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    thread,
    time::{Duration, Instant},
};

use super::{Connection, producer};
use rollcall_core::shard::{Error, Result};

/// Whoever was fenced in the last second need not be fenced again: a new transaction of that owner
/// holds none of our shards.
const FENCED_FOR: Duration = Duration::from_secs(1);
/// How long a fencing that has failed is remembered, so that its reason is seen.
const FAILED_FOR: Duration = Duration::from_secs(60);
/// How long to wait for the end of a fencing. The first request makes the broker abort the open
/// transaction, and the offsets show when that is done. librdkafka asks again only after half a
/// second, so waiting for it would take longer than the rest of a takeover.
const FENCING_WAIT: Duration = Duration::from_millis(150);
const FENCING_POLL: Duration = Duration::from_millis(5);

/// The transactional ids that are, or were just now, taken away from their owners.
#[derive(Default)]
pub(super) struct Fencings(Mutex<BTreeMap<String, Fencing>>);

/// A transactional id that is taken away from its owner.
#[derive(Clone)]
struct Fencing {
    begun: Instant,
    result: Arc<OnceLock<Result<()>>>,
}

/// Returns whether a transactional id belongs to a lane of this member of the group.
pub(super) fn is_id_of(transactional_id: &str, group: &str, instance: &str) -> bool {
    let own = transactional_id.strip_prefix(group).and_then(|rest| rest.strip_prefix('-'));
    let lane = own.and_then(|rest| rest.strip_prefix(instance)?.strip_prefix('-'));
    lane.is_some_and(|lane| lane.parse::<u32>().is_ok())
}

impl Fencings {
    /// Takes the id away from its owner, and waits a moment for that.
    ///
    /// # Errors
    /// Why that has failed, if it is known already.
    pub fn fence(&self, connection: &Arc<Connection>, transactional_id: &str) -> Result<()> {
        // Several shards that are opened at a time usually find the same owner.
        let fencing = {
            let mut fencings = self.current();
            match fencings.get(transactional_id) {
                Some(fencing) => fencing.clone(),
                None => {
                    let fencing = Fencing::start(connection, transactional_id)?;
                    fencings.insert(transactional_id.to_owned(), fencing.clone());
                    fencing
                }
            }
        };
        let result = fencing.wait();
        if result.is_err() {
            // It has been reported: the next one tries again.
            self.current().remove(transactional_id);
        }
        result
    }

    /// Returns whether the id is, or was just now, taken away from its owner.
    pub fn has(&self, transactional_id: &str) -> bool {
        self.current().contains_key(transactional_id)
    }

    fn current(&self) -> MutexGuard<'_, BTreeMap<String, Fencing>> {
        let mut fencings = self.0.lock().expect("nothing panics under this lock");
        fencings.retain(|_, fencing| fencing.counts());
        fencings
    }
}

impl Fencing {
    fn start(connection: &Arc<Connection>, transactional_id: &str) -> Result<Self> {
        let fencing = Self { begun: Instant::now(), result: Arc::default() };
        let (connection, id) = (Arc::clone(connection), transactional_id.to_owned());
        let result = Arc::clone(&fencing.result);
        let fence = move || {
            let _ = result.set(producer::fence(&connection, &id));
        };
        let refused = |error| Error::Interrupted(format!("no thread for fencing: {error}"));
        thread::Builder::new().name("fencing".to_owned()).spawn(fence).map_err(refused)?;
        Ok(fencing)
    }

    /// Returns whether it need not be done again: it goes on, or has just succeeded. A failure that
    /// nobody has waited for is reported to the next one who asks.
    fn counts(&self) -> bool {
        match self.result.get() {
            None => true,
            Some(Ok(())) => self.begun.elapsed() < FENCED_FOR,
            Some(Err(_)) => self.begun.elapsed() < FAILED_FOR,
        }
    }

    /// Waits a moment for the end.
    fn wait(&self) -> Result<()> {
        let until = Instant::now() + FENCING_WAIT;
        while self.result.get().is_none() && Instant::now() < until {
            thread::sleep(FENCING_POLL);
        }
        self.result.get().cloned().unwrap_or(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_the_group_the_member_and_one_of_its_lanes() {
        assert!(is_id_of("shop-w-1-0", "shop", "w-1"));
        assert!(is_id_of("shop-w-1-12", "shop", "w-1"));
        assert!(!is_id_of("shop-w-1-0", "shop", "w"));
        assert!(!is_id_of("shop-w-1-0-0", "shop", "w-1"));
        assert!(!is_id_of("shop-w-2-0", "shop", "w-1"));
        assert!(!is_id_of("other-w-1-0", "shop", "w-1"));
    }
}
