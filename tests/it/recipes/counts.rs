//! Recipes in which a key does not name all of its items at once.

use serde_json::{Value, json};

use super::super::eventually::eventually;
use super::super::kafka::WAIT_TIMEOUT;
use super::super::reconciliation::Reconciliation;
use super::super::worker::Worker;
use super::{keys, once, recipe};

const FILE_TRAILER: &str = include_str!("../../../docs/recipes/file-trailer.yaml");
const FILE_TRAILER_PAGE: &str = include_str!("../../../docs/recipes/file-trailer.md");

const TRANSACTION: &str = include_str!("../../../docs/recipes/database-transaction.yaml");
const TRANSACTION_PAGE: &str = include_str!("../../../docs/recipes/database-transaction.md");

const ORDER_LINES: &str = include_str!("../../../docs/recipes/order-lines.yaml");
const ORDER_LINES_PAGE: &str = include_str!("../../../docs/recipes/order-lines.md");

/// Returns what a worker says about a key.
fn story(worker: &Worker, key: &str) -> Value {
    let (_, story) = worker.get(&format!("/v1/key?key={key}")).expect("an answer");
    serde_json::from_str(&story).expect("it is JSON")
}

/// Returns the keys and the reasons of the dead letters, sorted.
fn dead_letters(made: &Reconciliation) -> Vec<(String, String)> {
    let letter = made.dead_letters().into_iter();
    let letters = letter.map(|letter| {
        (letter.key.clone().unwrap_or_default(), letter.header("rollcall-reason").to_owned())
    });
    let mut letters: Vec<_> = letters.collect();
    letters.sort_unstable();
    letters
}

/// Returns pairs of texts.
fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, reason)| ((*key).to_owned(), (*reason).to_owned())).collect()
}

#[test]
fn a_file_is_complete_when_as_many_lines_arrived_as_its_trailer_says() {
    assert!(FILE_TRAILER_PAGE.contains(FILE_TRAILER), "the page shows another object");
    let mut made = recipe(FILE_TRAILER, "files").with("completed/keyField", "file");
    let trailer = |made: &Reconciliation, file: &str, records: &str| {
        let value = format!("{{\"file\":\"{file}\",\"records\":{records}}}");
        made.order_value(Some(file), Some(&value));
    };
    let rows = |made: &Reconciliation, file: &str, lines: std::ops::RangeInclusive<i64>| {
        for line in lines {
            let value = json!({"file": file, "line": line, "amount": 20}).to_string();
            made.made_value(Some(file), Some(&value));
        }
    };
    let mut worker = made.worker("w-1");
    trailer(&made, "whole", "40");
    rows(&made, "whole", 1..=30);
    rows(&made, "early", 1..=5);
    rows(&made, "more", 1..=4);
    trailer(&made, "short", "4");
    rows(&made, "short", 1..=3);
    trailer(&made, "corrected", "9");
    rows(&made, "corrected", 1..=2);
    let bad = ["-1", "\"3\"", "4294967296", "1.5", "null"];
    bad.iter().for_each(|records| trailer(&made, "bad", records));
    trailer(&made, "huge", "10001");
    trailer(&made, "empty", "0");
    made.settle();
    worker.process.kill();
    // Producers send again what they are not sure of.
    rows(&made, "whole", 21..=35);
    let mut worker = made.worker("w-1");
    rows(&made, "whole", 36..=39);
    trailer(&made, "early", "5");
    trailer(&made, "more", "3");
    trailer(&made, "corrected", "2");
    made.settle();
    let whole = story(&worker, "whole");
    assert_eq!((&whole["awaits"], &whole["missingTotal"]), (&json!("count"), &json!(1)), "{whole}");
    worker.process.kill();
    rows(&made, "whole", 40..=40);
    rows(&made, "early", 1..=6);
    trailer(&made, "early", "5");
    trailer(&made, "early", "6");
    made.set("overdue/after", "1s");
    let worker = made.worker("w-1");
    made.settle();
    eventually("what is late is reported", WAIT_TIMEOUT, || {
        (!made.overdue().is_empty()).then_some(())
    });

    assert_eq!(keys(&once(&made, "shipping")), ["corrected", "early", "more", "whole"]);
    assert_eq!(once(&made, "shipping")["whole"], json!({"file": "whole"}));
    let mut overdue = once(&made, "overdue");
    assert_eq!(keys(&overdue), ["short"]);
    overdue.get_mut("short").expect("it is there")["since"] = Value::Null;
    assert_eq!(
        overdue["short"],
        json!({
            "file": "short", "reason": "overdue", "since": null, "expectedTotal": 4,
            "missingTotal": 1, "unexpectedTotal": 0, "unexpected": []
        })
    );
    let mut refused = vec![("bad", "bad-count"); bad.len()];
    refused.extend([("early", "already-completed"), ("empty", "no-items")]);
    refused.push(("huge", "too-many-items"));
    assert_eq!(dead_letters(&made), pairs(&refused));
    assert_eq!(story(&worker, "short")["state"], "overdue");
}

