//! The rules again, written slowly and plainly: all events of a key since it was last forgotten,
//! with every answer computed from all of them each time.
//!
//! Ban: nothing of `step.rs`, `row.rs` or `items.rs` is used here except plain names.

mod deadlines;
mod kept;
mod lines;

use std::collections::BTreeMap;

pub use self::kept::Keeps;
use crate::{
    matching::{Counting, Deadlines, FailedWhen, ItemOutcome, OverdueReason, Part, Rules},
    record::Timestamp,
};

pub type Counts = BTreeMap<String, u32>;

/// What an expectation says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    List(Counts),
    Count(u32),
    /// One item of a list that comes record by record, and what its record says of the rest.
    Line(String, u32, Part),
}

/// An input of the model.
#[derive(Debug, Clone)]
pub enum Said {
    Expected(Needs),
    Cancelled,
    Observed(String, u32, ItemOutcome, Option<String>),
    /// Shard time has reached this.
    Time,
}

/// The answer of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The name of the outcome.
    pub outcome: &'static str,
    pub completion: Option<Completion>,
    pub failure: Option<Failure>,
    /// What is known of a key that a tombstone ended.
    pub cancelled: Option<Known>,
    pub report: Option<Report>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    pub late: bool,
    pub expected_at: Timestamp,
    /// The expected items.
    pub list: Vec<String>,
    pub kept: Keeps,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub late: bool,
    pub known: Known,
}

/// What is known of the items of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub missing: Counts,
    pub observed: Counts,
    /// Once each.
    pub failed: Counts,
    /// How much of a count is missing.
    pub left: Option<u32>,
    pub kept: Keeps,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub reason: OverdueReason,
    pub since: Timestamp,
    pub known: Known,
}

/// One event that had an effect on the key.
#[derive(Debug, Clone)]
enum Fact {
    Expected(Needs, String, Deadlines, Timestamp),
    Observed(String, u32, ItemOutcome, String, Timestamp),
    /// An observation with this id was heard.
    Heard(String),
    Cancelled(Timestamp),
    Reported,
    Expired(Timestamp),
}

/// All events that had an effect on one key since it was last forgotten or reopened.
#[derive(Debug, Clone, Default)]
pub struct Model {
    facts: Vec<Fact>,
    fails: Option<FailedWhen>,
}

/// The name of the row's state in the table of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    NoRow,
    Open,
    Completed,
    Cancelled,
    Failed,
}

impl Model {
    /// Answers a record of which `kept` is kept.
    pub fn hear(
        &mut self,
        rules: &Rules,
        (said, kept, deadlines): (&Said, &str, Deadlines),
        at: Timestamp,
    ) -> Answer {
        self.fails = rules.failed;
        match said {
            Said::Expected(needs) => self.expected(rules, (needs, kept, deadlines), at),
            Said::Cancelled => match self.state() {
                State::NoRow | State::Open => {
                    let reported = rules.reports_cancelled && self.expectation().is_some();
                    let cancelled = reported.then(|| self.known()); // S29
                    self.facts.push(Fact::Cancelled(at));
                    Answer { cancelled, ..plain("cancelled") } // S8
                }
                _ => plain("late-cancellation"), // S9
            },
            Said::Observed(item, quantity, outcome, id) => {
                let was_heard = |id: &String| {
                    self.facts.iter().any(|fact| matches!(fact, Fact::Heard(known) if known == id))
                };
                let is_open = matches!(self.state(), State::NoRow | State::Open);
                if is_open && id.as_ref().is_some_and(was_heard) {
                    return plain("duplicate-observation"); // S27
                }
                if is_open {
                    self.facts.extend(id.clone().map(Fact::Heard));
                }
                self.observed(rules, (item, kept), (*quantity, *outcome), at)
            }
            Said::Time => self.time(rules, at),
        }
    }

