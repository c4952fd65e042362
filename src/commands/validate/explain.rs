//! `rollcall validate --explain`: says which entry of the object a record belongs to, and what it
//! means there.

use std::io::Read;
use std::process::ExitCode;

use super::meaning;
use crate::commands::{exit_with, failed};
use rollcall_core::codec::input::{Decoded, Input, Scratch};
use rollcall_core::matching::Kept;
use rollcall_core::record::Header;
use rollcall_object::Settings;

/// The record to explain.
#[derive(Debug, clap::Args)]
pub struct Record {
    /// Say what a record of this input topic means; its value is read from standard input
    #[arg(long, value_name = "TOPIC")]
    pub explain: Option<String>,
    /// The record's key
    #[arg(long, requires = "explain")]
    key: Option<String>,
    /// One of the record's headers
    #[arg(long, requires = "explain", value_name = "NAME=VALUE")]
    header: Vec<String>,
    /// The record is a tombstone: it has no value
    #[arg(long, requires = "explain")]
    tombstone: bool,
}

/// Prints what the record means. Fails if it would become a dead letter.
pub fn run(settings: &Settings, args: &Record) -> ExitCode {
    let mut value = Vec::new();
    if !args.tombstone
        && let Err(error) = std::io::stdin().read_to_end(&mut value)
    {
        return failed(&format!("cannot read the record's value from standard input: {error}"));
    }
    match explain(settings, args, (!args.tombstone).then_some(&value)) {
        Ok(text) => exit_with(&(text + "\n"), ExitCode::SUCCESS),
        Err(problem) => failed(&problem),
    }
}

