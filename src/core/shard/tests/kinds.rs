//! Tests of keys that wait for something other than the items of a list: they are counted and
//! reported like the others.

use super::plan::{Expects, plan_of};
use super::*;

fn waiting(expects: Expects) -> Running<Memory> {
    open_plan(plan_of(RULES, 1, expects), &Kafka(vec![None, None]), &Memory::default())
}

fn made(item: &str) -> String {
    MADE.replace("\"1\"", &format!("\"{item}\""))
}

#[test]
fn keys_that_wait_for_a_count_are_counted_as_open_until_it_is_reached() {
    let mut shard = waiting(Expects::Count);
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
