//! Tests of keys that are parts of record keys: rows and outputs go by the key, dead letters and
//! partitions by the record key.

use std::num::NonZeroU32;

use super::*;
use crate::codec::input::{
    Entry, ExpectedPaths, Item, Items, Limits as InputLimits, ObservedPaths,
};
use crate::codec::{Decoder, Partitioner, Path};

fn path(text: &str) -> Path {
    Path::parse(text).expect("a path")
}

/// Returns a plan whose record keys are JSON, checked by a partitioner.
fn parts(count: NonZeroU32) -> Plan {
    let decoder = |entry: Entry| {
        let entry = Entry { record_key: Some(path("$.id")), ..entry };
        Decoder::new(&[entry], Counting::Distinct, InputLimits::default()).expect("a fit")
    };
    let items = Items::At(path("$.items[*].id"));
    let orders = ExpectedPaths { key: Some(path("$.id")), items, quantity: None };
    let item = Item::At(path("$.productId"));
    let made = ObservedPaths { key: None, item, quantity: None, id: None, outcome: None };
    let plan = plan(RULES, 1);
    let partitioning = Partitioning::Named(Partitioner::Murmur2);
    let placement = Placement::new(partitioning, plan.topics.clone(), count).with(KeysAre::Parts);
    assert_eq!(placement.partitioner(), Some(Partitioner::Murmur2));
    assert_eq!(placement.key_partitioner(), None, "a key does not show where it is");
    let placement = Arc::new(placement);
    Plan { inputs: vec![decoder(orders.into()), decoder(made.into())], placement, ..plan }
}

/// Returns a spelling of a record key that belongs to the partition of the shard, and another one.
fn spelt(count: NonZeroU32) -> (String, String) {
    let spelling = |blanks: usize| format!(r#"{{"id":{}"a"}}"#, " ".repeat(blanks));
    let is_here = |key: &String| Partitioner::Murmur2.partition(key.as_bytes(), count) == 0;
    let (here, elsewhere): (Vec<_>, Vec<_>) = (0..100).map(spelling).partition(is_here);
    (here[0].clone(), elsewhere[0].clone())
}

#[test]
fn rows_and_outputs_go_by_the_key_and_dead_letters_and_partitions_by_the_record_key() {
    let count = NonZeroU32::new(4).expect("it is not 0");
    let mut shard = open_plan(parts(count), &Kafka(vec![None, None]), &Memory::default());
    let (here, elsewhere) = spelt(count);
    let other = r#"{"orderId":"a","productId":"2"}"#;
    let records = [
        record(ORDERS, 0, 1, &here, ORDER),
        record(MANUFACTURED, 0, 1, &here, MADE),
        record(MANUFACTURED, 1, 1, &elsewhere, other),
        record(MANUFACTURED, 2, 1, "a", other),
        record(MANUFACTURED, 3, 1, &here, other),
    ];
    assert_eq!(shard.process(&records), Ok(5));
    assert!(shard.cached(b"a").is_some_and(|row| !row.is_empty()), "the row is that of the key");
    assert!(shard.cached(here.as_bytes()).is_none_or(<[u8]>::is_empty));
    let transaction = commit(&mut shard, 2);
    let keys: Vec<&[u8]> = transaction.changes.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [b"a"]);
    let outputs: Vec<_> = transaction.outputs.iter().map(|it| (it.sink, it.key.clone())).collect();
    let bytes = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(
        outputs,
        [
            (Sink::DeadLetter, bytes(&elsewhere)),
            (Sink::DeadLetter, bytes("a")),
            (Sink::Completed, bytes("a")),
        ]
    );
    let reason = |index: usize| {
        let headers = &transaction.outputs[index].headers;
        let reason = headers.iter().find(|(name, _)| *name == "rollcall-reason");
        reason.expect("dead letters have a reason").1.as_str()
    };
    assert_eq!((reason(0), reason(1)), ("wrong-partition", "bad-record-key"));
    shard.audit(shard.recount()).expect("they are counted right");
}
