//! What outputs carry besides what they report: values of records, constants and the list of items.
//!
//! Promise: no record of an output has a field twice.

use std::collections::BTreeMap;

use super::paths::singular;
use crate::Settings;
use crate::bounds::{CONSTANTS_BYTES_MAX, CONSTANTS_MAX, FIELD_NAME_MAX, KEEP_MAX};
use crate::problem::Problems;
use crate::resource::{Constants, CountingSpec, FactsSpec, ReconciliationSpec};
use rollcall_core::codec::input::Keep;
use rollcall_core::codec::output::{Constant, Facts, LISTED_TOTAL, standard_fields};
use rollcall_core::record::Sink;

/// The field of a listed item that names it.
const ITEM_FIELD: &str = "item";

/// Returns what is kept of the records of the entry at `place`.
pub(super) fn keep(
    place: &str,
    spec: &BTreeMap<String, String>,
    problems: &mut Problems,
) -> Vec<Keep> {
    let place = format!("{place}.keep");
    if spec.len() > KEEP_MAX as usize {
        let message = format!("names {} values", spec.len());
        problems.add(&place, message, format!("keep at most {KEEP_MAX}, or an object of them"));
    }
    let one = |(name, path): (&String, &String)| {
        let place = format!("{place}.{name}");
        check_name(&place, name, problems);
        Some(Keep { name: name.clone(), path: singular(place, path, problems)? })
    };
    spec.iter().filter_map(one).collect()
}

/// Returns the constants at `place`.
pub(super) fn constants(place: &str, spec: &Constants, problems: &mut Problems) -> Vec<Constant> {
    if spec.len() > CONSTANTS_MAX as usize {
        let message = format!("names {} fields", spec.len());
        problems.add(place, message, format!("name at most {CONSTANTS_MAX}"));
    }
    let bytes = serde_json::to_string(spec).map_or(0, |text| text.len());
    if bytes > CONSTANTS_BYTES_MAX {
        let message = format!("takes {bytes} bytes in every record");
        problems.add(place, message, format!("shorten it to {CONSTANTS_BYTES_MAX} bytes"));
    }
    let constant = |(name, value): (&String, &serde_json::Value)| {
        let place = format!("{place}.{name}");
        check_name(&place, name, problems);
        if value.is_null() {
            problems.add(place, "is empty", "write a value, or remove the field");
        }
        Constant { name: name.clone(), value: value.clone() }
    };
    spec.iter().map(constant).collect()
}

fn check_name(place: &str, name: &str, problems: &mut Problems) {
    if !(1..=FIELD_NAME_MAX as usize).contains(&name.len()) {
        let message = format!("has a name of {} bytes", name.len());
        problems.add(place, message, format!("name the field with 1 to {FIELD_NAME_MAX} bytes"));
    }
}

/// Checks that what is kept is written somewhere, and that fields differ.
pub(super) fn check(spec: &ReconciliationSpec, settings: &Settings, problems: &mut Problems) {
    for (index, observed) in spec.observed.iter().enumerate() {
        let place = format!("spec.observed[{index}].keep");
        if observed.keep.is_empty() {
            continue;
        }
        if spec.counting == CountingSpec::Quantity {
            problems.add(
                &place,
                "has no meaning with counting: quantity, where an item has many observations",
                "remove it, or write counting: distinct",
            );
        } else if spec.completed.items_field.is_none() && spec.failed.is_none() {
            problems.add(
                &place,
                "has no effect, since no output lists items with what their observations keep",
                "set spec.completed.itemsField, such as items, or remove it",
            );
        }
        if observed.keep.contains_key(ITEM_FIELD) {
            problems.add(
                format!("{place}.{ITEM_FIELD}"),
                "\"item\" is the field that names the item in a list",
                "choose another name",
            );
        }
    }
    if let Some(items) = &spec.completed.items_field {
        check_name("spec.completed.itemsField", items, problems);
        if let Some(other) = not_listed_at_once(spec) {
            problems.add(
                "spec.completed.itemsField",
                format!("needs spec.expected.items, and spec.expected.{other} is there instead"),
                "remove it",
            );
        }
    }
    if spec.expected.item.is_some() && !spec.expected.keep.is_empty() {
        problems.add(
            "spec.expected.keep",
            "has no meaning beside spec.expected.item: a key has many such records",
            "remove it",
        );
    }
    // Other objects may have it as their key field: none of their records has it twice.
    if spec.expected.item.is_some() && spec.completed.key_field == LISTED_TOTAL {
        problems.add(
            "spec.completed.keyField",
            format!("\"{LISTED_TOTAL}\" is a field of overdue records whose list goes on"),
            "choose another name",
        );
    }
    let mut clashes = BTreeMap::new();
    for sink in [Sink::Completed, Sink::Overdue, Sink::Failed, Sink::Cancelled] {
        if settings.output(sink).is_some() {
            for (place, message) in clashes_of(spec, sink) {
                clashes.entry(place).or_insert(message);
            }
        }
    }
    for (place, message) in clashes {
        problems.add(place, message, "choose another name");
    }
}

/// Returns the field of an expectation that does not list all items at once.
fn not_listed_at_once(spec: &ReconciliationSpec) -> Option<&'static str> {
    let expected = &spec.expected;
    let count = expected.count.as_ref().map(|_| "count");
    count.or(expected.item.as_ref().map(|_| "item"))
}

/// Returns the fields that a kind of output would have twice, each with the other one.
fn clashes_of(spec: &ReconciliationSpec, sink: Sink) -> Vec<(String, String)> {
    let completed = &spec.completed;
    let mut fields = vec![("spec.completed.keyField".to_owned(), completed.key_field.as_str())];
    fields.extend(below("spec.expected.keep", &spec.expected.keep));
    match (sink, &spec.failed) {
        (Sink::Completed, _) => {
            let items = completed.items_field.as_deref();
            fields.extend(items.map(|items| ("spec.completed.itemsField".to_owned(), items)));
            fields.extend(below("spec.completed.fields", &completed.fields));
        }
        (Sink::Failed, Some(failed)) => fields.extend(below("spec.failed.fields", &failed.fields)),
        _ => {}
    }
    let facts = match completed.facts {
        FactsSpec::LateHeader => Facts::LateHeader,
        FactsSpec::Headers => Facts::Headers,
        FactsSpec::Value => Facts::Value,
    };
    let what = match sink {
        Sink::Completed => "completions",
        Sink::Overdue => "overdue records",
        Sink::Failed => "failed records",
        Sink::Cancelled | Sink::DeadLetter => "cancelled records",
    };
    let mut clashes = Vec::new();
    // The key field comes first, and is checked for standard fields elsewhere.
    for (at, (place, name)) in fields.iter().enumerate().skip(1) {
        if let Some((other, _)) = fields[..at].iter().find(|(_, known)| known == name) {
            clashes.push((place.clone(), format!("\"{name}\" is also {other}")));
        } else if standard_fields(sink, facts).contains(name) {
            let message = format!("\"{name}\" is a field that {what} have in any case");
            clashes.push((place.clone(), message));
        }
    }
    clashes
}

/// Returns the fields that a map names, each with its place.
fn below<'a, T>(
    place: &str,
    map: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = (String, &'a str)> {
    map.keys().map(move |name| (format!("{place}.{name}"), name.as_str()))
}