#[test]
fn a_transaction_is_complete_when_all_changes_that_its_end_counts_are_there() {
    assert!(TRANSACTION_PAGE.contains(TRANSACTION), "the page shows another object");
    let made = recipe(TRANSACTION, "transactions")
        .with("completed/keyField", "tx")
        .with("counting", "quantity");
    let end = |tx: &str, tables: &[(&str, u32)]| {
        let one =
            |(table, count): &(&str, u32)| json!({"data_collection": table, "event_count": count});
        let tables: Vec<Value> = tables.iter().map(one).collect();
        let value = json!({"status": "END", "id": tx, "data_collections": tables}).to_string();
        made.order_value(Some(tx), Some(&value));
    };
    let begin = |tx: &str| {
        let value = json!({"status": "BEGIN", "id": tx}).to_string();
        made.order_value(Some(tx), Some(&value));
    };
    let change = |tx: &str, order: &Value, table: &str| {
        let value = json!({"tx": tx, "order": order, "table": table, "op": "c"}).to_string();
        made.made_value(Some(tx), Some(&value));
    };
    let changes = |tx: &str, orders: std::ops::RangeInclusive<u32>, table: &str| {
        orders.for_each(|order| change(tx, &json!(order), table));
    };
    let mut worker = made.worker("w-1");
    for tx in ["whole", "late", "lost"] {
        begin(tx);
        changes(tx, 1..=10, "orders");
    }
    end("whole", &[("orders", 10), ("lines", 5)]);
    end("lost", &[("orders", 11)]);
    change("lost", &json!("x".repeat(10_240)), "orders");
    change("lost", &Value::Null, "orders");
    change("lost", &json!(""), "orders");
    made.settle();
    worker.process.kill();
    // The connector sends again what it is not sure of.
    changes("whole", 6..=10, "orders");
    changes("late", 1..=10, "orders");
    changes("lost", 1..=10, "orders");
    changes("whole", 11..=14, "lines");
    let mut worker = made.worker("w-1");
    made.settle();
    let whole = story(&worker, "whole");
    assert_eq!((&whole["state"], &whole["missingTotal"]), (&json!("open"), &json!(1)), "{whole}");
    worker.process.kill();
    changes("whole", 13..=15, "lines");
    changes("whole", 1..=15, "orders");
    end("late", &[("orders", 10)]);
    let worker = made.worker("w-1");
    made.settle();
    assert_eq!(keys(&once(&made, "shipping")), ["late", "whole"]);
    let lost = story(&worker, "lost");
    assert_eq!((&lost["state"], &lost["missingTotal"]), (&json!("open"), &json!(1)), "{lost}");
    let refused = [("lost", "id-too-long"), ("lost", "missing-field"), ("lost", "wrong-type")];
    assert_eq!(dead_letters(&made), pairs(&refused));
}

#[test]
fn an_order_whose_lines_come_one_by_one_is_complete_when_all_are_known_and_picked() {
    assert!(ORDER_LINES_PAGE.contains(ORDER_LINES), "the page shows another object");
    let mut made = recipe(ORDER_LINES, "lines");
    let line = |made: &Reconciliation, order: &str, line: u32, lines: i64| {
        let value = json!({"orderId": order, "lineNo": line, "lines": lines}).to_string();
        made.order_value(Some(order), Some(&value));
    };
    let picked = |made: &Reconciliation, order: &str, lines: std::ops::RangeInclusive<u32>| {
        for line in lines {
            let value = json!({"orderId": order, "lineNo": line}).to_string();
            made.made_value(Some(order), Some(&value));
        }
    };
    let mut worker = made.worker("w-1");
    for number in 1..=15 {
        line(&made, "whole", number, 20);
    }
    picked(&made, "whole", 1..=20);
    line(&made, "grows", 1, 1);
    line(&made, "grows", 2, 2);
    line(&made, "grows", 3, 2);
    line(&made, "goes-on", 1, 3);
    line(&made, "goes-on", 2, 3);
    picked(&made, "goes-on", 1..=1);
    line(&made, "shrinks", 1, 3);
    line(&made, "shrinks", 2, 2);
    line(&made, "bad", 1, 0);
    line(&made, "bad", 1, -1);
    line(&made, "bad", 1, 10_001);
    made.settle();
    // There is no order between topics: only now it is known that the order has two lines.
    picked(&made, "grows", 1..=1);
    made.settle();
    let whole = story(&worker, "whole");
    assert_eq!(
        (&whole["awaits"], &whole["expectedTotal"], &whole["missingTotal"]),
        (&json!("openList"), &json!(20), &json!(5)),
        "{whole}"
    );
    worker.process.kill();
    // Producers send again what they are not sure of.
    for number in 10..=20 {
        line(&made, "whole", number, 20);
    }
    let mut worker = made.worker("w-1");
    line(&made, "grows", 3, 3);
    made.order_value(Some("shrinks"), None);
    line(&made, "shrinks", 1, 1);
    made.settle();
    worker.process.kill();
    line(&made, "whole", 20, 20);
    line(&made, "whole", 1, 20);
    line(&made, "whole", 21, 20);
    picked(&made, "grows", 2..=3);
    picked(&made, "shrinks", 1..=1);
    made.set("overdue/after", "1s");
    let worker = made.worker("w-1");
    made.settle();
    eventually("what is late is reported", WAIT_TIMEOUT, || {
        (!made.overdue().is_empty()).then_some(())
    });

    assert_eq!(keys(&once(&made, "shipping")), ["grows", "shrinks", "whole"]);
    let mut overdue = once(&made, "overdue");
    assert_eq!(keys(&overdue), ["goes-on"]);
    overdue.get_mut("goes-on").expect("it is there")["since"] = Value::Null;
    assert_eq!(
        overdue["goes-on"],
        json!({
            "orderId": "goes-on", "reason": "overdue", "since": null, "expectedTotal": 3,
            "listedTotal": 2, "missingTotal": 2, "unexpectedTotal": 0, "unexpected": []
        })
    );
    let refused = [
        ("bad", "bad-total"),
        ("bad", "bad-total"),
        ("bad", "too-many-items"),
        ("grows", "beyond-total"),
        ("shrinks", "total-shrinks"),
        ("whole", "already-completed"),
    ];
    assert_eq!(dead_letters(&made), pairs(&refused));
    assert_eq!(story(&worker, "goes-on")["state"], "overdue");
}
