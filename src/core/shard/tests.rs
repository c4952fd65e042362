//! Tests of a shard on minimal ports: how it is wired up. The tests of `matching/` cover what it
//! decides, and the simulator what it survives.

mod commits;
mod entries;
mod kinds;
mod large;
mod parts;
#[path = "../../sim/plan.rs"]
mod plan;
mod refusals;
mod reports;
mod schemas;
mod trace;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use crate::shard::*;
use crate::{
    matching::{Counting, Rules},
    record::*,
};
use plan::plan;

const SHARD: ShardId = ShardId(0);
const TENURE: Tenure = Tenure(1);
const OWNER: &str = "group-w-1-0";
const RULES: Rules = Rules {
    counting: Counting::Distinct,
    allow_empty: false,
    failed: None,
    reports_cancelled: false,
    overdue_after_ms: Some(10_000),
    orphans_after_ms: None,
    expire_after_ms: None,
    memory_ms: 100_000,
    row_bytes_max: 4_096,
    list_bytes_max: None,
};
const ORDERS: InputIndex = 0;
const MANUFACTURED: InputIndex = 1;

/// A Kafka with these committed offsets and an empty changelog.
struct Kafka(Vec<Option<CommittedOffset>>);

impl Broker for Kafka {
    type Changelog = Empty;

    fn committed(&self, _: ShardId, _: Wait) -> Result<Option<Vec<Option<CommittedOffset>>>> {
        Ok(Some(self.0.clone()))
    }

    fn last_committed(&self, _: ShardId) -> Result<Option<CommittedOffset>> {
        Ok(self.0[0].clone())
    }

    fn is_ours(&self, transactional_id: &str) -> bool {
        transactional_id == OWNER
    }

    fn fence(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn former_id(&self, shard: ShardId) -> String {
        format!("group-{shard}")
    }

    fn inputs(&self, _: ShardId) -> Result<Vec<InputLog>> {
        let log = |topic: &str| InputLog {
            topic_id: format!("{topic}-1"),
            bounds: Bounds { start: 0, end: 100 },
        };
        Ok(vec![log("orders"), log("manufactured")])
    }

    fn changelog(&self, _: ShardId) -> Result<Empty> {
        Ok(Empty)
    }
}

struct Empty;

impl ChangelogReader for Empty {
    fn topic_id(&self) -> String {
        "changelog-1".to_owned()
    }

    fn bounds(&mut self) -> Result<Bounds> {
        Ok(Bounds { start: 0, end: 0 })
    }

    fn seek(&mut self, _: Offset) -> Result<()> {
        unreachable!("there is nothing to read")
    }

    fn read(&mut self, _: &mut dyn FnMut(Change<'_>)) -> Result<Offset> {
        unreachable!("there is nothing to read")
    }
}

/// An in-memory store that counts the keys it is asked for.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    checkpoint: Option<Checkpoint>,
    asked: usize,
}

impl Memory {
    fn lock(&self) -> std::sync::MutexGuard<'_, Contents> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

impl Store for Memory {
    fn apply(&self, spill: &Spill) -> Result<()> {
        let mut contents = self.lock();
        for (key, row) in spill.rows.iter() {
            contents.rows.insert(key.to_vec(), row.to_vec());
        }
        contents.checkpoint.clone_from(&spill.checkpoint);
        Ok(())
    }

    fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        Ok(self.lock().checkpoint.clone())
    }

    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut contents = self.lock();
        contents.asked += keys.len();
        Ok(keys.iter().map(|key| contents.rows.get(*key).cloned()).collect())
    }

    fn scan(
        &self,
        after: Option<&[u8]>,
        limit: usize,
        row: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<usize> {
        let contents = self.lock();
        let rest =
            contents.rows.iter().filter(|(key, _)| after.is_none_or(|after| &key[..] > after));
        Ok(rest.take(limit).map(|(key, bytes)| row(key, bytes)).count())
    }

    fn due(&self, _: Option<&Due>, _: i64, _: usize) -> Result<Vec<Due>> {
        Ok(Vec::new())
    }

    fn wipe(&mut self) -> Result<()> {
        *self.lock() = Contents::default();
        Ok(())
    }
}

fn open(kafka: &Kafka, store: &Memory) -> Running<Memory> {
    open_plan(plan(RULES, 1), kafka, store)
}

fn open_plan(plan: Plan, kafka: &Kafka, store: &Memory) -> Running<Memory> {
    let (plan, progress) = (Arc::new(plan), Progress::default());
    let opening = Opening {
        plan: &plan,
        shard: SHARD,
        tenure: TENURE,
        owner: OWNER.into(),
        limits: Limits::default(),
        wall_ms: &|| 0,
        progress: &progress,
    };
    let mut shard = opening.open(kafka, store.clone()).expect("nothing fails");
    if shard.is_claiming() {
        commit(&mut shard, 0);
    }
    shard
}

fn record<'a>(
    input: InputIndex,
    offset: Offset,
    at: i64,
    key: &'a str,
    value: &'a str,
) -> Record<'a> {
    let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
    Record { input, offset, timestamp_ms: at, key, value, headers: None, read_at_ms: at }
}

