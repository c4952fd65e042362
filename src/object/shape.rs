//! Checks that a document has the object's shape: known fields, of the right types.
//!
//! The definition says which fields are unknown, and serde which values it cannot read. Why it
//! cannot is derived from the definition and the value there, not from the text of serde's error,
//! which is shown only if the two do not explain it.

use serde_path_to_error::{Path, Segment};
use serde_yaml::Value;

use super::Reconciliation;
use super::problem::Problems;
use super::schema::{Definition, Kind};
use super::{suggest, unknown};
use rollcall_core::text::near::nearest;

/// How many places are listed at most for a field in the wrong place.
const PLACES_MAX: usize = 3;

/// Reads the document. Unknown fields are removed, and numbers that should be text become text, so
/// that all of them are reported. Returns `None` after anything but unknown fields.
pub(super) fn read(mut document: Value, problems: &mut Problems) -> Option<Reconciliation> {
    let definition = Definition::new();
    for field in unknown::remove(&mut document, &definition) {
        let places = definition.places(&field.name);
        let places = if places.len() > PLACES_MAX { &[][..] } else { &places };
        let remedy = remedy_for_unknown(&field.name, &field.known, places);
        problems.add(field.path, "is an unknown field", remedy);
    }
    let object = readable(&mut document, &definition, problems);
    if object.is_none() {
        check_needs(&document, problems);
    }
    object
}

/// Reports an expectation that does not say what a key needs, which the definition cannot require:
/// validation would report it, but only once everything else can be read.
fn check_needs(document: &Value, problems: &mut Problems) {
    let expected = document.get("spec").and_then(|spec| spec.get("expected"));
    let Some(expected) = expected.filter(|expected| expected.is_mapping()) else { return };
    if ["items", "count", "item"].iter().all(|way| expected.get(way).is_none()) {
        problems.add("spec.expected.items", "is missing", suggest::NEEDS);
    }
}

fn readable(
    document: &mut Value,
    definition: &Definition,
    problems: &mut Problems,
) -> Option<Reconciliation> {
    let mut is_readable = true;
    loop {
        let (path, message) = match deserialize(document) {
            Ok(object) => return Some(object).filter(|_| is_readable),
            Err(error) => (error.path().clone(), error.into_inner().to_string()),
        };
        is_readable = false;
        let wrong = Wrong { path: &path, message: &message, definition };
        let needs_text = wrong.report(document, problems);
        match at(document, path.iter()) {
            Some(value) if needs_text && (value.is_number() || value.is_bool()) => {
                *value = text_of(value).into();
            }
            _ => return None,
        }
    }
}

type Error = serde_path_to_error::Error<serde_yaml::Error>;

fn deserialize(document: &Value) -> Result<Reconciliation, Error> {
    serde_path_to_error::deserialize(document.clone())
}

/// Returns the remedy for an unknown field.
pub fn remedy_for_unknown(field: &str, known: &[&str], places: &[String]) -> String {
    let near = nearest(field, known.iter().copied());
    match (near, places) {
        (Some(near), []) => {
            format!("did you mean {near}? If not, remove it; known are: {}", known.join(", "))
        }
        (Some(near), places) => {
            format!("did you mean {near}, or {}? If not, remove it", places.join(" or "))
        }
        (None, []) => format!("remove it, or write one of: {}", known.join(", ")),
        (None, places) => format!("write it as {}, or remove it", places.join(" or ")),
    }
}

/// A value that serde cannot read.
struct Wrong<'a> {
    path: &'a Path,
    message: &'a str,
    definition: &'a Definition,
}

impl Wrong<'_> {
    /// Adds the problem. Returns whether any text would have the right type.
    fn report(&self, document: &mut Value, problems: &mut Problems) -> bool {
        let found = at(document, self.path.iter()).cloned().unwrap_or_default();
        let missing = self.definition.missing(self.path.iter(), &found);
        if !missing.is_empty() {
            for field in missing {
                self.report_missing(field, problems);
            }
            return false;
        }
        let place = self.path.to_string();
        let kind = self.definition.kind(self.path.iter());
        let kind = kind.or_else(|| self.takes_text(document).then_some(Kind::Text));
        match (kind, &found) {
            (Some(Kind::Choice(known)), Value::String(found)) if !known.contains(found) => {
                let near = nearest(found, known.iter().map(String::as_str));
                let near = near.map(|near| format!("did you mean {near}? ")).unwrap_or_default();
                let message = format!("\"{found}\" is not known");
                problems.add(place, message, format!("{near}write {}", known.join(" or ")));
                false
            }
            (Some(kind), found) if !is_of(&kind, found) => {
                let message = format!("{} where {} is needed", described(found), name(&kind));
                problems.add(place, message, remedy(&kind, found));
                matches!(kind, Kind::Duration | Kind::Instant | Kind::Text)
            }
            _ => {
                problems.add(place, self.message, "see docs/reconciliation.md");
                false
            }
        }
    }

    fn report_missing(&self, field: &str, problems: &mut Problems) {
        let inner = Segment::Map { key: field.to_owned() };
        let remedy = match self.definition.meaning(self.path.iter().chain([&inner])) {
            Some(meaning) => format!(
                "add it; what belongs there: {meaning}. docs/reconciliation.md has an example"
            ),
            None => "add it; docs/reconciliation.md has an example".to_owned(),
        };
        let is_root = self.path.iter().next().is_none();
        let place = if is_root { field.to_owned() } else { format!("{}.{field}", self.path) };
        problems.add(place, "is missing", remedy);
    }

    /// Returns whether a text at this path would be read. This is asked where the definition says
    /// nothing: in `metadata`.
    fn takes_text(&self, document: &mut Value) -> bool {
        let Some(value) = at(document, self.path.iter()).filter(|value| !value.is_string()) else {
            return false;
        };
        let found = std::mem::replace(value, String::new().into());
        let error = deserialize(document).err();
        if let Some(value) = at(document, self.path.iter()) {
            *value = found;
        }
        error.is_none_or(|error| error.path().to_string() != self.path.to_string())
    }
}

