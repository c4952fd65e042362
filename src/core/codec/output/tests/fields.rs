//! What outputs carry: constants, the list of items, and what was kept of the records.

use std::collections::BTreeSet;

use super::*;
use crate::matching::{FailedWhen, Growing};
use crate::record::Sink;

fn constant(name: &str, value: Value) -> Constant {
    Constant { name: name.to_owned(), value }
}

fn outputs_with(fields: Fields, facts: Facts, rules: &Rules) -> Outputs {
    let settings = OutputSettings {
        reconciliation: "shipping".to_owned(),
        key_field: "orderId".to_owned(),
        facts,
        fields,
        stamp: Stamp::default(),
        dead_letter_bytes_max: 20,
    };
    Outputs::new(settings, rules).expect("settings that fit")
}

fn listing() -> Fields {
    Fields {
        items: Some("items".to_owned()),
        completed: vec![constant("state", json!("VALIDATED")), constant("v", json!(2))],
        failed: vec![constant("state", json!("FAILED"))],
    }
}

/// Keeps a customer of the expectation, and something of items.
fn kept(items: &[(&str, &str)]) -> Kept {
    let mut kept = Kept::default().with_expected(r#""customer":"c-7","to":{"zip":[1,2.50]}"#);
    items.iter().for_each(|(item, members)| kept.put_item(item, members));
    kept
}

#[test]
fn a_completion_carries_constants_what_was_kept_and_the_items_in_the_expected_order() {
    let items = [("2", 1, 1), ("x\"", 1, 1), ("99", 0, 1)].into_iter().collect();
    let kept = kept(&[("99", r#""at":0"#), ("2", r#""at":1.0e5,"by":null"#)]);
    let emitted = Emitted::Completion { late: false, expected_at: EXPECTED_AT, items, kept };
    let emit =
        |facts| outputs_with(listing(), facts, &rules()).emitted(b"o-1", &emitted, Time::of(5));
    let expected = concat!(
        r#"{"orderId":"o-1","state":"VALIDATED","v":2,"customer":"c-7","to":{"zip":[1,2.50]},"#,
        r#""items":[{"item":"2","at":1.0e5,"by":null},{"item":"x\""}]}"#,
    );
    assert_eq!(value_of(&emit(Facts::LateHeader)), expected);
    let with_facts = expected.strip_suffix('}').expect("it is an object").to_owned()
        + r#","expectedAt":"2023-05-08T21:37:38.571Z","late":false}"#;
    assert_eq!(value_of(&emit(Facts::Value)), with_facts);
}

#[test]
fn a_list_says_how_often_items_were_needed_where_quantities_are_counted() {
    let rules = Rules { counting: Counting::Quantity, ..rules() };
    let fields = Fields { items: Some("lines".to_owned()), ..Fields::default() };
    let outputs = outputs_with(fields, Facts::default(), &rules);
    let complete = |items| {
        let kept = Kept::NOTHING;
        let emitted = Emitted::Completion { late: false, expected_at: 0, items, kept };
        outputs.emitted(b"o-1", &emitted, Time::of(5))
    };
    let output = complete([("a", 3, 4), ("b", 1, 1)].into_iter().collect());
    let expected =
        r#"{"orderId":"o-1","lines":[{"item":"a","quantity":3},{"item":"b","quantity":1}]}"#;
    assert_eq!(value_of(&output), expected);
    assert_eq!(value_of(&complete(Items::default())), r#"{"orderId":"o-1","lines":[]}"#);
}

#[test]
fn a_failed_record_carries_what_was_kept_of_the_expectation_and_of_failed_items() {
    let mut items: Items = [("2", 1, 1), ("3", 1, 0)].into_iter().collect();
    items.push_failed("fraud", 1);
    let kept = kept(&[("2", r#""at":1"#), ("fraud", r#""why":"a \"b\"""#)]);
    let rules = Rules { failed: Some(FailedWhen::First), ..rules() };
    let outputs = outputs_with(listing(), Facts::default(), &rules);
    let emitted = Emitted::Failed { late: false, items, awaits: Awaits::Items, kept };
    let expected = concat!(
        r#"{"orderId":"o-1","state":"FAILED","customer":"c-7","to":{"zip":[1,2.50]},"#,
        r#""failed":[{"item":"fraud","why":"a \"b\""}],"#,
        r#""missing":[{"item":"3","missing":1,"needed":1}],"observedTotal":1}"#,
    );
    assert_eq!(value_of(&outputs.emitted(b"o-1", &emitted, Time::of(5))), expected);
}

#[test]
fn overdue_and_cancelled_records_carry_what_was_kept_of_the_expectation() {
    let outputs = outputs_with(listing(), Facts::default(), &rules());
    let items: Items = [("2", 1, 0)].into_iter().collect();
    let carried = r#"{"orderId":"o-1","customer":"c-7","to":{"zip":[1,2.50]},"#;
    let cancelled =
        Emitted::Cancelled { items: items.clone(), awaits: Awaits::Items, kept: kept(&[]) };
    let reason = OverdueReason::Expired;
    let overdue =
        Emitted::Overdue { reason, since: 0, items, awaits: Awaits::Items, kept: kept(&[]) };
    for (emitted, next) in
        [(cancelled, r#""observedTotal":0,"#), (overdue, r#""reason":"expired","#)]
    {
        let output = outputs.emitted(b"o-1", &emitted, Time::of(5));
        assert!(
            value_of(&output).starts_with(&format!("{carried}{next}")),
            "{}",
            value_of(&output)
        );
        parsed(&output);
    }
}

#[test]
fn what_was_kept_takes_no_room_from_the_lists_and_a_failed_items_does() {
    let long = "x".repeat(LISTED_BYTES_MAX);
    let mut items: Items = [("1", 1, 0)].into_iter().collect();
    ["2", "3"].into_iter().for_each(|item| items.push_failed(item, 1));
    let mut kept = Kept::default().with_expected(&format!("\"a\":\"{long}\""));
    let emit = |kept: &Kept| {
        let (late, items, kept) = (false, items.clone(), kept.clone());
        parsed(&emitted_by_default(&Emitted::Failed { late, items, awaits: Awaits::Items, kept }))
    };
    let value = emit(&kept);
    assert_eq!(value["failed"].as_array().map(Vec::len), Some(2));
    assert_eq!(value["missing"].as_array().map(Vec::len), Some(1));
    kept.put_item("2", &format!("\"b\":\"{long}\""));
    let value = emit(&kept);
    assert_eq!((&value["failedTotal"], &value["missingTotal"]), (&json!(2), &json!(1)));
    assert_eq!(value["failed"][0]["b"], json!(long));
}

fn emitted_by_default(emitted: &Emitted) -> Output {
    outputs(Facts::default()).emitted(b"o-1", emitted, Time::of(5))
}

#[test]
fn a_list_takes_at_most_what_was_reserved_for_it() {
    for counting in [Counting::Distinct, Counting::Quantity] {
        let rules = Rules { counting, list_bytes_max: Some(0), ..rules() };
        let fields = Fields { items: Some("items".to_owned()), ..Fields::default() };
        let outputs = outputs_with(fields, Facts::default(), &rules);
        let need = if counting == Counting::Quantity { u32::MAX } else { 1 };
        let items: Items = [("a\"\u{1}", need, need), ("b", need, need)].into_iter().collect();
        let kept = Kept::NOTHING;
        let room = crate::matching::list_bytes(&items, counting);
        let emitted = Emitted::Completion { late: false, expected_at: 0, items, kept };
        let output = outputs.emitted(b"o-1", &emitted, Time::of(5));
        let list = parsed(&output)["items"].to_string();
        assert!(list.len() - 2 <= room && room <= list.len() + 6, "{list} takes {room}");
    }
}

#[test]
fn the_standard_fields_of_each_output_are_those_that_it_has() {
    let mut items = Items::default();
    for item in 0..200 {
        items.push(&format!("missing-{item}"), 1, 0);
        items.push_failed(&format!("failed-{item}"), 1);
        items.push(&format!("stray-{item}"), 0, 1);
    }
    let goes_on = Awaits::Growing(Growing { total: 400, to_come: 1 });
    let emitted = |sink, awaits| {
        let (late, expected_at, since) = (true, 0, 0);
        let (reason, items, kept) = (OverdueReason::Overdue, items.clone(), Kept::NOTHING);
        match sink {
            Sink::Completed => Emitted::Completion { late, expected_at, items, kept },
            Sink::Failed => Emitted::Failed { late, items, awaits, kept },
            Sink::Cancelled => Emitted::Cancelled { items, awaits, kept },
            _ => Emitted::Overdue { reason, since, items, awaits, kept },
        }
    };
    for sink in [Sink::Completed, Sink::Failed, Sink::Cancelled, Sink::Overdue] {
        for facts in [Facts::LateHeader, Facts::Headers, Facts::Value] {
            let mut names = BTreeSet::new();
            // Of a list that goes on, records say how much is listed instead of what is missing.
            for awaits in [Awaits::Items, goes_on] {
                let output = outputs(facts).emitted(b"o-1", &emitted(sink, awaits), Time::of(5));
                let value = parsed(&output);
                let fields = value.as_object().expect("an object").keys();
                names.extend(fields.filter(|name| *name != "orderId").cloned());
            }
            let standard = standard_fields(sink, facts).iter().map(|name| (*name).to_owned());
            assert_eq!(names, standard.collect(), "{sink:?}");
        }
    }
}
