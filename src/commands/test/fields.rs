//! Reads the fields of a mapping, and reports those that are unknown or of the wrong type.

use std::ops::RangeInclusive;

use rollcall_object::{name_of, remedy_for_unknown};
use serde_json::{Number, Value as Json};
use serde_yaml::{Mapping, Value};

use super::problem::Problems;

/// A mapping in a file of cases.
pub struct Fields<'a> {
    path: String,
    mapping: &'a Mapping,
}

impl<'a> Fields<'a> {
    /// Reads a mapping; `example` shows what to write if it is something else.
    pub fn of(
        value: &'a Value,
        path: impl Into<String>,
        known: &[&str],
        example: &str,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let path = path.into();
        let Value::Mapping(mapping) = value else {
            let message = format!("is {} where fields are needed", kind(value));
            problems.add(&path, message, format!("write {example}"));
            return None;
        };
        for key in mapping.keys() {
            let name = name_of(key);
            if !known.contains(&name.as_str()) {
                let place = format!("{path}.{name}");
                problems.add(&place, "is an unknown field", remedy_for_unknown(&name, known, &[]));
            }
        }
        Some(Self { path, mapping })
    }

    /// Returns the path of a field.
    pub fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// Returns the path of the mapping itself.
    pub fn own_path(&self) -> &str {
        &self.path
    }

    /// Returns a field as it is written; null is a value.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.mapping.get(name)
    }

    /// Returns a text, or an integer as its decimal text.
    pub fn text(&self, name: &str, problems: &mut Problems<'_>) -> Option<String> {
        match self.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) if !number.is_f64() => Some(number.to_string()),
            other => {
                let message = format!("is {} where text is needed", kind(other));
                problems.add(&self.path(name), message, "write it in quotes");
                None
            }
        }
    }

    /// Returns a text that has to be there; `what` says what belongs there.
    pub fn required(&self, name: &str, what: &str, problems: &mut Problems<'_>) -> Option<String> {
        if self.get(name).is_none() {
            problems.add(&self.path(name), "is missing", format!("add it: {what}"));
        }
        self.text(name, problems)
    }

    /// Returns an integer within bounds.
    pub fn number(
        &self,
        name: &str,
        bounds: RangeInclusive<u32>,
        problems: &mut Problems<'_>,
    ) -> Option<u32> {
        let value = self.get(name)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let found = number.filter(|number| bounds.contains(number));
        if found.is_none() {
            let (least, most) = (bounds.start(), bounds.end());
            let message = format!("is {}", shown(value));
            problems.add(
                &self.path(name),
                message,
                format!("write a number from {least} to {most}"),
            );
        }
        found
    }

    /// Returns any value as JSON.
    pub fn json(&self, name: &str, problems: &mut Problems<'_>) -> Option<Json> {
        json(self.get(name)?, &self.path(name), problems)
    }

    /// Returns the entries of a list, with their paths.
    pub fn list(
        &self,
        name: &str,
        example: &str,
        problems: &mut Problems<'_>,
    ) -> Option<Vec<(String, &'a Value)>> {
        let path = self.path(name);
        match self.get(name)? {
            Value::Sequence(list) => {
                let entry = |(index, value)| (format!("{path}[{index}]"), value);
                Some(list.iter().enumerate().map(entry).collect())
            }
            other => {
                let message = format!("is {} where a list is needed", kind(other));
                problems.add(&path, message, format!("write {example}"));
                None
            }
        }
    }
}

/// Returns a value as JSON. Integers and booleans as names of fields become text, as in JSON.
pub fn json(value: &Value, path: &str, problems: &mut Problems<'_>) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::String(text) => Json::String(text.clone()),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => number.into(),
            (_, Some(number), _) => number.into(),
            (.., Some(number)) if number.is_finite() => Number::from_f64(number)?.into(),
            _ => {
                let message = format!("{number} is no number in JSON");
                problems.add(path, message, "write it in quotes, or give the bytes as valueBase64");
                return None;
            }
        },
        Value::Sequence(list) => {
            let entry = |(at, value)| json(value, &format!("{path}[{at}]"), problems);
            Json::Array(list.iter().enumerate().map(entry).collect::<Option<_>>()?)
        }
        Value::Mapping(mapping) => {
            let field = |(key, value): (&Value, &Value)| {
                let name = name_of(key);
                Some((name.clone(), json(value, &format!("{path}.{name}"), problems)?))
            };
            Json::Object(mapping.iter().map(field).collect::<Option<_>>()?)
        }
        Value::Tagged(tagged) => {
            let message = format!("has the tag {}, which JSON does not have", tagged.tag);
            problems.add(path, message, "remove it");
            return None;
        }
    })
}

/// Returns a value on one line.
fn shown(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| kind(value).to_owned())
}

/// Returns what a value is, for messages.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "an object",
        Value::Tagged(_) => "a value with a tag",
    }
}
