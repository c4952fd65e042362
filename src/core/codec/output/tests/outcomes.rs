//! Failed and cancelled records, and what overdue records report about failed items.

use super::*;
use crate::matching::{Awaits, FailedWhen, Growing};

/// Returns items that have failed; `(text, need, have)` for those that have not.
fn with_failed(items: &[(&str, u32, u32)], failed: &[(&str, u32)]) -> Items {
    let mut all: Items = items.iter().copied().collect();
    failed.iter().for_each(|(text, need)| all.push_failed(text, *need));
    all
}

fn emitted(emitted: &Emitted) -> Output {
    outputs(Facts::Headers).emitted(b"o-1", emitted, Time::of(5))
}

#[test]
fn a_failed_record_says_what_failed_and_what_is_missing() {
    let items = with_failed(
        &[("stock", 1, 1), ("details", 1, 0), ("stray", 0, 1)],
        &[("fraud", 1), ("strange", 0)],
    );
    let output = emitted(&Emitted::Failed {
        late: false,
        items: items.clone(),
        awaits: Awaits::Items,
        kept: Kept::NOTHING,
    });
    let expected = concat!(
        r#"{"orderId":"o-1","failed":[{"item":"fraud"}],"#,
        r#""missing":[{"item":"details","missing":1,"needed":1}],"observedTotal":1}"#,
    );
    assert_eq!(value_of(&output), expected);
    assert_eq!((output.sink, output.timestamp_ms), (Sink::Failed, 5));
    assert_eq!(output.key.as_deref(), Some(&b"o-1"[..]));
    assert_eq!(output.headers, [source_timestamp("5")]);
    let late =
        emitted(&Emitted::Failed { late: true, items, awaits: Awaits::Items, kept: Kept::NOTHING });
    assert_eq!(header(&late, "rollcall-late"), Some("true"));
}

#[test]
fn a_cancelled_record_says_how_far_the_key_came() {
    let items = [("1", 1, 1), ("2", 3, 1), ("99", 0, 1)].into_iter().collect();
    let output = emitted(&Emitted::Cancelled { items, awaits: Awaits::Items, kept: Kept::NOTHING });
    let expected = concat!(
        r#"{"orderId":"o-1","observedTotal":1,"#,
        r#""missing":[{"item":"2","missing":2,"needed":3}]}"#,
    );
    assert_eq!(value_of(&output), expected);
    assert_eq!(output.sink, Sink::Cancelled);
    assert_eq!(output.headers, [source_timestamp("5")]);
    let items = with_failed(&[("1", 1, 1)], &[("2", 1)]);
    let value =
        parsed(&emitted(&Emitted::Cancelled { items, awaits: Awaits::Items, kept: Kept::NOTHING }));
    assert_eq!(value["failed"], json!([{"item": "2"}]));
}

#[test]
fn an_overdue_record_says_what_failed_where_something_did() {
    let items = with_failed(&[("1", 1, 0), ("99", 0, 1)], &[("2", 1), ("98", 0)]);
    let value = parsed(&overdue(OverdueReason::Overdue, 0, items));
    assert_eq!((&value["expectedTotal"], &value["missingTotal"]), (&json!(2), &json!(1)));
    assert_eq!((&value["failedTotal"], &value["failed"]), (&json!(1), &json!([{"item": "2"}])));
    let unexpected =
        json!([{"item": "99", "observed": 1}, {"item": "98", "observed": 0, "failed": true}]);
    assert_eq!(value["unexpected"], unexpected);
}

#[test]
fn a_list_of_a_failed_record_that_is_cut_is_followed_by_its_total() {
    let names: Vec<String> = (0..150).map(|index| format!("item-{index}")).collect();
    let failed: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let items = with_failed(&[("a", 1, 0)], &failed);
    let value = parsed(&emitted(&Emitted::Failed {
        late: false,
        items,
        awaits: Awaits::Items,
        kept: Kept::NOTHING,
    }));
    assert_eq!(value["failed"].as_array().map(Vec::len), Some(LISTED_MAX));
    assert_eq!((&value["failedTotal"], value.get("missingTotal")), (&json!(150), None));
    let missing: Items = names.iter().map(|name| (name.as_str(), 1, 0)).collect();
    let value = parsed(&emitted(&Emitted::Cancelled {
        items: missing.clone(),
        awaits: Awaits::Items,
        kept: Kept::NOTHING,
    }));
    assert_eq!(value["missing"].as_array().map(Vec::len), Some(LISTED_MAX));
    assert_eq!((&value["missingTotal"], value.get("failedTotal")), (&json!(150), None));
    // Control characters take six bytes each, so that the size ends the list.
    let names: Vec<String> =
        (0..90).map(|index| format!("{index:02}{}", "\u{1}".repeat(252))).collect();
    let failed: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let items = with_failed(&[("a", 1, 0)], &failed);
    let output = emitted(&Emitted::Failed {
        late: false,
        items,
        awaits: Awaits::Items,
        kept: Kept::NOTHING,
    });
    assert!(value_of(&output).len() < LISTED_BYTES_MAX + 2_000, "{}", value_of(&output).len());
    let value = parsed(&output);
    assert_eq!((&value["failedTotal"], &value["missingTotal"]), (&json!(90), &json!(1)));
}

