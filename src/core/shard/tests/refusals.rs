//! Tests of bad input for every kind of field: each record has its reason, the rows stay as they
//! are, and the shard goes on with the next one.

use super::plan::{Expects, Ids, Kinds, NamedDeadlines, Where, plan_of};
use super::*;
use crate::matching::FailedWhen;

/// How a shard is given records: a first one that is good, bad ones with their reasons, and a last
/// one by which the key completes.
struct Life<'a> {
    rules: Rules,
    kinds: Kinds,
    good: &'a [(InputIndex, &'a str)],
    bad: &'a [(InputIndex, &'a str, &'a str)],
    last: (InputIndex, &'a str),
}

impl Life<'_> {
    /// Plays it with all bad records in one batch, and again with a batch for each of them.
    fn play(&self) {
        self.play_in(self.bad.len());
        self.play_in(1);
    }

    fn play_in(&self, batch: usize) {
        let plan = plan_of(self.rules.clone(), 1, self.kinds);
        let mut shard = open_plan(plan, &Kafka(vec![None, None]), &Memory::default());
        let mut next = [0, 0];
        let mut offset = |input: InputIndex| {
            next[input] += 1;
            next[input] - 1
        };
        for (input, value) in self.good {
            let record = record(*input, offset(*input), 1, "a", value);
            shard.process(&[record]).expect("processed");
        }
        let before = rows(&commit(&mut shard, 2));
        let records: Vec<Record<'_>> = self
            .bad
            .iter()
            .map(|(input, value, _)| record(*input, offset(*input), 3, "a", value))
            .collect();
        for batch in records.chunks(batch) {
            assert_eq!(shard.process(batch).expect("nothing stops"), batch.len());
        }
        let transaction = commit(&mut shard, 4);
        let wanted: Vec<&str> = self.bad.iter().map(|(.., reason)| *reason).collect();
        assert_eq!(reasons(&transaction), wanted);
        assert!(rows(&transaction).iter().all(|row| before.contains(row)), "a row has changed");
        let record = record(self.last.0, offset(self.last.0), 5, "a", self.last.1);
        shard.process(&[record]).expect("processed");
        let sinks: Vec<Sink> =
            commit(&mut shard, 6).outputs.iter().map(|output| output.sink).collect();
        assert_eq!(sinks, [Sink::Completed]);
        shard.audit(shard.recount()).expect("the rows are counted right");
    }
}

fn rows(transaction: &Transaction) -> Vec<(Vec<u8>, Vec<u8>)> {
    transaction.changes.iter().map(|(key, row)| (key.to_vec(), row.to_vec())).collect()
}

fn reasons(transaction: &Transaction) -> Vec<String> {
    let reason = |output: &Output| {
        assert_eq!(output.sink, Sink::DeadLetter);
        let reason = output.headers.iter().find(|(name, _)| *name == "rollcall-reason");
        reason.expect("a dead letter has a reason").1.clone()
    };
    transaction.outputs.iter().map(reason).collect()
}

const MADE_2: &str = r#"{"orderId":"a","productId":"2"}"#;