/// Returns whether a value has the type that is needed.
fn is_of(kind: &Kind, found: &Value) -> bool {
    match kind {
        Kind::Duration | Kind::Instant | Kind::Text | Kind::Choice(_) => found.is_string(),
        Kind::Bytes => found.is_string() || found.is_number(),
        Kind::Integer => found.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        Kind::Boolean => found.is_bool(),
        Kind::List => found.is_sequence(),
        Kind::Fields(_) | Kind::Map => found.is_mapping(),
        // It has not been read, whatever it is.
        Kind::TextOrFixed => false,
    }
}

fn described(value: &Value) -> String {
    match value {
        Value::Null => "is empty".to_owned(),
        Value::Bool(_) => format!("is the boolean {}", text_of(value)),
        Value::Number(number) => format!("is the number {number}"),
        Value::String(text) => format!("is the text \"{text}\""),
        Value::Sequence(_) => "is a list".to_owned(),
        Value::Mapping(_) => "holds fields of its own".to_owned(),
        Value::Tagged(_) => "has a tag".to_owned(),
    }
}

fn name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Duration => "a duration",
        Kind::Instant => "an instant",
        Kind::Bytes => "an amount of bytes",
        Kind::Text => "text",
        Kind::Choice(_) => "one of a few words",
        Kind::Integer => "a whole number",
        Kind::Boolean => "true or false",
        Kind::List => "a list",
        Kind::Fields(_) | Kind::Map => "an object with fields",
        Kind::TextOrFixed => "a JSON path or fixed",
    }
}

/// Returns what to write instead of `found`.
fn remedy(kind: &Kind, found: &Value) -> String {
    let text = text_of(found);
    match kind {
        Kind::Duration => suggest::duration(&text),
        Kind::Instant => suggest::instant(&text),
        Kind::Bytes => suggest::bytes(&text),
        Kind::Text if text.is_empty() => "write a text there".to_owned(),
        Kind::Text => format!("write \"{text}\", with the quotes"),
        Kind::Choice(known) => format!("write {}", known.join(" or ")),
        Kind::Integer if text.parse::<i64>().is_ok() && found.is_string() => {
            format!("write {text}, without quotes")
        }
        Kind::Integer => "write a whole number of at most 2147483647, without quotes".to_owned(),
        Kind::Boolean => "write true or false, without quotes".to_owned(),
        Kind::List => "begin each entry with - on a line of its own".to_owned(),
        Kind::Fields(known) => {
            format!("write fields below it, one a line and indented: {}", known.join(", "))
        }
        Kind::TextOrFixed => {
            "write a JSON path such as $.id, or {fixed: …} with what is the same for all records"
                .to_owned()
        }
        Kind::Map => "write lines below it, indented, such as name: \"text\"".to_owned(),
    }
}

/// Returns a scalar value as text, and an empty text for anything else.
fn text_of(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    }
}

