//! Faults in how a running shard is served: what a commit says, the order of records, bounds.

use super::assert_found;
use crate::{Client, Wiring, disk::Disk, wiring::faithful_broker};
use rollcall_core::shard::{Commit, Committed, Limits, Record, Result};

struct ChangelogEndsEarlier;

impl Wiring for ChangelogEndsEarlier {
    faithful_broker!();

    /// A commit says where its own rows begin instead of where they end.
    fn land(&self, commit: &mut Commit, store: &Disk, end: Option<i64>) -> Result<Committed> {
        let rows = i64::try_from(commit.transaction.changes.len()).unwrap_or(i64::MAX);
        let committed = commit.land(store, end)?;
        Ok(Committed { changelog_next: committed.changelog_next - rows - 1, ..committed })
    }
}

#[test]
fn a_changelog_that_ends_earlier_than_it_did_is_found() {
    assert_found(&ChangelogEndsEarlier, "R-2");
}

struct RecordsSwapped;

impl Wiring for RecordsSwapped {
    faithful_broker!();

    fn order(&self, records: &mut [Record<'_>]) {
        if let Some(at) = records.windows(2).position(|two| two[0].input == two[1].input) {
            records.swap(at, at + 1);
        }
    }
}

#[test]
fn records_out_of_the_order_of_their_offsets_are_found() {
    assert_found(&RecordsSwapped, "R-6");
}

struct Unbounded;

impl Wiring for Unbounded {
    faithful_broker!();

    fn limits(&self, client: &Client) -> Limits {
        let limits = client.stage.world().setting.limits;
        Limits { transaction_records_max: 100_000, ..limits }
    }
}

#[test]
fn a_transaction_without_bound_is_found() {
    assert_found(&Unbounded, "R-7");
}
