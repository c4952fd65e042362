//! What a run has led to, in the form in which a case says what it expects.

use std::collections::BTreeMap;

use rollcall_core::{
    codec::base64,
    matching::{Item, Kept, Row, Rules},
    record::{Sink, Timestamp},
};
use rollcall_sim::harness::{Findings, Produced};
use serde_json::{Map, Value, json};

use super::{subject::Subject, time};

/// What a run has led to.
pub struct Found {
    /// The records of all outputs, dead letters included, as readers see them.
    pub outputs: Vec<(Sink, Value)>,
    /// The dead letters again, as the records that they are.
    pub dead_letters: Vec<Value>,
    /// The keys that are open.
    pub state: BTreeMap<String, Value>,
}

impl Found {
    pub fn new(findings: &Findings, subject: &Subject, rules: &Rules) -> Self {
        let output = |produced: &Produced| (produced.sink, output(produced, subject));
        let refused = findings.outputs.iter().filter(|output| output.sink == Sink::DeadLetter);
        let open = |(key, row): &(Vec<u8>, Row)| {
            (String::from_utf8_lossy(key).into_owned(), open_key(row, rules))
        };
        Self {
            outputs: findings.outputs.iter().map(output).collect(),
            dead_letters: refused.map(dead_letter).collect(),
            state: findings.open.iter().map(open).collect(),
        }
    }
}

fn output(produced: &Produced, subject: &Subject) -> Value {
    let headers = headers(produced);
    let mut output = json!({
        "topic": subject.settings.output(produced.sink),
        "key": produced.key.as_deref().map(String::from_utf8_lossy),
        "value": value(produced),
    });
    if produced.sink == Sink::DeadLetter {
        // Shown to people who did not expect it.
        for name in ["reason", "detail"] {
            output[name] = headers.get(&format!("rollcall-{name}")).cloned().unwrap_or_default();
        }
    }
    output["headers"] = headers.into();
    output
}

fn dead_letter(produced: &Produced) -> Value {
    let headers = headers(produced);
    let own = |name: &str| headers.get(&format!("rollcall-{name}")).cloned();
    json!({
        "topic": own("source-topic"),
        "key": produced.key.as_deref().map(String::from_utf8_lossy),
        "reason": own("reason"),
        "detail": own("detail"),
        "value": value(produced),
        "valueBase64": produced.value.as_deref().map(base64::encode),
        "headers": headers,
    })
}

/// Returns the value: as JSON, or as text if it is no JSON.
fn value(produced: &Produced) -> Value {
    let Some(bytes) = &produced.value else { return Value::Null };
    let text = || String::from_utf8_lossy(bytes).into_owned().into();
    serde_json::from_slice(bytes).unwrap_or_else(|_| text())
}

/// Returns the headers; of several with the same name, the last counts.
fn headers(produced: &Produced) -> Map<String, Value> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let header = |(name, value): &(String, Option<Vec<u8>>)| {
        (name.clone(), value.as_deref().map_or(Value::Null, |bytes| text(bytes).into()))
    };
    produced.headers.iter().map(header).collect()
}

/// Returns what is known of an open key; the lists of items are sorted.
fn open_key(row: &Row, rules: &Rules) -> Value {
    // Of a count, any item is what was expected.
    let is_expected = |item: &Item<'_>| item.need > 0 || row.awaits.any_item();
    let is_arrived = |item: &Item<'_>| item.have > 0 && (is_expected(item) || !row.expected);
    let is_unexpected = |item: &Item<'_>| !is_expected(item) && item.is_known();
    let list = |is: &dyn Fn(&Item<'_>) -> bool| -> Vec<String> {
        let mut names: Vec<_> =
            row.items.iter().filter(is).map(|item| item.text.to_owned()).collect();
        names.sort_by_key(|name| Value::from(name.as_str()).to_string());
        names
    };
    let item = |item: Item<'_>| {
        let known = json!({
            "needed": item.need,
            "observed": item.have,
            "missing": item.missing(),
            "failed": item.has_failed(),
            "kept": kept(row.kept.of_item(item.text)),
        });
        (item.text.to_owned(), known)
    };
    let deadline = |at: Option<Timestamp>| at.filter(|_| row.expected).map(time::format);
    json!({
        "state": match (row.expected, row.overdue) {
            (false, _) => "unexpected",
            (true, true) => "overdue",
            (true, false) => "open",
        },
        "expectedTotal": row.awaits.expected_total(&row.items),
        "missingTotal": row.awaits.missing_total(&row.items),
        "overdueAt": deadline(row.overdue_at(rules)),
        "expiresAt": deadline(row.expires_at(rules)),
        "kept": kept(row.kept.expected()),
        "missing": list(&|item| item.missing() > 0),
        "failed": list(&|item| item.has_failed()),
        "arrived": list(&is_arrived),
        "unexpected": list(&|item| row.expected && is_unexpected(item)),
        "items": row.items.iter().map(item).collect::<Map<_, _>>(),
    })
}

/// Returns what outputs carry of a record: as JSON, or as text if its numbers are too large.
fn kept(members: &str) -> Value {
    let Some(object) = Kept::as_object(members) else { return Value::Null };
    serde_json::from_str(&object).unwrap_or(Value::String(object))
}