#[test]
fn a_key_field_that_only_failed_records_have_is_refused_where_there_are_any() {
    let settings = |name: &str| OutputSettings {
        reconciliation: String::new(),
        key_field: name.to_owned(),
        facts: Facts::default(),
        fields: Fields::default(),
        stamp: Stamp::default(),
        dead_letter_bytes_max: 0,
    };
    let fails = Rules { failed: Some(FailedWhen::First), ..rules() };
    let reports = Rules { reports_cancelled: true, ..rules() };
    for name in OUTCOME_FIELDS {
        assert!(Outputs::new(settings(name), &rules()).is_ok(), "as before there were any");
        for rules in [&fails, &reports] {
            let refusal = Outputs::new(settings(name), rules).expect_err("a reserved name");
            assert_eq!(refusal, OutputError::ReservedKeyField(name.to_owned()));
        }
    }
}

#[test]
fn records_of_a_count_say_how_many_are_missing_and_not_which() {
    let items = with_failed(&[("1", 0, 1), ("2", 0, 3)], &[("3", 0)]);
    let awaits = Awaits::Count(10);
    let value = |about: &Emitted| String::from_utf8(emitted(about).value.unwrap()).unwrap();
    let (reason, since) = (OverdueReason::Overdue, 0);
    assert_eq!(
        value(&Emitted::Overdue {
            reason,
            since,
            items: items.clone(),
            awaits,
            kept: Kept::NOTHING
        }),
        "{\"orderId\":\"o-1\",\"reason\":\"overdue\",\"since\":\"1970-01-01T00:00:00Z\",\
         \"expectedTotal\":10,\"missingTotal\":5,\"unexpectedTotal\":0,\"unexpected\":[],\
         \"failedTotal\":1,\"failed\":[{\"item\":\"3\"}]}"
    );
    assert_eq!(
        value(&Emitted::Failed { late: false, items: items.clone(), awaits, kept: Kept::NOTHING }),
        "{\"orderId\":\"o-1\",\"failed\":[{\"item\":\"3\"}],\"missingTotal\":5,\"observedTotal\":4}"
    );
    assert_eq!(
        value(&Emitted::Cancelled { items, awaits, kept: Kept::NOTHING }),
        "{\"orderId\":\"o-1\",\"observedTotal\":4,\"missingTotal\":5,\
         \"failed\":[{\"item\":\"3\"}]}"
    );
    let items = with_failed(&[], &[("3", 0)]);
    let all_known =
        Emitted::Failed { late: false, items, awaits: Awaits::Count(1), kept: Kept::NOTHING };
    assert!(value(&all_known).contains("\"missingTotal\":0"), "it is said if nothing is missing");
}

#[test]
fn records_of_a_list_that_goes_on_say_how_much_is_listed_and_not_what_is_missing() {
    let items = with_failed(&[("1", 1, 1), ("2", 1, 0), ("99", 0, 1)], &[]);
    let about = |total, to_come| {
        let awaits = Awaits::Growing(Growing { total, to_come });
        let (reason, since) = (OverdueReason::Overdue, 0);
        let (items, kept) = (items.clone(), Kept::NOTHING);
        let emitted_now = Emitted::Overdue { reason, since, items, awaits, kept };
        String::from_utf8(emitted(&emitted_now).value.unwrap()).unwrap()
    };
    let head = "{\"orderId\":\"o-1\",\"reason\":\"overdue\",\"since\":\"1970-01-01T00:00:00Z\",";
    let tail = "\"unexpectedTotal\":1,\"unexpected\":[{\"item\":\"99\",\"observed\":1}]}";
    let open = "\"expectedTotal\":5,\"listedTotal\":2,\"missingTotal\":4,";
    assert_eq!(about(5, 3), format!("{head}{open}{tail}"));
    let without_total = "\"expectedTotal\":2,\"listedTotal\":2,\"missingTotal\":1,";
    assert_eq!(about(0, 1), format!("{head}{without_total}{tail}"));
    let missing = "\"missing\":[{\"item\":\"2\",\"missing\":1,\"needed\":1}],";
    let closed = format!("\"expectedTotal\":2,\"missingTotal\":1,{missing}");
    assert_eq!(about(2, 0), format!("{head}{closed}{tail}"));
}
