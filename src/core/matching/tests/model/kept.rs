//! What is kept of records, in the model.

use std::collections::BTreeMap;

use super::{Fact, Model};
use crate::matching::ItemOutcome;

/// What is kept of the expectation, and of items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keeps {
    pub expected: String,
    pub items: BTreeMap<String, String>,
}

impl Model {
    /// Returns what was said last of the expectation and of each item, unless it was taken back.
    pub fn kept(&self) -> Keeps {
        let mut keeps = Keeps::default();
        for fact in &self.facts {
            match fact {
                Fact::Expected(_, kept, ..) => keeps.expected.clone_from(kept),
                Fact::Observed(item, _, outcome, kept, _) => {
                    keeps.items.remove(item);
                    if *outcome != ItemOutcome::Withdrawn && !kept.is_empty() {
                        keeps.items.insert(item.clone(), kept.clone());
                    }
                }
                _ => {}
            }
        }
        keeps
    }
}
