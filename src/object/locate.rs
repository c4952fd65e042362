//! Finds the line of a field of the object in a text.
//!
//! Values that were read from YAML have no line numbers, but errors do. So the text is parsed again
//! up to the field, and parsing fails there.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The message of our own errors.
const FOUND: &str = "rollcall: this is the place";

/// Returns the line, from 1, of the field at `path`, such as `spec.observed[0].item`. If the field
/// is missing, this is the line of its closest ancestor; `None` if there is none of those either.
pub fn line(text: &str, path: &str) -> Option<usize> {
    let steps = steps(path);
    (1..=steps.len()).rev().find_map(|count| {
        let to = To(&steps[..count]);
        let error = to.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
        let place = error.location().filter(|_| error.to_string().contains(FOUND))?;
        Some(place.line())
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

/// Splits a path into its steps, as far as it is valid.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (step, tail) = if let Some(quoted) = rest.strip_prefix("[\"") {
            let Some((name, tail)) = quoted.split_once("\"]") else { break };
            (Step::Name(name), tail)
        } else if let Some(bracket) = rest.strip_prefix('[') {
            let Some((index, tail)) = bracket.split_once(']') else { break };
            let Ok(index) = index.parse() else { break };
            (Step::Index(index), tail)
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            (Step::Name(&name[..end]), &name[end..])
        };
        steps.push(step);
        rest = tail;
    }
    steps
}

/// Walks to a field and fails there.
struct To<'a>(&'a [Step<'a>]);

impl<'de> DeserializeSeed<'de> for To<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A value of any other kind ends the walk: at the end of the path it is the field that was looked
/// for, before the end the document differs from the path. The visit fails either way, and only in
/// the former case with [`FOUND`].
impl<'de> Visitor<'de> for To<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { FOUND } else { "the path to lead on" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Name(name), rest)) = self.0.split_first() else {
            return Err(A::Error::custom(self.says()));
        };
        // For a field, the line of its name is reported.
        let is_last = rest.is_empty();
        while let Some(is_it) = map.next_key_seed(Name { name, is_last })? {
            if is_it {
                map.next_value_seed(To(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Step::Index(index), rest)) = self.0.split_first() else {
            return Err(A::Error::custom(self.says()));
        };
        for _ in 0..*index {
            if list.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        list.next_element_seed(To(rest))?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

impl To<'_> {
    fn says(&self) -> &'static str {
        if self.0.is_empty() { FOUND } else { "the path does not lead on" }
    }
}

/// Returns whether a key is the one that is looked for; fails at the last one of the path.
struct Name<'a> {
    name: &'a str,
    is_last: bool,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        let is_it = name == self.name;
        if is_it && self.is_last { Err(E::custom(FOUND)) } else { Ok(is_it) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
apiVersion: rollcall.dev/v1alpha1
metadata: { name: shipping }
spec:
  kafka:
    bootstrapServers: kafka
    properties:
      linger.ms: 5
  expected: { topic: orders,
    items: $.items }
  observed:
  - topic: manufactured
    item: $.id
  -
    topic: late
    item: $.id
  memory: 7d  # spec.memory
";

    #[test]
    fn a_field_is_found_in_blocks_and_in_braces() {
        for (path, expected) in [
            ("apiVersion", 1),
            ("metadata.name", 2),
            ("spec", 3),
            ("spec.kafka.bootstrapServers", 5),
            ("spec.kafka.properties[\"linger.ms\"]", 7),
            ("spec.expected.topic", 8),
            ("spec.expected.items", 9),
            ("spec.observed", 10),
            ("spec.observed[0].item", 12),
            ("spec.observed[1].item", 15),
            ("spec.memory", 16),
        ] {
            assert_eq!(line(TEXT, path), Some(expected), "{path}");
        }
    }

    #[test]
    fn what_is_missing_is_where_it_belongs() {
        assert_eq!(line(TEXT, "spec.completed"), Some(3));
        assert_eq!(line(TEXT, "spec.observed[1].key"), Some(14));
        assert_eq!(line(TEXT, "spec.observed[7].key"), Some(10));
        assert_eq!(line(TEXT, "spec.memory.after"), Some(16));
        assert_eq!(line(TEXT, "kind"), None);
    }

    #[test]
    fn what_is_no_path_or_no_yaml_has_no_line() {
        for path in ["", "file", "[", "[x]", "[\"a", "..", "spec[0]x"] {
            let _ = line(TEXT, path);
        }
        assert_eq!(line(TEXT, "file"), None);
        assert_eq!(line("- spec: {\n", "spec.memory"), None);
        assert_eq!(line("{\"spec\":\n{\"memory\": 7}}", "spec.memory"), Some(2));
    }
}
