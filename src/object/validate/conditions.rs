//! Which records an entry takes, and whether the entries of a topic leave something to each other.

use super::paths::singular;
use crate::bounds::{CONDITIONS_MAX, HEADER_NAME_MAX, TEXT_BYTES_MAX, TEXTS_MAX};
use crate::problem::Problems;
use crate::resource::{ConditionSpec, ReconciliationSpec};
use rollcall_core::codec::input::{Condition, Subject, Test};

/// Returns the conditions of the entry at `place`.
pub(super) fn conditions(
    place: &str,
    specs: &[ConditionSpec],
    problems: &mut Problems,
) -> Vec<Condition> {
    let place = format!("{place}.where");
    if specs.len() > CONDITIONS_MAX as usize {
        let message = format!("has {} conditions", specs.len());
        problems.add(&place, message, format!("write at most {CONDITIONS_MAX}"));
    }
    let one = |(index, spec)| condition(&format!("{place}[{index}]"), spec, problems);
    specs.iter().enumerate().filter_map(one).collect()
}

fn condition(place: &str, spec: &ConditionSpec, problems: &mut Problems) -> Option<Condition> {
    let of = match (&spec.path, &spec.header) {
        (Some(path), None) => singular(format!("{place}.path"), path, problems).map(Subject::Path),
        (None, Some(header)) => {
            let fits = (1..=HEADER_NAME_MAX as usize).contains(&header.len());
            if !fits {
                let remedy = format!("use 1 to {HEADER_NAME_MAX} bytes");
                problems.add(format!("{place}.header"), "is no header's name", remedy);
            }
            fits.then(|| Subject::Header(header.clone()))
        }
        (Some(_), Some(_)) => {
            let remedy = "write two conditions: both must hold then";
            problems.add(place, "names a path and a header", remedy);
            None
        }
        (None, None) => {
            problems.add(place, "names neither a path nor a header", "write path or header");
            None
        }
    };
    let test = match (&spec.one_of, &spec.not_in, spec.exists) {
        (Some(wanted), None, None) => texts(&format!("{place}.in"), wanted, problems).map(Test::In),
        (None, Some(refused), None) => {
            texts(&format!("{place}.notIn"), refused, problems).map(Test::NotIn)
        }
        (None, None, Some(wanted)) => Some(Test::Exists(wanted)),
        (None, None, None) => {
            let remedy = "write in or notIn with a list of texts, or exists: true or false";
            problems.add(place, "asks nothing", remedy);
            None
        }
        _ => {
            let remedy = "write a condition for each: all of them must hold then";
            problems.add(place, "asks more than one of in, notIn and exists", remedy);
            None
        }
    };
    Some(Condition { of: of?, test: test? })
}

fn texts(place: &str, texts: &[String], problems: &mut Problems) -> Option<Vec<String>> {
    if texts.is_empty() {
        problems.add(place, "is empty", "list at least one text");
        return None;
    }
    if texts.len() > TEXTS_MAX as usize {
        let message = format!("lists {} texts", texts.len());
        problems.add(place, message, format!("list at most {TEXTS_MAX}"));
        return None;
    }
    let long = texts.iter().position(|text| text.len() > TEXT_BYTES_MAX as usize);
    if let Some(index) = long {
        let message = format!("has {} bytes", texts[index].len());
        let remedy = format!("use at most {TEXT_BYTES_MAX} bytes");
        problems.add(format!("{place}[{index}]"), message, remedy);
        return None;
    }
    Some(texts.to_vec())
}

/// Checks that an entry without conditions is the last one of its topic: it takes every record that
/// is left.
pub(super) fn check_order(spec: &ReconciliationSpec, problems: &mut Problems) {
    let expected =
        ("spec.expected".to_owned(), &spec.expected.topic, spec.expected.conditions.is_empty());
    let observed = spec.observed.iter().enumerate().map(|(index, observed)| {
        (format!("spec.observed[{index}]"), &observed.topic, observed.conditions.is_empty())
    });
    let entries: Vec<_> = std::iter::once(expected).chain(observed).collect();
    for (at, (place, topic, takes_all)) in entries.iter().enumerate() {
        let later = entries[at + 1..].iter().find(|(_, other, _)| other == topic);
        if let Some((later, ..)) = later.filter(|_| *takes_all) {
            problems.add(
                format!("{place}.where"),
                format!("is missing, so {later} would get no record of \"{topic}\""),
                "say which records belong here, as in where: [{path: $.type, in: [created]}]; \
                 only the last entry of a topic may take all that is left",
            );
        }
    }
}