fn explain(settings: &Settings, args: &Record, value: Option<&Vec<u8>>) -> Result<String, String> {
    let topic = args.explain.as_deref().unwrap_or_default();
    let entries = settings.entries(topic);
    if entries.is_empty() {
        let inputs = settings.inputs().join(", ");
        return Err(format!("{topic} is no input of {}; its inputs are {inputs}", settings.name));
    }
    let headers = args.header.iter().map(|header| match header.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.as_bytes().to_vec())),
        None => (header.clone(), None),
    });
    let headers: Vec<Header> = headers.collect();
    let formats = settings.formats_of(topic, None).map_err(|error| error.to_string())?;
    let decoder = settings.decoder(topic, formats);
    let record = Input {
        key: args.key.as_ref().map(String::as_bytes),
        value: value.map(Vec::as_slice),
        headers: Some(&headers),
    };
    let refused = |reason: rollcall_core::codec::Reason| {
        format!("it would become a dead letter: {}: {reason}", reason.name())
    };
    match decoder.decode(record, &mut Scratch::default()).map_err(refused)? {
        Decoded::Event { entry, event, kept } => {
            let read = decoder.read_key(record, &mut Scratch::default());
            let key = read.text().unwrap_or_default();
            let keeps = Kept::as_object(kept).map(|kept| format!("\n  it keeps {kept}"));
            let (place, deadlines) = (entries[entry].0, meaning::deadlines(&event));
            let meaning = meaning::of(settings, key, event);
            Ok(format!("{place} takes it: {meaning}{deadlines}{}", keeps.unwrap_or_default()))
        }
        Decoded::Waits(_) => unreachable!("no schema is in a registry"),
        Decoded::Skipped => {
            if decoder.is_about_nothing(record) {
                return Ok(
                    "its envelope says that it is about no key, so it is skipped and counted"
                        .to_owned(),
                );
            }
            let mut text = format!("no entry of {topic} takes it, so it is skipped and counted");
            let unmet = decoder.unmet(record).map_err(refused)?;
            if let Some(at) = unmet.iter().position(Vec::is_empty) {
                let place = entries[at].0;
                return Ok(format!("{place} takes it, but skips it: its outcome is not listed"));
            }
            for ((place, entry), unmet) in entries.iter().zip(unmet) {
                for index in unmet {
                    let condition = &entry.conditions[index];
                    text += &format!("\n  {place}.where[{index}] does not hold: {condition}");
                }
            }
            Ok(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = include_str!("../../../docs/recipes/order-validation.yaml");

    const FILES: &str = include_str!("../../../docs/recipes/file-trailer.yaml");
    const PROMISED: &str = include_str!("../../../docs/recipes/promised-delivery.yaml");
    const KEEPING: &str = include_str!("../../../docs/recipes/order-fulfilment.yaml");

    fn said(topic: &str, key: &str, headers: &[&str], value: Option<&str>) -> String {
        said_of(OBJECT, topic, key, headers, value)
    }

    fn said_of(
        object: &str,
        topic: &str,
        key: &str,
        headers: &[&str],
        value: Option<&str>,
    ) -> String {
        let settings = rollcall_object::parse(object).expect("a valid object");
        let args = Record {
            explain: Some(topic.to_owned()),
            key: Some(key.to_owned()).filter(|key| !key.is_empty()),
            header: headers.iter().map(|header| (*header).to_owned()).collect(),
            tombstone: value.is_none(),
        };
        let value = value.map(|value| value.as_bytes().to_vec());
        explain(&settings, &args, value.as_ref()).unwrap_or_else(|problem| problem)
    }

    #[test]
    fn it_says_which_entry_takes_a_record_and_what_it_means_there() {
        let check = r#"{"orderId":"o1","check":"fraud","result":"PASS"}"#;
        let of = |result| format!(r#"{{"orderId":"o1","check":"fraud","result":"{result}"}}"#);
        let [failed, revoked, pending] = ["FAIL", "REVOKED", "PENDING"].map(of);
        for (topic, headers, value, says) in [
            (
                "orders",
                &[][..],
                Some(r#"{"id":"o1","state":"CREATED"}"#),
                "spec.expected takes it: the key o1 needs 3 items: fraud, stock, details",
            ),
            ("orders", &[], None, "spec.expected takes it: the key o1 is cancelled"),
            (
                "orders",
                &[],
                Some(r#"{"state":"PAID"}"#),
                "no entry of orders takes it, so it is skipped and counted\n  \
                 spec.expected.where[0] does not hold: $.state in CREATED",
            ),
            (
                "order-validations",
                &["event-type=check"],
                Some(check),
                "spec.observed[0] takes it: the item fraud of the key o1 has arrived",
            ),
            (
                "order-validations",
                &[],
                Some(&*failed),
                "spec.observed[0] takes it: the item fraud of the key o1 has failed",
            ),
            (
                "order-validations",
                &[],
                Some(&*revoked),
                "spec.observed[0] takes it: what was said of the item fraud of the key o1 is \
                 withdrawn",
            ),
            (
                "order-validations",
                &[],
                Some(&*pending),
                "spec.observed[0] takes it, but skips it: its outcome is not listed",
            ),
            (
                "order-validations",
                &["event-type=heartbeat"],
                Some(check),
                "no entry of order-validations takes it, so it is skipped and counted\n  \
                 spec.observed[0].where[0] does not hold: the header event-type not in heartbeat",
            ),
            (
                "order-validations",
                &[],
                Some("{}"),
                "it would become a dead letter: missing-field: there is nothing at $.orderId",
            ),
            (
                "order",
                &[],
                None,
                "order is no input of order-validation; its inputs are orders, \
                                  order-validations",
            ),
        ] {
            assert_eq!(said(topic, "o1", headers, value), says);
        }
        let refused = said("orders", "", &[], Some(r#"{"id":"o1","state":"CREATED"}"#));
        assert_eq!(refused, "it would become a dead letter: null-key: the record has no key");
    }

    #[test]
    fn it_says_what_a_record_is_in_its_envelope() {
        let object = OBJECT.replace("topic: orders\n", "topic: orders\n    envelope: debezium\n");
        let said = |value: Option<&str>| said_of(&object, "orders", "o1", &[], value);
        let order = |op: &str, state: &str| {
            let row = format!(r#"{{"id":"o1","state":"{state}"}}"#);
            format!(r#"{{"before":{row},"after":{row},"op":"{op}"}}"#)
        };
        let needs = "spec.expected takes it: the key o1 needs 3 items: fraud, stock, details";
        assert_eq!(said(Some(&order("r", "CREATED"))), needs);
        let cancelled = "spec.expected takes it: the key o1 is cancelled";
        assert_eq!(said(Some(&order("d", "CREATED"))), cancelled);
        let skipped = "its envelope says that it is about no key, so it is skipped and counted";
        assert_eq!((said(None), said(Some(&order("t", "")))), (skipped.into(), skipped.into()));
        let bare = said(Some(r#"{"id":"o1","state":"CREATED"}"#));
        let refused = "it would become a dead letter: not-the-envelope: the value is no change";
        assert!(bare.starts_with(refused), "{bare}");
    }

    #[test]
    fn it_says_by_which_id_an_observation_is_known() {
        const TRANSACTIONS: &str = include_str!("../../../docs/recipes/database-transaction.yaml");
        let said = |value: &str| said_of(TRANSACTIONS, "changes", "571", &[], Some(value));
        assert_eq!(
            said(r#"{"tx":"571","order":2,"table":"lines","op":"c"}"#),
            "spec.observed[0] takes it: the item lines of the key 571 has arrived, by the id 2"
        );
        assert_eq!(
            said(r#"{"tx":"571","table":"lines"}"#),
            "it would become a dead letter: missing-field: there is nothing at $.order"
        );
    }

    #[test]
    fn it_says_what_a_record_adds_to_a_list() {
        const LINES: &str = include_str!("../../../docs/recipes/order-lines.yaml");
        let said = |value: &str| said_of(LINES, "order-lines", "o1", &[], Some(value));
        assert_eq!(
            said(r#"{"orderId":"o1","lineNo":2,"lines":3}"#),
            "spec.expected takes it: the key o1 needs the item 2 among others; its list has 3"
        );
        assert_eq!(
            said(r#"{"orderId":"o1","lineNo":2,"lines":0}"#),
            "it would become a dead letter: bad-total: the total at $.lines is not an integer from \
             1 to 4294967295"
        );
    }

    #[test]
    fn it_says_how_many_a_count_needs() {
        let said = |value: &str| said_of(FILES, "trailers", "f1", &[], Some(value));
        assert_eq!(
            said(r#"{"file":"f1","records":3}"#),
            "spec.expected takes it: the key f1 needs 3 items, whichever they are"
        );
        assert_eq!(
            said(r#"{"file":"f1","records":-1}"#),
            "it would become a dead letter: bad-count: the count at $.records is not an integer \
             from 0 to 4294967295"
        );
    }

    #[test]
    fn it_says_when_a_key_is_overdue_by_its_record() {
        let said = |value: &str| said_of(PROMISED, "deliveries", "d1", &[], Some(value));
        assert_eq!(
            said(r#"{"id":"d1","parcels":["a"],"promisedAt":"2026-03-01T18:00"}"#),
            "spec.expected takes it: the key d1 needs 1 item: a\n  \
             it is overdue at 2026-03-01T17:00:00Z"
        );
        assert!(
            said(r#"{"id":"d1","parcels":["a"],"promisedAt":"tomorrow"}"#)
                .starts_with("it would become a dead letter: bad-deadline: ")
        );
    }

    #[test]
    fn it_says_what_would_be_kept_of_a_record() {
        let order =
            r#"{"id":"o1","customer":{"id":"c-7"},"shipTo": [1.50, null],"items":[{"id":1}]}"#;
        let found = said_of(KEEPING, "orders", "o1", &[], Some(order));
        let expected = "spec.expected takes it: the key o1 needs 1 item: 1\n  \
                        it keeps {\"address\":[1.50,null],\"customer\":\"c-7\"}";
        assert_eq!(found, expected);
        let bare = r#"{"id":"o1","items":[{"id":1}]}"#;
        let found = said_of(KEEPING, "orders", "o1", &[], Some(bare));
        assert_eq!(found, "spec.expected takes it: the key o1 needs 1 item: 1");
    }
}
