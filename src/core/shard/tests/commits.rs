//! Tests of what is counted when, and of the size of transactions.

use super::*;
use crate::shard::Size;

fn orders(count: i64) -> Vec<(String, String)> {
    let order = |n| {
        let key = format!("o-{n}");
        let value = ORDER.replace("\"a\"", &format!("\"{key}\""));
        (key, value)
    };
    (0..count).map(order).collect()
}

#[test]
fn outcomes_are_counted_when_they_are_committed() {
    let mut shard = open(&Kafka(vec![None, None]), &Memory::default());
    shard.process(&[record(ORDERS, 0, 1, "a", ORDER)]).expect("processed");
    shard.process(&[record(ORDERS, 1, 1, "b", "no JSON")]).expect("processed");
    assert_eq!(shard.counters(), &Counters::new(2), "nothing is committed");
    let mut taken = shard.take(2).expect("nothing is wrong").expect("there is something to commit");
    shard.process(&[record(MANUFACTURED, 0, 3, "a", MADE)]).expect("processed");
    assert_eq!(shard.counters(), &Counters::new(2), "nothing is committed yet");
    let done = taken.land(&**shard.store(), None).expect("nothing fails");
    shard.committed(done).expect("nothing is wrong");
    assert_eq!(shard.counters().records, [2, 0], "the next overlay is not committed");
    assert_eq!(shard.counters().dead_letters.iter().sum::<u64>(), 1);
    commit(&mut shard, 4);
    assert_eq!(shard.counters().records, [2, 1]);
}

#[test]
fn a_transaction_holds_no_more_records_than_it_may() {
    let mut shard = open(&Kafka(vec![None, None]), &Memory::default());
    shard.set_transaction_max(Size { records: 3, bytes: 1 << 20 });
    let orders = orders(8);
    let records: Vec<_> = (0..)
        .zip(&orders)
        .map(|(offset, (key, value))| record(ORDERS, offset, 1, key, value))
        .collect();
    let (mut left, mut sizes) = (&records[..], Vec::new());
    while !left.is_empty() {
        left = &left[shard.process(left).expect("processed")..];
        assert_eq!(shard.process(left).expect("processed"), 0, "there is no room");
        let transaction = commit(&mut shard, 2);
        let (_, next) = transaction.offsets[ORDERS];
        assert_eq!(usize::try_from(next).expect("positive"), records.len() - left.len());
        sizes.push(transaction.size().records);
    }
    assert_eq!(sizes, [3, 3, 2]);
}

#[test]
fn a_transaction_holds_no_more_bytes_than_it_may_give_or_take_one_record() {
    let mut shard = open(&Kafka(vec![None, None]), &Memory::default());
    let orders = orders(2);
    let record = |at: usize| {
        let (key, value) = &orders[at];
        record(ORDERS, i64::try_from(at).expect("small"), 1, key, value)
    };
    shard.set_transaction_max(Size { records: 100, bytes: 1 });
    assert_eq!(shard.process(&[record(0), record(1)]).expect("processed"), 1);
    assert!(shard.fills_transaction());
    let size = commit(&mut shard, 2).size();
    assert_eq!(size.records, 1);
    shard.set_transaction_max(Size { records: 100, bytes: size.bytes + 1 });
    assert_eq!(shard.process(&[record(1)]).expect("processed"), 1);
    assert!(!shard.fills_transaction());
}

#[test]
fn a_shard_that_is_read_to_its_end_can_prove_that_it_commits() {
    let mut shard = open(&committed(Some(RowCounts::default())), &filled());
    assert!(!shard.has_work());
    shard.prove();
    assert!(!shard.has_work(), "there may be something to read");
    shard.reached_end(ORDERS, 1);
    shard.reached_end(MANUFACTURED, 0);
    shard.prove();
    assert_eq!(commit(&mut shard, 2).offsets, [(ORDERS, 1), (MANUFACTURED, 0)]);
}
