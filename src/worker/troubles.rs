//! Problems that keep the whole worker from working: at most one for each concern.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

pub use rollcall_service::state_api::Severity;
use rollcall_service::state_api::Trouble;

/// What a trouble is about. The code that watches a concern reports its trouble and resolves it.
///
/// In the order in which they are shown: what comes first usually explains what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// The worker has not started yet: no broker answered, or the topics do not fit.
    Start,
    /// The system refuses threads, processes or descriptors.
    System,
    /// The brokers reject the login, or its files cannot be read.
    Login,
    /// No broker is reachable.
    Brokers,
    /// The group does not accept this worker, or has removed it.
    Membership,
    /// The topics no longer fit the reconciliation.
    Topics,
    /// Inputs cannot be read to their end.
    Inputs,
    /// Transactions do not commit.
    Commits,
    /// The inputs' producers use different partitioners.
    Partitioners,
    /// Records are not in the partitions that their keys belong to.
    Placement,
    /// An input is unusable as a whole.
    DeadLetters,
}

/// The troubles of a worker, see the module.
#[derive(Debug, Default)]
pub struct Troubles(Mutex<BTreeMap<Concern, Trouble>>);

impl Troubles {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Concern, Trouble>> {
        self.0.lock().expect("nothing panics under this lock")
    }

    /// Records a problem; it replaces an earlier one of the same concern.
    pub fn report(&self, concern: Concern, severity: Severity, reason: &str, message: &str) {
        let trouble = Trouble { reason: reason.to_owned(), message: message.to_owned(), severity };
        self.lock().insert(concern, trouble);
    }

    /// Records that this concern has no problem any more.
    pub fn resolve(&self, concern: Concern) {
        self.lock().remove(&concern);
    }

    /// Returns the first trouble; those that keep the worker from being ready take precedence.
    pub fn first(&self) -> Option<Trouble> {
        let troubles = self.lock();
        let unready = troubles.values().find(|trouble| trouble.severity == Severity::Unready);
        unready.or_else(|| troubles.values().next()).cloned()
    }

    /// Returns the first trouble that keeps the worker from being ready.
    pub fn unready(&self) -> Option<Trouble> {
        let troubles = self.lock();
        troubles.values().find(|trouble| trouble.severity == Severity::Unready).cloned()
    }

    /// Returns all troubles, in the order of their concerns.
    pub fn all(&self) -> Vec<Trouble> {
        self.lock().values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_from_being_ready_is_told_first() {
        let troubles = Troubles::default();
        troubles.report(Concern::System, Severity::Degraded, "TooFewThreads", "raise the limit");
        troubles.report(Concern::Topics, Severity::Unready, "TopicMissing", "create it");
        assert_eq!(troubles.first().expect("a trouble").reason, "TopicMissing");
        assert_eq!(troubles.all().len(), 2);
        troubles.resolve(Concern::Topics);
        assert_eq!(troubles.first().expect("a trouble").reason, "TooFewThreads");
        assert_eq!(troubles.unready(), None);
    }
}
