//! What a case expects of the keys that are open in the end: `state`.

use std::collections::BTreeMap;

use rollcall_core::record::Timestamp;
use serde_json::Value as Json;
use serde_yaml::Value;

use super::{
    fields::{Fields, json, kind},
    problem::Problems,
    time,
};

/// What may be said of an open key.
const OPEN_KEY: [&str; 11] = [
    "state",
    "missing",
    "failed",
    "arrived",
    "unexpected",
    "items",
    "expectedTotal",
    "missingTotal",
    "kept",
    "overdueAt",
    "expiresAt",
];
const LISTS: [&str; 4] = ["missing", "failed", "arrived", "unexpected"];
const TOTALS: [&str; 2] = ["expectedTotal", "missingTotal"];
const DEADLINES: [&str; 2] = ["overdueAt", "expiresAt"];
const EXAMPLE: &str = "what is known of the key, such as {missing: [fraud]}; only keys that are \
                       open are in state, finished ones are in out";

/// Reads the keys that are open in the end. Lists of items are sorted, and their texts are texts;
/// deadlines are instants. `start_ms` is unknown if something is wrong with it.
pub fn read(
    value: &Value,
    path: &str,
    start_ms: Option<Timestamp>,
    problems: &mut Problems<'_>,
) -> Option<BTreeMap<String, Json>> {
    let Value::Mapping(mapping) = value else {
        let message = format!("is {} where keys are needed", kind(value));
        let remedy = "write each key that is open, such as {o1: {missing: [fraud]}}; {} says that \
                      none is";
        problems.add(path, message, remedy);
        return None;
    };
    let mut keys = BTreeMap::new();
    for (key, value) in mapping {
        let Json::String(key) = text_of(json(key, path, problems)?) else {
            problems.add(path, "has a key that is no text", "write it in quotes");
            return None;
        };
        let path = format!("{path}.{key}");
        let fields = Fields::of(value, path.as_str(), &OPEN_KEY, EXAMPLE, problems)?;
        let mut known = json(value, &path, problems)?;
        let said = known.as_object_mut()?;
        let lists = said.iter_mut().filter(|(name, _)| LISTS.contains(&name.as_str()));
        for list in lists.filter_map(|(_, list)| list.as_array_mut()) {
            list.iter_mut().for_each(|item| *item = text_of(item.take()));
            list.sort_by_key(ToString::to_string);
        }
        for name in TOTALS.into_iter().filter(|name| fields.get(name).is_some()) {
            fields.number(name, 0..=u32::MAX, problems)?;
        }
        for name in DEADLINES {
            if fields.get(name).is_some_and(|at| !at.is_null()) {
                said.insert(name.to_owned(), instant(&fields, name, start_ms, problems)?.into());
            }
        }
        keys.insert(key, known);
    }
    Some(keys)
}

/// Reads a deadline, which may count from the start of the case, as the instant that it is.
fn instant(
    fields: &Fields<'_>,
    name: &str,
    start_ms: Option<Timestamp>,
    problems: &mut Problems<'_>,
) -> Option<String> {
    let text = fields.text(name, problems)?;
    let refused = |(message, remedy): time::Refusal| {
        problems.add(&fields.path(name), message, remedy);
    };
    time::time(&text, start_ms.unwrap_or(time::START_MS)).map_err(refused).map(time::format).ok()
}

/// Returns a number as text: items and keys are compared as text.
fn text_of(value: Json) -> Json {
    if value.is_number() { value.to_string().into() } else { value }
}
