//! Tests of keys with very many items.

use super::*;
use crate::shard::Size;

const LARGE: Rules = Rules { row_bytes_max: 1 << 20, ..RULES };

fn large(counting: Counting) -> Running<Memory> {
    let rules = Rules { counting, ..LARGE };
    open_plan(plan(rules, 1), &Kafka(vec![None, None]), &Memory::default())
}

/// Returns an order of `items` items and the arrival of each, with two arrivals out of order.
fn values(items: usize) -> (String, Vec<(String, String)>) {
    let list: Vec<String> = (0..items).map(|item| format!("{{\"id\":{item}}}")).collect();
    let order = format!("{{\"id\":\"a\",\"items\":[{}]}}", list.join(","));
    let made = |key: &str, item: usize| {
        let value =
            format!("{{\"orderId\":\"{key}\",\"productId\":{item},\"quantity\":{}}}", 1 + item % 2);
        // Only some plans keep it; every third one is left out.
        let note = format!(",\"note\":[{item}]}}");
        let value = if item % 3 == 1 { value } else { value.replacen('}', &note, 1) };
        (key.to_owned(), value)
    };
    let mut arrivals = Vec::new();
    for item in 0..items {
        arrivals.push(made("a", item));
        if item % 3 == 0 {
            arrivals.push(made("b", item));
            arrivals.push(made("a", item));
        }
    }
    (order, arrivals)
}

/// The result of an order and its arrivals.
#[derive(PartialEq)]
struct Done {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    outputs: Vec<Output>,
}

/// Processes an order and its arrivals in batches of `batch` records, and returns what is
/// committed, with the number of rows that were encoded for it.
fn run(shard: &mut Running<Memory>, items: usize, batch: usize) -> (Done, u64) {
    let (order, arrivals) = values(items);
    shard.process(&[record(ORDERS, 0, 1, "a", &order)]).expect("processed");
    let before = shard.cache.writes;
    let records: Vec<Record<'_>> = (0_i64..)
        .zip(&arrivals)
        .map(|(offset, (key, value))| record(MANUFACTURED, offset, 2 + offset, key, value))
        .collect();
    for batch in records.chunks(batch) {
        shard.process(batch).expect("processed");
    }
    let writes = shard.cache.writes - before;
    let transaction = commit(shard, 1_000_000);
    let rows = transaction.changes.iter().map(|(key, row)| (key.to_vec(), row.to_vec()));
    (Done { rows: rows.collect(), outputs: transaction.outputs }, writes)
}

#[test]
fn a_batch_does_to_a_key_of_many_items_what_its_records_do_one_by_one() {
    for counting in [Counting::Distinct, Counting::Quantity] {
        let (alone, _) = run(&mut large(counting), 3_000, 1);
        for batch in [7, 500, 100_000] {
            let (together, _) = run(&mut large(counting), 3_000, batch);
            assert!(together == alone, "batches of {batch}");
        }
        assert_eq!(alone.outputs.len(), 1, "it is complete");
    }
}

#[test]
fn a_batch_keeps_of_a_large_row_what_its_records_keep_one_by_one() {
    let keeping = || {
        let rules = Rules { list_bytes_max: Some(1 << 20), ..LARGE };
        open_plan(plan(rules, 1), &Kafka(vec![None, None]), &Memory::default())
    };
    let (alone, _) = run(&mut keeping(), 600, 1);
    for batch in [7, 500, 100_000] {
        let (together, writes) = run(&mut keeping(), 600, batch);
        assert!(together == alone, "batches of {batch}");
        assert!(batch == 7 || writes < 400, "{writes} writes of 1,000 records");
    }
    let value = alone.outputs[0].value.as_deref().expect("it is complete");
    let value = std::str::from_utf8(value).expect("outputs are text");
    let listed = r#"{"item":"0","note":[0]},{"item":"1"},{"item":"2","note":[2]},"#;
    assert!(value.contains(listed), "{value}");
}

#[test]
fn a_key_of_many_items_is_written_once_a_batch_and_not_for_each_of_them() {
    let mut shard = large(Counting::Distinct);
    let (_, writes) = run(&mut shard, 3_000, 500);
    // Out of 5,000 records; the other key is written for each of its first 740, until it is large,
    // too.
    assert!(writes < 900, "{writes} writes");
}

#[test]
fn rows_that_are_kept_until_the_end_of_a_batch_count_for_the_transaction_as_well() {
    let mut shard = large(Counting::Distinct);
    shard.set_transaction_max(Size { records: 100, bytes: 10_000 });
    let (order, _) = values(3_000);
    let other = order.replace("\"a\"", "\"b\"");
    let records = [record(ORDERS, 0, 1, "a", &order), record(ORDERS, 1, 1, "b", &other)];
    assert_eq!(shard.process(&records).expect("processed"), 1, "the first is too much already");
    assert_eq!(shard.process(&records[1..]).expect("processed"), 0);
    commit(&mut shard, 2);
    assert_eq!(shard.process(&records[1..]).expect("processed"), 1);
    assert_eq!(shard.large.changed_bytes(), 0, "the cache has them all");
}
