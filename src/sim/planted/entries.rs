//! Faults in which entry of its topic a record goes to.

use std::sync::Arc;

use super::assert_found;
use crate::{Client, Wiring, wiring::faithful_broker};
use rollcall_core::{
    codec::{
        Decoder,
        input::{Entry, Limits},
    },
    shard::Plan,
};

/// Returns the plan of a process with other entries of each input.
fn with_entries(client: &Client, change: impl Fn(&mut Vec<Entry>)) -> Arc<Plan> {
    let plan = client.plan();
    let mut topics = client.stage.world().setting.entries.clone();
    topics.iter_mut().for_each(change);
    let decoder = |entries: &Vec<Entry>| {
        let decoder = Decoder::new(entries, plan.rules.counting, Limits::default());
        decoder.expect("the paths fit in any order")
    };
    Arc::new(Plan { inputs: topics.iter().map(decoder).collect(), ..Plan::clone(&plan) })
}

struct LastEntryFirst;

impl Wiring for LastEntryFirst {
    faithful_broker!();

    fn plan(&self, client: &Client) -> Arc<Plan> {
        with_entries(client, |entries| entries.reverse())
    }
}

#[test]
fn a_record_that_goes_to_the_second_entry_that_fits_is_found() {
    assert_found(&LastEntryFirst, "R-3");
}

struct NothingSkipped;

impl Wiring for NothingSkipped {
    faithful_broker!();

    /// The last entry of a topic takes what fits no other one.
    fn plan(&self, client: &Client) -> Arc<Plan> {
        with_entries(client, |entries| {
            entries.last_mut().expect("a topic has an entry").conditions.clear();
        })
    }
}

#[test]
fn a_record_that_should_be_skipped_and_is_taken_is_found() {
    assert_found(&NothingSkipped, "R-3");
}
