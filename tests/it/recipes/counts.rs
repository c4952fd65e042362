//! Recipes in which a key does not name all of its items at once.

use serde_json::{Value, json};

use super::super::eventually::eventually;
use super::super::kafka::WAIT_TIMEOUT;
use super::super::reconciliation::Reconciliation;
use super::super::worker::Worker;
use super::{keys, once, recipe};

const FILE_TRAILER: &str = include_str!("../../../docs/recipes/file-trailer.yaml");
const FILE_TRAILER_PAGE: &str = include_str!("../../../docs/recipes/file-trailer.md");

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