#[test]
fn an_outcome_that_cannot_be_read_is_refused_and_one_that_is_not_listed_is_skipped() {
    let rules = Rules { failed: Some(FailedWhen::First), ..RULES };
    Life {
        rules: rules.clone(),
        kinds: Kinds::PLAIN,
        good: &[(ORDERS, r#"{"id":"a","items":[{"id":"1"}]}"#)],
        bad: &[
            (MANUFACTURED, r#"{"orderId":"a","productId":"1"}"#, "missing-field"),
            (MANUFACTURED, r#"{"orderId":"a","productId":"1","result":null}"#, "wrong-type"),
            (MANUFACTURED, r#"{"orderId":"a","productId":"1","result":{}}"#, "wrong-type"),
            (MANUFACTURED, r#"{"orderId":"a","productId":"1","result":1.5}"#, "wrong-type"),
            (MANUFACTURED, r#"{"orderId":"a","productId":[],"result":"PASS"}"#, "wrong-type"),
        ],
        last: (MANUFACTURED, r#"{"orderId":"a","productId":"1","result":"PASS"}"#),
    }
    .play();
    let plan = plan_of(rules, 1, Kinds::PLAIN);
    let mut shard = open_plan(plan, &Kafka(vec![None, None]), &Memory::default());
    let unknown = r#"{"orderId":"a","productId":"1","result":"MAYBE"}"#;
    shard.process(&[record(MANUFACTURED, 0, 1, "a", unknown)]).expect("processed");
    assert_eq!(shard.ledger.running.skipped[MANUFACTURED], 1);
    let Transaction { outputs, changes, .. } = commit(&mut shard, 2);
    assert_eq!((outputs.len(), changes.len()), (0, 0));
}

#[test]
fn a_count_that_is_none_and_one_that_is_too_high_are_refused() {
    Life {
        rules: RULES,
        kinds: Kinds { expects: Expects::Count, ..Kinds::PLAIN },
        good: &[(ORDERS, r#"{"id":"a","count":2}"#), (MANUFACTURED, MADE)],
        bad: &[
            (ORDERS, r#"{"id":"a"}"#, "missing-field"),
            (ORDERS, r#"{"id":"a","count":null}"#, "bad-count"),
            (ORDERS, r#"{"id":"a","count":[1]}"#, "bad-count"),
            (ORDERS, r#"{"id":"a","count":"2"}"#, "bad-count"),
            (ORDERS, r#"{"id":"a","count":-1}"#, "bad-count"),
            (ORDERS, r#"{"id":"a","count":1.5}"#, "bad-count"),
            (ORDERS, r#"{"id":"a","count":4294967296}"#, "bad-count"),
            (ORDERS, r#"{"id":"a","count":18446744073709551616}"#, "bad-count"),
            (ORDERS, r#"{"id":"a","count":1e300}"#, "bad-count"),
            (ORDERS, r#"{"id":"a","count":4294967295}"#, "too-many-items"),
            (ORDERS, r#"{"id":"a","count":0}"#, "no-items"),
        ],
        last: (MANUFACTURED, MADE_2),
    }
    .play();
}

#[test]
fn a_list_whose_total_shrinks_or_is_none_is_refused() {
    let item = "x".repeat(10_000);
    let long = format!(r#"{{"id":"a","line":"{item}","count":2}}"#);
    Life {
        rules: RULES,
        kinds: Kinds { expects: Expects::Lines, ..Kinds::PLAIN },
        good: &[
            (ORDERS, r#"{"id":"a","line":"1","count":2}"#),
            (ORDERS, r#"{"id":"a","line":"2","count":2}"#),
            (MANUFACTURED, MADE),
        ],
        bad: &[
            (ORDERS, r#"{"id":"a","line":"3","count":1}"#, "total-shrinks"),
            (ORDERS, r#"{"id":"a","line":"3","count":2}"#, "beyond-total"),
            (ORDERS, r#"{"id":"a","line":"3","count":0}"#, "bad-total"),
            (ORDERS, r#"{"id":"a","line":"3","count":-7}"#, "bad-total"),
            (ORDERS, r#"{"id":"a","line":"3","count":4294967296}"#, "bad-total"),
            (ORDERS, r#"{"id":"a","line":"3","count":4294967295}"#, "too-many-items"),
            (ORDERS, r#"{"id":"a","line":"3","count":"three"}"#, "bad-total"),
            (ORDERS, r#"{"id":"a","line":"3"}"#, "missing-field"),
            (ORDERS, r#"{"id":"a","count":3}"#, "missing-field"),
            (ORDERS, r#"{"id":"a","line":{},"count":3}"#, "wrong-type"),
            (ORDERS, &long, "item-too-long"),
        ],
        last: (MANUFACTURED, MADE_2),
    }
    .play();
}

#[test]
fn an_id_that_is_none_or_too_long_is_refused() {
    let made = |id: &str| format!(r#"{{"orderId":"a","productId":"1","quantity":1{id}}}"#);
    let long = made(&format!(r#","id":"{}""#, "i".repeat(10_000)));
    let (none, null, list) = (made(""), made(r#","id":null"#), made(r#","id":["x"]"#));
    let (empty, first, second) = (made(r#","id":"""#), made(r#","id":1"#), made(r#","id":2"#));
    let (negative, huge) = (
        first.replace("\"quantity\":1", "\"quantity\":-1"),
        first.replace("\"quantity\":1", "\"quantity\":4294967296"),
    );
    Life {
        rules: Rules { counting: Counting::Quantity, ..RULES },
        kinds: Kinds { expects: Expects::Count, ids: Ids::Read, ..Kinds::PLAIN },
        good: &[(ORDERS, r#"{"id":"a","count":2}"#), (MANUFACTURED, &first)],
        bad: &[
            (MANUFACTURED, &long, "id-too-long"),
            (MANUFACTURED, &none, "missing-field"),
            (MANUFACTURED, &null, "wrong-type"),
            (MANUFACTURED, &list, "wrong-type"),
            (MANUFACTURED, &empty, "missing-field"),
            (MANUFACTURED, &negative, "bad-quantity"),
            (MANUFACTURED, &huge, "bad-quantity"),
        ],
        last: (MANUFACTURED, &second),
    }
    .play();
}

#[test]
fn ids_that_do_not_fit_into_the_row_are_refused() {
    let made = |id: &str| format!(r#"{{"orderId":"a","productId":"1","quantity":1,"id":"{id}"}}"#);
    let (small, large) = (made("1"), made(&"i".repeat(255)));
    Life {
        rules: Rules { counting: Counting::Quantity, row_bytes_max: 64, ..RULES },
        kinds: Kinds { expects: Expects::Count, ids: Ids::Read, ..Kinds::PLAIN },
        good: &[(ORDERS, r#"{"id":"a","count":1}"#)],
        bad: &[(MANUFACTURED, &large, "row-too-large")],
        last: (MANUFACTURED, &small),
    }
    .play();
}

#[test]
fn a_deadline_that_cannot_be_read_is_refused() {
    let order = |due: &str| ORDER.replacen('{', &format!("{{\"due\":{due},"), 1);
    let all = [
        "\"soon\"",
        "\"\"",
        "\"2026-03-01\"",
        "\"2026-13-01T00:00:00Z\"",
        "true",
        "{}",
        "[]",
        "1.5",
        "-1",
        // Seconds and microseconds where milliseconds are meant.
        "1700000000",
        "1700000000000000",
        "18446744073709551616",
    ]
    .map(order);
    let refused = |value| (ORDERS, value, "bad-deadline");
    let bad: Vec<_> = all.iter().map(|value| refused(value.as_str())).collect();
    Life {
        rules: RULES,
        kinds: Kinds { deadlines: NamedDeadlines::Read, ..Kinds::PLAIN },
        good: &[(ORDERS, ORDER), (MANUFACTURED, MADE)],
        bad: &bad,
        last: (MANUFACTURED, MADE_2),
    }
    .play();
}

#[test]
fn what_is_to_be_kept_and_does_not_fit_into_the_row_is_refused() {
    let note = format!(r#","note":"{}""#, "n".repeat(1 << 20));
    let with = |value: &str| format!("{}{note}}}", value.strip_suffix('}').expect("an object"));
    let (order, made) = (with(ORDER), with(MADE));
    let unexpected = with(r#"{"orderId":"a","productId":"99"}"#);
    Life {
        rules: Rules { list_bytes_max: Some(1 << 20), ..RULES },
        kinds: Kinds::PLAIN,
        good: &[(ORDERS, ORDER), (MANUFACTURED, MADE_2)],
        bad: &[
            (ORDERS, &order, "row-too-large"),
            (MANUFACTURED, &made, "row-too-large"),
            (MANUFACTURED, &unexpected, "row-too-large"),
        ],
        last: (MANUFACTURED, MADE),
    }
    .play();
}

#[test]
fn bad_records_of_topics_with_several_kinds_are_refused_as_what_they_would_be() {
    Life {
        rules: RULES,
        kinds: Kinds { selects: Where::Path, ..Kinds::PLAIN },
        good: &[(ORDERS, r#"{"id":"a","items":[{"id":"1"}],"kind":"order"}"#)],
        bad: &[
            (ORDERS, r#"{"id":"a","items":7,"kind":"order"}"#, "wrong-type"),
            (ORDERS, r#"{"id":"b","items":[],"kind":1}"#, "key-mismatch"),
            (ORDERS, r#"{"orderId":"a","kind":{}}"#, "missing-field"),
            (ORDERS, "[]", "wrong-type"),
            (MANUFACTURED, r#"{"orderId":"a","productId":{},"kind":"x"}"#, "wrong-type"),
            (MANUFACTURED, r#"{"kind":"scan"}"#, "missing-field"),
            (MANUFACTURED, "\u{feff}{}", "wrong-encoding"),
            (MANUFACTURED, "{\"kind\":", "malformed-json"),
        ],
        last: (MANUFACTURED, MADE),
    }
    .play();
}
