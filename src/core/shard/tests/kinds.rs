//! Tests of keys that wait for something other than the items of a list, or until a time of their
//! own: they are counted and reported like the others.

use super::plan::{Expects, Ids, Kinds, LAST_COUNTS, NamedDeadlines, plan_of};
use super::*;

fn waiting(rules: Rules, expects: Expects, ids: Ids) -> Running<Memory> {
    let kinds = Kinds { expects, ids, ..Kinds::PLAIN };
    open_plan(plan_of(rules, 1, kinds), &Kafka(vec![None, None]), &Memory::default())
}

fn made(item: &str) -> String {
    MADE.replace("\"1\"", &format!("\"{item}\""))
}

#[test]
fn keys_that_wait_for_a_count_are_counted_as_open_until_it_is_reached() {
    let mut shard = waiting(RULES, Expects::Count, Ids::None);
    shard.process(&[record(MANUFACTURED, 0, 1, "a", MADE)]).expect("processed");
    shard.process(&[record(ORDERS, 0, 2, "a", r#"{"id":"a","count":3}"#)]).expect("processed");
    let open = RowCounts { open: 1, ..RowCounts::default() };
    assert_eq!(commit(&mut shard, 3).metadata.rows, Some(open));
    shard.audit(shard.recount()).expect("they are counted right");
    for (offset, item) in [(1, "2"), (2, "2"), (3, "x")] {
        let made = made(item);
        shard.process(&[record(MANUFACTURED, offset, 4, "a", &made)]).expect("processed");
    }
    let transaction = commit(&mut shard, 5);
    let finished = RowCounts { finished: 1, ..RowCounts::default() };
    assert_eq!(transaction.metadata.rows, Some(finished));
    let sinks: Vec<Sink> = transaction.outputs.iter().map(|output| output.sink).collect();
    assert_eq!(sinks, [Sink::Completed]);
}

#[test]
fn a_large_row_of_ids_is_the_same_in_one_batch_and_record_by_record() {
    let rules = Rules { counting: Counting::Quantity, row_bytes_max: 1 << 20, ..RULES };
    let order = r#"{"id":"a","count":4000}"#;
    let made: Vec<String> = (0..3_000)
        .map(|id| id % 2_500)
        .map(|id| format!(r#"{{"orderId":"a","productId":"1","quantity":1,"id":{id}}}"#))
        .collect();
    let row = |batch: usize| {
        let mut shard = waiting(rules.clone(), Expects::Count, Ids::Read);
        shard.process(&[record(ORDERS, 0, 1, "a", order)]).expect("processed");
        let records: Vec<_> = (0_i64..)
            .zip(&made)
            .map(|(offset, value)| record(MANUFACTURED, offset, 2, "a", value))
            .collect();
        for batch in records.chunks(batch) {
            shard.process(batch).expect("processed");
        }
        let changes = commit(&mut shard, 3).changes;
        let (_, row) = changes.iter().next().expect("the row has changed");
        row.to_vec()
    };
    let together = row(3_000);
    assert_eq!(together, row(7));
    let row = crate::codec::row::decode(&together).expect("it is a row");
    assert_eq!((row.missing, row.ids.contains("2499")), (1_500, true));
}

/// Plays a list of two items, whose records have these counts: of them depends which is the last.
fn played_line_by_line(expects: Expects, counts: [u32; 2]) {
    let mut shard = waiting(RULES, expects, Ids::None);
    let line = |line: &str, count: u32| format!(r#"{{"id":"a","line":"{line}","count":{count}}}"#);
    shard.process(&[record(ORDERS, 0, 2, "a", &line("1", counts[0]))]).expect("processed");
    shard.process(&[record(MANUFACTURED, 0, 3, "a", MADE)]).expect("processed");
    let open = RowCounts { open: 1, ..RowCounts::default() };
    assert_eq!(commit(&mut shard, 4).metadata.rows, Some(open));
    shard.audit(shard.recount()).expect("they are counted right");
    shard.process(&[record(MANUFACTURED, 1, 5, "a", &made("2"))]).expect("processed");
    shard.process(&[record(ORDERS, 1, 6, "a", &line("2", counts[1]))]).expect("processed");
    let transaction = commit(&mut shard, 7);
    let finished = RowCounts { finished: 1, ..RowCounts::default() };
    assert_eq!(transaction.metadata.rows, Some(finished));
    assert_eq!(transaction.outputs.len(), 1);
    // A redelivered line is a duplicate, and another one is refused.
    shard.process(&[record(ORDERS, 2, 8, "a", &line("1", counts[0]))]).expect("processed");
    shard.process(&[record(ORDERS, 3, 8, "a", &line("3", counts[0]))]).expect("processed");
    let sinks: Vec<Sink> = commit(&mut shard, 9).outputs.iter().map(|output| output.sink).collect();
    assert_eq!(sinks, [Sink::DeadLetter]);
}

#[test]
fn a_key_whose_list_comes_record_by_record_is_open_until_the_list_is_closed() {
    played_line_by_line(Expects::Lines, [2, 2]);
}

#[test]
fn a_key_whose_list_is_ended_by_a_record_is_open_until_that_comes() {
    played_line_by_line(Expects::LinesToTheLast, [2, LAST_COUNTS[0] as u32]);
}

#[test]
fn a_key_is_reported_when_its_expectation_says() {
    let kinds = Kinds { deadlines: NamedDeadlines::Read, ..Kinds::PLAIN };
    let plan = plan_of(RULES, 1, kinds);
    let mut shard = open_plan(plan, &Kafka(vec![None, None]), &Memory::default());
    let now = 1_700_000_000_000;
    let order = |key: &str, due: &dyn std::fmt::Display| {
        let order = ORDER.replace("\"a\"", &format!("\"{key}\""));
        order.replacen('{', &format!("{{\"due\":{due},"), 1)
    };
    let both = |shard: &mut Running<Memory>, offset, at, key: &str, order: &str| {
        shard.process(&[record(ORDERS, offset, at, key, order)]).expect("processed");
        shard.process(&[record(MANUFACTURED, offset, at, "a", MADE)]).expect("processed");
        shard.tick(at).expect("ticked");
        // So early that nothing is spilled: this store has no index of deadlines.
        let outputs = commit(shard, 1).outputs;
        outputs.iter().map(|output| output.sink).collect::<Vec<_>>()
    };
    // By the time since its arrival, a would be overdue after b.
    assert_eq!(both(&mut shard, 0, now, "a", &order("a", &(now + 3_000))), []);
    assert_eq!(both(&mut shard, 1, now + 2_999, "b", &order("b", &(now + 90_000))), []);
    assert_eq!(both(&mut shard, 2, now + 4_500, "c", &order("c", &"null")), [Sink::Overdue]);
    assert_eq!(both(&mut shard, 3, now + 16_000, "d", &order("d", &"null")), [Sink::Overdue]);
    let refused = both(&mut shard, 4, now + 16_001, "e", &order("e", &"\"soon\""));
    assert_eq!(refused, [Sink::DeadLetter]);
}
