//! A case: what is written to the inputs, and what is expected to come of it.

use std::collections::BTreeMap;

use rollcall_sim::harness::Script;
use serde_json::Value;

use super::pairs::Scope;

/// A case, ready to run.
pub struct Case {
    pub name: String,
    pub order: Order,
    pub script: Script,
    /// What each arrival is called in messages.
    pub arrivals: Vec<String>,
    pub expected: Expected,
}

/// Whether the order in which different partitions are read may matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Any,
    /// Only the order as written is run.
    Strict,
}

/// What is expected of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The records of all outputs; without those that are expected separately.
    pub out: Records,
    pub overdue: Option<Records>,
    pub dead_letters: Option<Records>,
    /// The keys that are open in the end.
    pub state: Option<BTreeMap<String, Value>>,
}

/// Records that are expected. Only what they name is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    pub scope: Scope,
    pub records: Vec<Value>,
}

impl Default for Records {
    /// Nothing, and nothing else.
    fn default() -> Self {
        Self { scope: Scope::Whole, records: Vec::new() }
    }
}