/// Commits what the shard holds and returns the transaction.
fn commit(shard: &mut Running<Memory>, wall_ms: i64) -> Transaction {
    let mut commit =
        shard.take(wall_ms).expect("nothing is wrong").expect("there is something to commit");
    let done = commit.land(&**shard.store(), None).expect("nothing fails");
    shard.committed(done).expect("nothing is wrong");
    commit.transaction
}

const ORDER: &str = r#"{"id":"a","items":[{"id":"1"},{"id":"2"}]}"#;
const MADE: &str = r#"{"orderId":"a","productId":"1"}"#;

#[test]
fn the_timestamps_of_records_are_the_shards_time() {
    let mut shard = open(&Kafka(vec![None, None]), &Memory::default());
    let late = 1_000_000;
    shard.process(&[record(ORDERS, 0, 1_000, "a", ORDER)]).expect("processed");
    shard.tick(late).expect("ticked");
    assert!(commit(&mut shard, late).outputs.is_empty(), "the other input was not heard of");
    shard.process(&[record(MANUFACTURED, 0, 10_500, "a", MADE)]).expect("processed");
    shard.tick(late).expect("ticked");
    assert!(commit(&mut shard, late).outputs.is_empty(), "the orders stand at 1,000");
    let next = ORDER.replace("\"a\"", "\"b\"");
    shard.process(&[record(ORDERS, 1, 13_500, "b", &next)]).expect("processed");
    shard.process(&[record(MANUFACTURED, 1, 13_500, "a", MADE)]).expect("processed");
    shard.tick(late).expect("ticked");
    let sinks: Vec<_> = commit(&mut shard, late).outputs.iter().map(|output| output.sink).collect();
    assert_eq!(sinks, [Sink::Overdue], "both inputs have passed 11,000");
}

#[test]
fn how_many_rows_there_are_is_committed_with_them() {
    let mut shard = open(&Kafka(vec![None, None]), &Memory::default());
    shard.process(&[record(MANUFACTURED, 0, 1, "a", MADE)]).expect("processed");
    let unexpected = RowCounts { unexpected: 1, ..RowCounts::default() };
    assert_eq!(commit(&mut shard, 2).metadata.rows, Some(unexpected));
    shard.process(&[record(ORDERS, 0, 3, "a", ORDER)]).expect("processed");
    let open = RowCounts { open: 1, ..RowCounts::default() };
    let metadata = commit(&mut shard, 4).metadata;
    assert_eq!((metadata.rows, shard.oldest_open_ms()), (Some(open), Some(3)));
    assert_eq!(metadata.ages.and_then(|ages| ages.oldest()), Some(3));
    let other = MADE.replace("\"1\"", "\"2\"");
    shard.process(&[record(MANUFACTURED, 1, 5, "a", &other)]).expect("processed");
    let finished = RowCounts { finished: 1, ..RowCounts::default() };
    assert_eq!(commit(&mut shard, 6).metadata.rows, Some(finished));
    assert_eq!(shard.oldest_open_ms(), None);
}

/// A store that contains one open order.
fn filled() -> Memory {
    let store = Memory::default();
    let mut shard = open(&Kafka(vec![None, None]), &store);
    shard.process(&[record(ORDERS, 0, 1, "a", ORDER)]).expect("processed");
    commit(&mut shard, 2);
    shard.close().expect("spilled");
    store
}

fn committed(rows: Option<RowCounts>) -> Kafka {
    let ages = rows.map(|_| Ages::default());
    let metadata =
        Metadata { changelog_id: "changelog-1".to_owned(), rows, ages, ..Metadata::default() };
    let offset = |next| Some(CommittedOffset { next, metadata: metadata.clone() });
    Kafka(vec![offset(1), offset(0)])
}

#[test]
fn the_number_of_rows_is_taken_from_the_offsets() {
    let told = RowCounts { open: 7, ..RowCounts::default() };
    assert_eq!(open(&committed(Some(told)), &filled()).rows(), told);
}

#[test]
fn rows_are_counted_when_another_tool_has_set_the_offsets() {
    let counted = RowCounts { open: 1, ..RowCounts::default() };
    let shard = open(&committed(None), &filled());
    assert_eq!((shard.rows(), shard.oldest_open_ms()), (counted, Some(1)));
}

#[test]
fn the_store_is_not_asked_for_new_keys() {
    let store = filled();
    let mut shard = open(&committed(None), &store);
    assert_eq!(shard.scan_keys(10).expect("the content is learnt"), 1);
    let before = store.lock().asked;
    let next = ORDER.replace("\"a\"", "\"b\"");
    shard.process(&[record(ORDERS, 1, 3, "b", &next)]).expect("processed");
    assert_eq!(store.lock().asked, before);
    shard.process(&[record(MANUFACTURED, 0, 3, "a", MADE)]).expect("processed");
    assert_eq!(store.lock().asked, before + 1);
    assert_eq!(shard.rows().open, 2);
}