fn at<'a, 'b>(
    document: &'a mut Value,
    path: impl IntoIterator<Item = &'b Segment>,
) -> Option<&'a mut Value> {
    path.into_iter().try_fold(document, |place, segment| match segment {
        Segment::Map { key } => place.get_mut(key.as_str()),
        Segment::Seq { index } => place.get_mut(*index),
        Segment::Enum { .. } | Segment::Unknown => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(spec: &str) -> Vec<String> {
        let text = format!(
            "apiVersion: rollcall.dev/v1alpha1\nkind: Reconciliation\n\
             metadata: {{ name: shipping }}\nspec:\n{spec}"
        );
        let problems = Reconciliation::from_yaml(&text).expect_err("a broken object");
        problems.iter().map(ToString::to_string).collect()
    }

    fn problems_beside(more: &str) -> Vec<String> {
        problems(&format!(
            "  kafka: {{ bootstrapServers: k }}\n  expected: {{ topic: a, items: $.a }}\n  \
             observed: [{{ topic: b, item: $.b }}]\n  completed: {{ topic: c }}\n  {more}"
        ))
    }

    #[test]
    fn what_to_write_is_said_with_the_users_own_value() {
        for (more, problem) in [
            (
                "overdue: { after: 20 }",
                "spec.overdue.after: is the number 20 where a duration is needed\n    write 20s \
                 for seconds, 20m for minutes, 20h for hours or 20d for days; ms and w are units, \
                 too",
            ),
            (
                "deadLetter: { topic: 7 }",
                "spec.deadLetter.topic: is the number 7 where text is needed\n    \
                 write \"7\", with the quotes",
            ),
            (
                "deadLetter: { topic: true }",
                "spec.deadLetter.topic: is the boolean true where text is needed\n    \
                 write \"true\", with the quotes",
            ),
            (
                "replicas: \"3\"",
                "spec.replicas: is the text \"3\" where a whole number is needed\n    \
                 write 3, without quotes",
            ),
            (
                "paused: \"yes\"",
                "spec.paused: is the text \"yes\" where true or false is needed\n    \
                 write true or false, without quotes",
            ),
            (
                "overdue: 72h",
                "spec.overdue: is the text \"72h\" where an object with fields is needed\n    \
                 write fields below it, one a line and indented: after, at, topic, unit, zone",
            ),
            (
                "memoryBudget: [1]",
                "spec.memoryBudget: is a list where an amount of bytes is needed\n    \
                 write it as Kubernetes does, such as 512Ki, 64Mi or 1048576",
            ),
            (
                "counting: quantities",
                "spec.counting: \"quantities\" is not known\n    \
                 did you mean quantity? write distinct or quantity",
            ),
        ] {
            assert_eq!(problems_beside(more), [problem]);
        }
    }

    #[test]
    fn every_number_that_should_be_text_is_reported_at_once() {
        let found = problems_beside("memory: 7\n  commitInterval: 100\n  orphans: { after: 3 }");
        assert_eq!(found.len(), 3, "{found:?}");
        let found = problems(
            "  kafka: { bootstrapServers: k, properties: { linger.ms: 5, debug: true } }\n",
        );
        assert!(found[0].ends_with("write \"5\", with the quotes") || found[0].contains("true"));
        let missing = found.iter().filter(|problem| problem.contains("is missing")).count();
        assert_eq!((found.len(), missing), (5, 3), "the two, and what is missing: {found:?}");
    }

    #[test]
    fn what_a_key_needs_is_missing_together_with_everything_else() {
        let found = problems(
            "  expected: { key: $.id }\n  observed: [{ topic: b, item: $.b }]\n  replicas: no\n",
        );
        let path = |problem: &String| problem.split(": ").next().map(str::to_owned);
        let paths: Vec<_> = found.iter().filter_map(path).collect();
        assert!(paths.contains(&"spec.expected.items".to_owned()), "{found:?}");
        assert!(found.len() > 1, "{found:?}");
        let found = problems("  expected: { topic: a, count: $.n }\n  completed: { topic: c }\n");
        assert!(found.iter().all(|problem| !problem.contains("expected.items")), "{found:?}");
        let found = problems("  expected: orders\n");
        assert!(found.iter().all(|problem| !problem.contains("expected.items")), "{found:?}");
    }

    #[test]
    fn what_kubernetes_defines_is_checked_by_its_type() {
        let read = |metadata: &str| {
            let text = format!(
                "apiVersion: rollcall.dev/v1alpha1\nkind: Reconciliation\nmetadata: {metadata}\n\
                 spec:\n  kafka: {{ bootstrapServers: k }}\n  \
                 expected: {{ topic: a, items: $.a }}\n  \
                 observed: [{{ topic: b, item: $.b }}]\n  completed: {{ topic: c }}\n"
            );
            let problems = Reconciliation::from_yaml(&text).expect_err("a broken object");
            problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            read("{ name: 7, namespace: true }"),
            [
                "metadata.name: is the number 7 where text is needed\n    \
                 write \"7\", with the quotes",
                "metadata.namespace: is the boolean true where text is needed\n    \
                 write \"true\", with the quotes",
            ]
        );
        assert_eq!(
            read("{ name: [a] }"),
            ["metadata.name: is a list where text is needed\n    write a text there"]
        );
        assert_eq!(
            read("{ name: a, generation: text }"),
            ["metadata.generation: invalid type: string \"text\", expected i64\n    \
              see docs/reconciliation.md"]
        );
    }

    #[test]
    fn a_misspelt_or_misplaced_field_is_named_as_it_was_meant() {
        for (more, remedy) in [
            ("memmory: 7d", "did you mean memory? If not, remove it; known are: completed, "),
            ("groupId: a", "write it as spec.kafka.groupId, or remove it"),
            ("bootstrapservers: a", "remove it, or write one of: completed, "),
        ] {
            let found = problems_beside(more);
            assert!(found[0].contains(remedy), "{found:?}");
        }
        let found = problems_beside("console: { replica: 1 }");
        assert!(found[0].contains("did you mean replicas?"), "{found:?}");
    }
}
