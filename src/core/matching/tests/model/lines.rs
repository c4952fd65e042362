//! Counts and lists that come record by record, in the model.

use super::{Answer, Counts, Fact, Model, Needs, State, plain};
use crate::{
    matching::{Deadlines, Part},
    record::Timestamp,
};

/// The list that records have made so far.
#[derive(Debug, Clone, Default)]
pub struct List {
    pub items: Counts,
    /// 0 if no record has said one.
    pub total: u32,
    pub is_closed: bool,
}

impl Model {
    /// Returns the list that has come record by record.
    pub fn list(&self) -> List {
        let mut list = List::default();
        for fact in &self.facts {
            if let Fact::Expected(Needs::Line(item, need, part), ..) = fact {
                list.items.insert(item.clone(), *need);
                match part {
                    Part::Of(total) => list.total = *total,
                    Part::Last => list.is_closed = true,
                    Part::More => {}
                }
            }
        }
        list.is_closed |= list.total > 0 && list.items.len() == list.total as usize;
        list
    }

    /// Returns whether it is known what the key needs: everything is but a list that goes on.
    pub fn is_closed(&self) -> bool {
        let is_line = |fact: &Fact| matches!(fact, Fact::Expected(Needs::Line(..), ..));
        !self.facts.iter().any(is_line) || self.list().is_closed
    }

    pub fn listed(
        &mut self,
        (item, need): (&str, u32),
        (part, deadlines): (Part, Deadlines),
        at: Timestamp,
    ) -> Answer {
        let list = self.list();
        let known = list.items.get(item);
        let total = if let Part::Of(total) = part { total } else { 0 };
        let repeats = known == Some(&need) && total <= list.total;
        let fact =
            Fact::Expected(Needs::Line(item.to_owned(), need, part), String::new(), deadlines, at);
        match self.state() {
            State::Completed | State::Failed if repeats => plain("duplicate-expectation"), // S4
            State::Completed => plain("already-completed"),                                // S5
            State::Failed if known.is_none() && !list.is_closed && total <= list.total => {
                plain("late-expectation") // S26
            }
            State::Failed => plain("already-failed"), // S5
            State::Cancelled => {
                self.facts.clear(); // S6
                self.add(fact, "reopened")
            }
            State::Open if repeats && (part != Part::Last || list.is_closed) => {
                plain("duplicate-expectation") // S2
            }
            State::Open if total > 0 && total < list.total => plain("total-shrinks"), // S26
            State::Open
                if total > 0 && known.is_none() && list.items.len() == list.total as usize =>
            {
                // A larger total has been told from it before.
                match total > list.total {
                    true => self.add(fact, if list.total == 0 { "expected" } else { "listed" }),
                    false => plain("beyond-total"), // S26
                }
            }
            State::NoRow | State::Open => {
                let outcome = match (self.expectation(), known) {
                    (None, _) => "expected",         // S1
                    (Some(_), None) => "listed",     // S26
                    (Some(_), Some(_)) => "amended", // S3
                };
                self.add(fact, outcome)
            }
        }
    }

    /// Returns how much of the count in force has neither arrived nor failed.
    pub fn left(&self) -> Option<u32> {
        let Some(Needs::Count(count)) = self.expectation() else { return None };
        let known = self.observations().values().sum::<u32>() + self.failures().len() as u32;
        Some(count.saturating_sub(known))
    }
}