    fn expected(
        &mut self,
        rules: &Rules,
        (needs, kept, deadlines): (&Needs, &str, Deadlines),
        at: Timestamp,
    ) -> Answer {
        let is_empty = match needs {
            Needs::List(items) => items.is_empty(),
            Needs::Count(count) => *count == 0,
            Needs::Line(item, need, part) => {
                return self.listed((item, *need), (*part, deadlines), at);
            }
        };
        if is_empty && !rules.allow_empty {
            return plain("no-items"); // S7
        }
        let identical = self.expectation().as_ref() == Some(needs);
        let names_same = self.deadlines() == deadlines && self.kept().expected == kept;
        let fact = Fact::Expected(needs.clone(), kept.to_owned(), deadlines, at);
        match self.state() {
            // S2, S4
            State::Open if identical && names_same => plain("duplicate-expectation"),
            State::Completed | State::Failed if identical => plain("duplicate-expectation"),
            State::Completed => plain("already-completed"), // S5
            State::Failed => plain("already-failed"),       // S5
            State::Cancelled => {
                self.facts.clear(); // S6
                self.add(fact, "reopened")
            }
            State::NoRow | State::Open => {
                let outcome = match self.expectation() {
                    None => "expected",   // S1
                    Some(_) => "amended", // S3
                };
                self.add(fact, outcome)
            }
        }
    }

    fn observed(
        &mut self,
        rules: &Rules,
        (item, kept): (&str, &str),
        (quantity, outcome): (u32, ItemOutcome),
        at: Timestamp,
    ) -> Answer {
        if matches!(self.state(), State::Completed | State::Cancelled | State::Failed) {
            return plain("late-observation"); // S14, S24
        }
        let last_word = self.last_word(item).unwrap_or(ItemOutcome::Withdrawn);
        let counted = match rules.counting {
            Counting::Distinct if last_word == outcome => {
                return plain("duplicate-observation"); // S11, S24
            }
            Counting::Distinct => 1,
            Counting::Quantity => quantity, // S12
        };
        let name = match (self.expectation(), outcome) {
            (Some(Needs::List(needs)), _) if !needs.contains_key(item) => "unexpected", // S13
            (_, ItemOutcome::Arrived) => "observed",                                    // S10
            (_, ItemOutcome::Failed) => "item-failed",                                  // S22, S23
            (_, ItemOutcome::Withdrawn) => "item-withdrawn",                            // S24
        };
        self.add(Fact::Observed(item.to_owned(), counted, outcome, kept.to_owned(), at), name)
    }

    /// Adds a fact that may decide the key.
    fn add(&mut self, fact: Fact, outcome: &'static str) -> Answer {
        self.facts.push(fact);
        let late = self.was_reported();
        let completion = (self.state() == State::Completed).then(|| Completion {
            late,
            expected_at: self.expected_at().expect("only what is expected completes"),
            list: match self.expectation() {
                Some(Needs::List(needs)) => needs.keys().cloned().collect(),
                _ => Vec::new(),
            },
            kept: self.kept(),
        });
        let failure =
            (self.state() == State::Failed).then(|| Failure { late, known: self.known() });
        Answer { completion, failure, ..plain(outcome) }
    }

    fn time(&mut self, rules: &Rules, now: Timestamp) -> Answer {
        let passed = |since: Timestamp, after: Option<Timestamp>| {
            after.filter(|after| since + after <= now).map(|after| since + after)
        };
        if matches!(self.state(), State::Completed | State::Cancelled | State::Failed) {
            if passed(self.changed_at(), Some(rules.memory_ms)).is_some() {
                self.facts.clear();
                return plain("forgotten"); // S20
            }
            return plain("nothing");
        }
        if self.state() == State::NoRow {
            return plain("nothing");
        }
        let Some(expected_at) = self.expected_at() else {
            if passed(self.changed_at(), rules.orphans_after_ms).is_none() {
                return plain("nothing");
            }
            let report = self.report(OverdueReason::Orphan, self.changed_at());
            self.facts.clear();
            return reported("orphaned", report); // S19
        };
        let (overdue, expired) = self.due(rules, expected_at, now);
        if overdue.is_some_and(|overdue| expired.is_none_or(|expired| overdue <= expired)) {
            let report = self.report(OverdueReason::Overdue, expected_at);
            self.facts.push(Fact::Reported);
            return reported("overdue", report); // S18
        }
        if expired.is_some() {
            let report = self.report(OverdueReason::Expired, expected_at);
            self.facts.push(Fact::Expired(now));
            return reported("expired", report); // S21
        }
        plain("nothing")
    }

    fn report(&self, reason: OverdueReason, since: Timestamp) -> Report {
        Report { reason, since, known: self.known() }
    }

