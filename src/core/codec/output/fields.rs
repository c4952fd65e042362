//! Fields of outputs that the object chooses: constants, the list of items, and what is kept of the
//! records.
//!
//! Promise: what is kept is written as it came. Ban: nothing here looks for names that occur twice;
//! the object's validation does.

use std::collections::BTreeMap;

use super::{Facts, push_text};
use crate::{
    matching::{Counting, Items, Kept},
    record::Sink,
};

/// The field of overdue records of lists that come record by record and go on.
pub const LISTED_TOTAL: &str = "listedTotal";

/// A field with the same value in all records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constant {
    pub name: String,
    pub value: serde_json::Value,
}

/// What outputs carry besides what they report about the key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    /// The field of a completion that lists the expected items; `None` if it lists none.
    pub items: Option<String>,
    /// Of completions.
    pub completed: Vec<Constant>,
    /// Of failed records.
    pub failed: Vec<Constant>,
}

/// Returns the fields that a kind of output has in any case, besides the one of the key.
pub fn standard_fields(sink: Sink, facts: Facts) -> &'static [&'static str] {
    match sink {
        Sink::Completed if facts == Facts::Value => &["expectedAt", "late"],
        Sink::Completed | Sink::DeadLetter => &[],
        Sink::Overdue => &[
            "reason",
            "since",
            "expectedTotal",
            LISTED_TOTAL,
            "missingTotal",
            "missing",
            "unexpectedTotal",
            "unexpected",
            "failedTotal",
            "failed",
        ],
        Sink::Failed | Sink::Cancelled => {
            &["failed", "failedTotal", "missing", "missingTotal", "observedTotal"]
        }
    }
}

/// The same, compiled.
#[derive(Debug, Clone)]
pub(super) struct Carried {
    /// Members of completions, each after a comma.
    completed: Vec<u8>,
    /// Those of failed records.
    failed: Vec<u8>,
    /// `,"<items field>":[`
    items: Option<Vec<u8>>,
    counting: Counting,
}

impl Carried {
    pub fn new(fields: &Fields, counting: Counting) -> Self {
        let items = fields.items.as_ref().map(|name| {
            let mut head = b",".to_vec();
            push_text(&mut head, name);
            head.extend_from_slice(b":[");
            head
        });
        let (completed, failed) = (constants(&fields.completed), constants(&fields.failed));
        Self { completed, failed, items, counting }
    }

    /// Adds what a completion carries to an object that was begun.
    pub fn push_completed(&self, value: &mut Vec<u8>, items: &Items, kept: &Kept) {
        value.extend_from_slice(&self.completed);
        push_members(value, kept.expected());
        if let Some(head) = &self.items {
            value.extend_from_slice(head);
            self.push_items(value, items, kept);
            value.push(b']');
        }
    }

    /// Adds what a failed record carries to an object that was begun.
    pub fn push_failed(&self, value: &mut Vec<u8>, kept: &Kept) {
        value.extend_from_slice(&self.failed);
        push_members(value, kept.expected());
    }

    /// Adds the expected items, in the order of the expectation.
    fn push_items(&self, value: &mut Vec<u8>, items: &Items, kept: &Kept) {
        let kept: BTreeMap<&str, &str> = kept.items().collect();
        let mut is_first = true;
        for item in items.iter().filter(|item| item.need > 0) {
            value.extend_from_slice(if is_first { b"{\"item\":" } else { b",{\"item\":" });
            is_first = false;
            push_text(value, item.text);
            if self.counting == Counting::Quantity {
                value.extend_from_slice(b",\"quantity\":");
                value.extend_from_slice(item.need.to_string().as_bytes());
            }
            push_members(value, kept.get(item.text).unwrap_or(&""));
            value.push(b'}');
        }
    }
}

/// Adds members to an object that has a member already.
pub(super) fn push_members(value: &mut Vec<u8>, members: &str) {
    if !members.is_empty() {
        value.push(b',');
        value.extend_from_slice(members.as_bytes());
    }
}

fn constants(constants: &[Constant]) -> Vec<u8> {
    let mut members = Vec::new();
    for Constant { name, value } in constants {
        members.push(b',');
        push_text(&mut members, name);
        members.push(b':');
        serde_json::to_writer(&mut members, value).expect("a Vec takes every value");
    }
    members
}
