//! Tests of topics whose records belong to several entries of the object, or to none.

use super::plan::{EVENT_HEADER, Kinds, Where, plan_of};
use super::*;

fn selecting(selects: Where, store: &Memory) -> Running<Memory> {
    let kinds = Kinds { selects, ..Kinds::PLAIN };
    open_plan(plan_of(RULES, 1, kinds), &Kafka(vec![None, None]), store)
}

fn event(value: &str) -> Vec<Header> {
    vec![(EVENT_HEADER.to_owned(), Some(value.as_bytes().to_vec()))]
}

/// Returns what a transaction has written: the kinds of its outputs, and how many rows.
fn written(shard: &mut Running<Memory>) -> (Vec<Sink>, usize) {
    let Transaction { outputs, changes, .. } = commit(shard, 10);
    (outputs.iter().map(|output| output.sink).collect(), changes.len())
}

#[test]
fn a_record_that_headers_skip_moves_the_offset_and_costs_no_lookup() {
    let store = Memory::default();
    let mut shard = selecting(Where::Header, &store);
    let (heartbeat, scan) = (event("heartbeat"), event("scan"));
    // Its value is not read, and it may have any key.
    let mut skipped = record(ORDERS, 0, 1, "a", "{");
    skipped.headers = Some(&heartbeat);
    shard.process(&[skipped]).expect("processed");
    assert_eq!((shard.ledger.running.lookups, shard.ledger.running.skipped[ORDERS]), (0, 1));
    assert_eq!(written(&mut shard), (vec![], 0));
    assert_eq!(shard.next_offsets()[ORDERS], 1);
    let mut taken = record(MANUFACTURED, 0, 1, "a", r#"{"orderId":"a"}"#);
    taken.headers = Some(&scan);
    shard.process(&[skipped_again(&skipped), taken]).expect("processed");
    assert_eq!(shard.ledger.running.lookups, 1);
    assert_eq!(written(&mut shard), (vec![], 1));
}

/// Returns the next record of the same kind.
fn skipped_again<'a>(record: &Record<'a>) -> Record<'a> {
    Record { offset: record.offset + 1, key: None, ..*record }
}

#[test]
fn a_record_of_the_expected_topic_may_be_an_observation() {
    let mut shard = selecting(Where::Path, &Memory::default());
    let order = r#"{"id":"a","items":[{"id":"1"}],"kind":"order"}"#;
    let made = r#"{"orderId":"a","productId":"1","kind":"scan"}"#;
    let draft = r#"{"orderId":"a","productId":"1","kind":"draft"}"#;
    shard.process(&[record(ORDERS, 0, 1, "a", order)]).expect("processed");
    shard.process(&[record(ORDERS, 1, 1, "a", draft)]).expect("processed");
    assert_eq!(written(&mut shard), (vec![], 1), "a draft is skipped");
    shard.process(&[record(ORDERS, 2, 1, "a", made)]).expect("processed");
    assert_eq!(written(&mut shard), (vec![Sink::Completed], 1));
}

#[test]
fn a_value_that_has_to_be_read_and_is_no_json_is_refused_whatever_it_might_be() {
    let mut shard = selecting(Where::Both, &Memory::default());
    let broken = [record(ORDERS, 0, 1, "a", "{"), record(MANUFACTURED, 0, 1, "a", "[1")];
    shard.process(&broken).expect("processed");
    // Whatever is wrong with its key, too.
    let mut useless = record(ORDERS, 1, 1, "a", "{");
    useless.key = None;
    shard.process(&[useless]).expect("processed");
    assert_eq!(written(&mut shard), (vec![Sink::DeadLetter; 3], 0));
    // Nothing stops: a condition on what is not there is decided.
    shard.process(&[record(ORDERS, 2, 1, "a", "7")]).expect("processed");
    shard.process(&[record(MANUFACTURED, 1, 1, "a", "{}")]).expect("processed");
    assert_eq!(shard.ledger.running.skipped, [1, 1]);
}
