//! Records whose schema is not there yet.

use std::sync::Mutex;

use super::*;
use crate::codec::{
    Decoder, Path,
    avro::Schema,
    input::{self, Entry, Format, Item, ObservedPaths, Source},
    schemas::{Lookup, SchemaId, Schemas},
};

/// A registry that answers as it is told.
#[derive(Debug, Clone)]
struct Registry(Arc<Mutex<Lookup>>);

impl Schemas for Registry {
    fn find(&self, _: SchemaId) -> Lookup {
        self.0.lock().expect("nothing panics under this lock").clone()
    }
}

impl Registry {
    fn answers(&self, lookup: Lookup) {
        *self.0.lock().expect("nothing panics under this lock") = lookup;
    }
}

/// The observation of item 1 of the key a.
const MADE_IN_AVRO: &[u8] = b"\0\0\0\0\x07\x02a\x021";

fn schema() -> Lookup {
    let schema = r#"{"type":"record","name":"Made","fields":[
        {"name":"orderId","type":"string"},{"name":"productId","type":"string"}]}"#;
    Lookup::Known(Schema::parse(schema, &[]).expect("a schema").into())
}

fn opened() -> (Running<Memory>, Registry) {
    let registry = Registry(Arc::new(Mutex::new(Lookup::Pending)));
    let mut plan = plan(RULES, 1);
    let format = Format::Avro(Source::Named(Arc::new(registry.clone())));
    plan.inputs[MANUFACTURED] = plan.inputs[MANUFACTURED].clone().reading(format);
    (open_plan(plan, &Kafka(vec![None, None]), &Memory::default()), registry)
}

fn batch() -> [Record<'static>; 2] {
    let made = record(MANUFACTURED, 0, 2, "a", "");
    [record(ORDERS, 0, 1, "a", ORDER), Record { value: Some(MADE_IN_AVRO), ..made }]
}

#[test]
fn a_record_waits_for_its_schema_and_nothing_of_it_is_done_before() {
    let (mut shard, registry) = opened();
    let batch = batch();
    assert_eq!(shard.process(&batch).expect("processed"), 1);
    assert!(shard.is_waiting());
    assert_eq!((shard.next_offsets(), shard.rows().open), (&[1, 0][..], 1));
    assert_eq!(shard.process(&batch[1..]).expect("processed"), 0);
    registry.answers(schema());
    assert_eq!(shard.process(&batch[1..]).expect("processed"), 1);
    assert!(!shard.is_waiting());
    let transaction = commit(&mut shard, 3);
    assert!(transaction.outputs.is_empty(), "it is no dead letter");
    let records = shard.counters().records.clone();
    assert_eq!((shard.next_offsets(), records), (&[1, 1][..], vec![1, 1]));
}

#[test]
fn a_shard_fails_for_want_of_a_schema_once_everything_before_it_is_committed() {
    let (mut shard, registry) = opened();
    registry.answers(Lookup::Unavailable("no answer".into()));
    let batch = batch();
    assert_eq!(shard.process(&batch).expect("the order is to be committed first"), 1);
    commit(&mut shard, 3);
    let failed = shard.process(&batch[1..]);
    assert_eq!(failed, Err(Error::Interrupted("no answer".to_owned())));
    assert_eq!(shard.next_offsets(), [1, 0]);
}

#[test]
fn no_deadline_fires_while_a_record_waits_that_may_be_what_a_key_waits_for() {
    let (mut shard, registry) = opened();
    let batch = batch();
    shard.process(&batch[..1]).expect("processed");
    [ORDERS, MANUFACTURED].into_iter().for_each(|input| shard.reached_end(input, 0));
    assert_eq!(shard.process(&batch[1..]).expect("processed"), 0);
    let late = 1_000_000_000_000;
    shard.reached_end(ORDERS, 1);
    shard.tick(late).expect("ticked");
    assert!(commit(&mut shard, 3).outputs.is_empty());
    registry.answers(schema());
    shard.process(&batch[1..]).expect("processed");
    shard.reached_end(MANUFACTURED, 1);
    shard.tick(late).expect("ticked");
    let sinks: Vec<_> = commit(&mut shard, 4).outputs.iter().map(|output| output.sink).collect();
    assert_eq!(sinks, [Sink::Overdue]);
}

#[test]
fn a_record_of_a_schema_that_does_not_exist_is_a_dead_letter() {
    let (mut shard, registry) = opened();
    registry.answers(Lookup::Unknown);
    assert_eq!(shard.process(&batch()).expect("processed"), 2);
    let sinks: Vec<_> = commit(&mut shard, 3).outputs.iter().map(|output| output.sink).collect();
    assert_eq!(sinks, [Sink::DeadLetter]);
}

/// A registry that has the schema ready from the second time on that it is asked.
#[derive(Debug, Default)]
struct Late(Mutex<bool>);

impl Schemas for Late {
    fn find(&self, _: SchemaId) -> Lookup {
        let mut is_there = self.0.lock().expect("nothing panics under this lock");
        match std::mem::replace(&mut *is_there, true) {
            true => Lookup::Known(Schema::parse("\"string\"", &[]).expect("a schema").into()),
            false => Lookup::Pending,
        }
    }
}

#[test]
fn a_record_waits_for_the_schema_of_its_record_key_whenever_that_comes() {
    let path = |text| Path::parse(text).expect("a path");
    let item = Item::At(path("$.productId"));
    let paths = ObservedPaths { key: None, item, quantity: None, id: None, outcome: None };
    let entry = Entry { record_key: Some(path("$")), ..paths.into() };
    let decoder = Decoder::new(&[entry], Counting::Distinct, input::Limits::default());
    let format = Format::Avro(Source::Named(Arc::new(Late::default())));
    let mut plan = plan(RULES, 1);
    plan.inputs[MANUFACTURED] = decoder.expect("it fits").reading_keys(format);
    let mut shard = open_plan(plan, &Kafka(vec![None, None]), &Memory::default());

    let made = record(MANUFACTURED, 0, 2, "", r#"{"productId":"1"}"#);
    let made = Record { key: Some(b"\0\0\0\0\x07\x02a"), ..made };
    let batch = [record(ORDERS, 0, 1, "a", ORDER), made];
    assert_eq!(shard.process(&batch).expect("processed"), 1);
    assert!(shard.is_waiting());
    assert_eq!(shard.process(&batch[1..]).expect("processed"), 1);
    assert_eq!(shard.next_offsets(), [1, 1]);
    assert!(commit(&mut shard, 3).outputs.is_empty(), "it is no dead letter");
    assert_eq!(shard.rows().open, 1, "both records are of one key");
}
