//! Deadlines that expectations name, in the model.

use super::{Fact, Model};
use crate::{
    matching::{Deadlines, Rules},
    record::Timestamp,
};

impl Model {
    /// Returns what the expectation in force names.
    pub fn deadlines(&self) -> Deadlines {
        let named = self.facts.iter().rev().find_map(|fact| match fact {
            Fact::Expected(_, _, deadlines, _) => Some(*deadlines),
            _ => None,
        });
        named.unwrap_or_default()
    }

    /// Returns when the key became overdue, unless that was reported, and when it expired.
    pub fn due(
        &self,
        rules: &Rules,
        expected_at: Timestamp,
        now: Timestamp,
    ) -> (Option<Timestamp>, Option<Timestamp>) {
        let Deadlines { overdue, expire } = self.deadlines();
        let due = |named: Option<Timestamp>, after: Option<Timestamp>| {
            named.or(after.map(|after| expected_at + after)).filter(|due| *due <= now)
        };
        let overdue = due(overdue, rules.overdue_after_ms).filter(|_| !self.was_reported());
        (overdue, due(expire, rules.expire_after_ms))
    }

    /// Returns whether the key was reported as overdue at the deadline in force.
    pub fn was_reported(&self) -> bool {
        let (mut in_force, mut was_reported) = (None, false);
        for fact in &self.facts {
            match fact {
                Fact::Expected(_, _, deadlines, _) => {
                    was_reported &= in_force == Some(deadlines.overdue);
                    in_force = Some(deadlines.overdue);
                }
                Fact::Reported => was_reported = true,
                _ => {}
            }
        }
        was_reported
    }
}
