//! Random conditions and records: the entry that a record belongs to, and the same found out
//! condition by condition.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::Value;

use super::super::*;
use super::{any_document, select, text};
use crate::record::Header;

fn any_test() -> impl Strategy<Value = Test> {
    let texts = || {
        let text = prop_oneof![Just("1"), Just("-3"), Just("o-1"), Just("true"), Just("")];
        vec(text.prop_map(str::to_owned), 1..3)
    };
    prop_oneof![
        texts().prop_map(Test::In),
        texts().prop_map(Test::NotIn),
        any::<bool>().prop_map(Test::Exists),
    ]
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let paths = ["$.id", "$.x", "$.n.x", "$.items[0].n", "$.items.x", "$[1]", "$"];
    let of = prop_oneof![
        2 => prop_oneof![Just("a"), Just("b")].prop_map(|name| Subject::Header(name.to_owned())),
        3 => proptest::sample::select(paths.to_vec()).prop_map(|at| Subject::Path(path(at))),
    ];
    (of, any_test()).prop_map(|(of, test)| Condition { of, test })
}

/// Returns entries whose records are told apart by their conditions alone; at most the first is an
/// expectation.
fn any_entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry = |is_expected, (index, conditions): (usize, Vec<Condition>)| {
        let item = index.to_string();
        let paths: Entry = if is_expected && index == 0 {
            ExpectedPaths { key: None, items: Items::Fixed(vec![item]), quantity: None }.into()
        } else {
            let item = Item::Fixed(item);
            ObservedPaths { key: None, item, quantity: None, id: None, outcome: None }.into()
        };
        Entry { conditions, ..paths }
    };
    (any::<bool>(), vec(vec(any_condition(), 0..3), 1..4)).prop_map(move |(is_expected, all)| {
        all.into_iter().enumerate().map(|each| entry(is_expected, each)).collect()
    })
}

fn any_headers() -> impl Strategy<Value = Vec<Header>> {
    let value = proptest::sample::select(vec![&b"1"[..], b"true", b"", &[0xff]]);
    let name = prop_oneof![Just("a"), Just("b")];
    let header = (name, option::weighted(0.8, value))
        .prop_map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)));
    vec(header, 0..4)
}

/// What a condition looks at, as the contract has it.
enum There {
    Not,
    Text(String),
    WithoutText,
}

fn header(name: &str, headers: &[Header]) -> There {
    let last = headers.iter().rfind(|(other, _)| other == name);
    match last.and_then(|(_, value)| value.as_deref()) {
        None => There::Not,
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => There::Text(text.to_owned()),
            Err(_) => There::WithoutText,
        },
    }
}

fn member(at: &Path, document: Option<&Value>) -> There {
    let found = document.and_then(|document| select(document, at.segments()));
    match found.and_then(|found| found.first().copied()) {
        None | Some(Value::Null) => There::Not,
        Some(Value::Bool(value)) => There::Text(value.to_string()),
        Some(value) => text(value).map_or(There::WithoutText, There::Text),
    }
}

/// The table of the contract.
fn holds(test: &Test, there: &There) -> bool {
    match (test, there) {
        (Test::In(texts), There::Text(text)) => texts.contains(text),
        (Test::In(_), _) => false,
        (Test::NotIn(texts), There::Text(text)) => !texts.contains(text),
        (Test::NotIn(_), _) => true,
        (Test::Exists(is_wanted), There::Not) => !is_wanted,
        (Test::Exists(is_wanted), _) => *is_wanted,
    }
}

/// Returns the entry that a record belongs to; `None` if it is skipped.
fn belongs(entries: &[Entry], document: Option<&Value>, headers: &[Header]) -> Option<usize> {
    entries.iter().position(|entry| {
        let cancels = document.is_none() && matches!(entry.paths, Paths::Expected(_));
        entry.conditions.iter().all(|Condition { of, test }| match of {
            Subject::Header(name) => holds(test, &header(name, headers)),
            Subject::Path(at) => cancels || holds(test, &member(at, document)),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_record_belongs_to_the_first_entry_whose_conditions_all_hold(
        entries in any_entries(),
        document in option::weighted(0.9, any_document()),
        headers in any_headers(),
    ) {
        let whole: Option<Value> = document
            .as_deref()
            .map(|document| serde_json::from_str(document).expect("a generated document"));
        let decoder = Decoder::new(&entries, Counting::Distinct, Limits::default());
        let decoder = decoder.expect("paths that fit");
        let value = document.as_deref().map(str::as_bytes);
        let record = super::super::Input { key: Some(b"o-1"), value, headers: Some(&headers) };
        let mut scratch = Scratch::default();
        let found = decoder.decode(record, &mut scratch);
        match belongs(&entries, whole.as_ref(), &headers) {
            None => prop_assert_eq!(found, Ok(Decoded::Skipped)),
            Some(wanted) => {
                let is_expected = matches!(entries[wanted].paths, Paths::Expected(_));
                if value.is_none() && !is_expected {
                    prop_assert_eq!(found, Err(Reason::Tombstone));
                } else {
                    let Ok(Decoded::Event { entry, .. }) = found else {
                        return Err(TestCaseError::fail(format!("{wanted}: {found:?}")));
                    };
                    prop_assert_eq!(entry, wanted);
                }
            }
        }
    }
}
