//! Says in lines for people how a run differs from what its case expects.

use std::collections::BTreeMap;

use rollcall_core::{record::Sink, text::escape::printable};
use serde_json::{Value, json};

use super::{
    case::{Expected, Records},
    compare::{Difference, differences},
    found::Found,
    pairs::{Mismatch, mismatches},
};

/// The fields of a record, in the order in which people write them; the last two say little.
const FIELDS: [&str; 7] = ["topic", "key", "reason", "detail", "value", "valueBase64", "headers"];

/// Returns how a run differs from what was expected: a heading for each difference, and below it
/// lines that begin with `-` for what was expected and with `+` for what was found.
pub fn judge(expected: &Expected, found: &Found) -> Vec<String> {
    let Expected { out, overdue, dead_letters, state } = expected;
    let is_separate = |sink: Sink| match sink {
        Sink::Overdue => overdue.is_some(),
        Sink::DeadLetter => dead_letters.is_some(),
        Sink::Completed | Sink::Failed | Sink::Cancelled => false,
    };
    let outputs = |is: &dyn Fn(Sink) -> bool| -> Vec<Value> {
        let those = found.outputs.iter().filter(|(sink, _)| is(*sink));
        those.map(|(_, record)| record.clone()).collect()
    };
    let mut lines = Vec::new();
    compare("out", out, &outputs(&|sink| !is_separate(sink)), &mut lines);
    if let Some(overdue) = overdue {
        compare("overdue", overdue, &outputs(&|sink| sink == Sink::Overdue), &mut lines);
    }
    if let Some(dead_letters) = dead_letters {
        compare("deadLetters", dead_letters, &found.dead_letters, &mut lines);
    }
    if let Some(state) = state {
        compare_state(state, &found.state, &mut lines);
    }
    lines
}

fn compare(section: &str, expected: &Records, found: &[Value], lines: &mut Vec<String>) {
    for mismatch in mismatches(expected.scope, &expected.records, found) {
        match mismatch {
            Mismatch::Differs { expected, differences } => {
                lines.push(format!("{section}: {}", about(&expected)));
                differences.iter().for_each(|difference| tell(difference, lines));
            }
            Mismatch::Missing(expected) => {
                lines.push(format!("{section}: expected, and not there"));
                lines.push(format!("  - {}", record(&expected, &FIELDS)));
            }
            Mismatch::Surplus(found) => {
                lines.push(format!("{section}: there, and not expected"));
                lines.push(format!("  + {}", record(&found, &FIELDS[..FIELDS.len() - 2])));
            }
        }
    }
}

fn compare_state(
    expected: &BTreeMap<String, Value>,
    found: &BTreeMap<String, Value>,
    lines: &mut Vec<String>,
) {
    for (key, expected) in expected {
        let Some(found) = found.get(key) else {
            lines.push(format!("state: the key {} is not open", printable(key)));
            lines.push(format!("  - {}", shown(expected)));
            continue;
        };
        let differences = differences(expected, found);
        if !differences.is_empty() {
            lines.push(format!("state: the key {}", printable(key)));
            differences.iter().for_each(|difference| tell(difference, lines));
        }
    }
    for (key, found) in found.iter().filter(|(key, _)| !expected.contains_key(*key)) {
        lines.push(format!("state: the key {} is open, and not expected", printable(key)));
        lines.push(format!("  + {}", shown(&json!({"missing": found["missing"]}))));
    }
}

fn tell(difference: &Difference, lines: &mut Vec<String>) {
    let Difference { path, expected, found } = difference;
    lines.push(format!("  - {path}: {}", shown(expected)));
    lines.push(match found {
        Some(found) => format!("  + {path}: {}", shown(found)),
        None => format!("  + {path} is not there"),
    });
}

/// Returns which record it is.
fn about(record: &Value) -> String {
    let topic = record["topic"].as_str().map(|topic| printable(topic).into_owned());
    let key = record["key"].as_str().map(|key| format!("key {}", printable(key)));
    let known: Vec<String> = [topic, key].into_iter().flatten().collect();
    if known.is_empty() { "a record".to_owned() } else { known.join(", ") }
}

/// Returns these fields of a record, as they can be written in a case.
fn record(record: &Value, fields: &[&str]) -> String {
    let there = fields.iter().filter_map(|name| Some((name, record.get(name)?)));
    let fields: Vec<String> =
        there.map(|(name, value)| format!("{name}: {}", shown(value))).collect();
    format!("{{{}}}", fields.join(", "))
}

fn shown(value: &Value) -> String {
    printable(&value.to_string()).into_owned()
}