    fn known(&self) -> Known {
        let (missing, observed) = (self.missing(), self.observations());
        let (failed, left, kept) = (self.failures(), self.left(), self.kept());
        Known { missing, observed, failed, left, kept }
    }

    pub fn state(&self) -> State {
        let ended = |fact: &Fact| matches!(fact, Fact::Cancelled(_) | Fact::Expired(_));
        if self.facts.is_empty() {
            State::NoRow
        } else if self.facts.iter().any(ended) {
            State::Cancelled
        } else if let Some(needs) = self.expectation() {
            // Nothing is added to a key after it is decided, so this stays true.
            let failures = self.failures();
            let fails = match needs {
                Needs::List(needs) => failures.keys().any(|item| needs.contains_key(item)),
                Needs::Count(_) => !failures.is_empty(),
                Needs::Line(..) => unreachable!("the list is in force, not its lines"),
            };
            let is_closed = self.is_closed();
            let all_known = self.missing().is_empty() && self.left().unwrap_or(0) == 0;
            match (all_known && is_closed, fails, self.fails) {
                (_, true, Some(FailedWhen::First)) => State::Failed, // S22
                (true, true, Some(FailedWhen::AllKnown)) => State::Failed, // S23
                (true, false, _) => State::Completed,
                _ => State::Open,
            }
        } else {
            State::Open
        }
    }

    /// Returns the expectation in force.
    pub fn expectation(&self) -> Option<Needs> {
        let last = self.facts.iter().rev().find_map(|fact| match fact {
            Fact::Expected(needs, ..) => Some(needs.clone()),
            _ => None,
        });
        match last {
            Some(Needs::Line(..)) => Some(Needs::List(self.list().items)),
            other => other,
        }
    }

    /// Returns when an expectation first arrived.
    pub fn expected_at(&self) -> Option<Timestamp> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::Expected(.., at) => Some(*at),
            _ => None,
        })
    }

    /// Returns the time of the latest change: timestamps may go backwards, the row's does not.
    pub fn changed_at(&self) -> Timestamp {
        let times = self.facts.iter().filter_map(|fact| match fact {
            Fact::Expected(.., at)
            | Fact::Observed(.., at)
            | Fact::Cancelled(at)
            | Fact::Expired(at) => Some(*at),
            Fact::Reported | Fact::Heard(_) => None,
        });
        times.max().expect("only a known key has a last change")
    }

    pub fn observations(&self) -> Counts {
        let mut counts = Counts::new();
        for fact in &self.facts {
            match fact {
                Fact::Observed(item, quantity, ItemOutcome::Arrived, ..) => {
                    *counts.entry(item.clone()).or_default() += quantity;
                }
                Fact::Observed(item, ..) => {
                    counts.remove(item);
                }
                _ => {}
            }
        }
        counts
    }

    fn last_word(&self, item: &str) -> Option<ItemOutcome> {
        self.facts.iter().rev().find_map(|fact| match fact {
            Fact::Observed(of, _, outcome, ..) if of == item => Some(*outcome),
            _ => None,
        })
    }

    /// Returns every item, expected or not, about which the last word is that it failed.
    pub fn failures(&self) -> Counts {
        let of = |fact: &Fact| match fact {
            Fact::Observed(item, ..) => Some(item.clone()),
            _ => None,
        };
        let items = self.facts.iter().filter_map(of);
        let failed = items.filter(|item| self.last_word(item) == Some(ItemOutcome::Failed));
        failed.map(|item| (item, 1)).collect()
    }

    /// Returns what the expectation in force lists and has neither arrived nor failed.
    pub fn missing(&self) -> Counts {
        let observed = self.observations();
        let mut missing = match self.expectation() {
            Some(Needs::List(items)) => items,
            _ => Counts::new(),
        };
        for (item, needed) in &mut missing {
            *needed = needed.saturating_sub(observed.get(item).copied().unwrap_or(0));
        }
        let failed = self.failures();
        missing.retain(|item, needed| *needed > 0 && !failed.contains_key(item));
        missing
    }
}

fn plain(outcome: &'static str) -> Answer {
    Answer { outcome, completion: None, failure: None, cancelled: None, report: None }
}

fn reported(outcome: &'static str, report: Report) -> Answer {
    Answer { report: Some(report), ..plain(outcome) }
}
