//! Tests of `rollcall test` as a whole: from the text of an object and its cases to what is said.

mod mistakes;
mod recipes;
mod state;

use super::{
    read, report,
    subject::Subject,
    trial::{Bounds, Verdict, run_all},
};

const OBJECT: &str = include_str!("../../../docs/recipes/order-validation.yaml");
const BOUNDS: Bounds = Bounds { orders: 200, crashes: 500 };

fn subject(object: &str) -> Subject {
    let settings = rollcall_object::parse(object);
    let settings = settings.unwrap_or_else(|problems| panic!("{problems:?}"));
    Subject::new(settings).expect("no schema is elsewhere")
}

/// Runs cases that are well formed.
fn verdicts(object: &str, cases: &str, bounds: Bounds) -> Vec<Verdict> {
    let subject = subject(object);
    let (cases, problems) = read::parse(cases, &subject);
    assert_eq!(problems, []);
    run_all(&cases, &subject, bounds)
}

/// Returns what is said of the first case that fails; empty if all pass.
fn failure(object: &str, cases: &str) -> String {
    let verdicts = verdicts(object, cases, BOUNDS);
    let first = verdicts.into_iter().find_map(|verdict| verdict.failure);
    first.map_or_else(String::new, |failure| report::of_failure(&failure))
}

/// A case about one order, of which one check has failed, that expects this.
fn failed_check(expects: &str) -> String {
    format!(
        "- name: a check fails
  in:
  - {{topic: orders, key: o1, value: {{id: o1, state: CREATED}}}}
  - {{topic: order-validations, key: o1, value: {{orderId: o1, check: fraud, result: FAIL}}}}
  {expects}
"
    )
}

#[test]
fn a_difference_is_told_by_its_path() {
    let cases = failed_check(
        "out: [{topic: orders-failed, key: o1, value: {failed: [{item: stock}], orderId: o1}}]",
    );
    assert_eq!(
        failure(OBJECT, &cases),
        "as written
- expected, + found:
out: orders-failed, key o1
  - value.failed[0].item: \"stock\"
  + value.failed[0].item: \"fraud\""
    );
}

#[test]
fn what_is_missing_and_what_is_too_much_is_told_as_it_is_written_in_a_case() {
    let cases = failed_check("out: [{topic: orders-validated, key: o1, value: {orderId: o1}}]");
    assert_eq!(
        failure(OBJECT, &cases),
        "as written
- expected, + found:
out: expected, and not there
  - {topic: \"orders-validated\", key: \"o1\", value: {\"orderId\":\"o1\"}}
out: there, and not expected
  + {topic: \"orders-failed\", key: \"o1\", value: {\"failed\":[{\"item\":\"fraud\"}],\
\"missing\":[{\"item\":\"stock\",\"missing\":1,\"needed\":1},\
{\"item\":\"details\",\"missing\":1,\"needed\":1}],\"observedTotal\":0,\"orderId\":\"o1\"}}"
    );
    let contained = failed_check("out: {contains: []}");
    assert_eq!(failure(OBJECT, &contained), "");
}

#[test]
fn an_unexpected_dead_letter_fails_a_case_with_its_reason() {
    let cases = "
- name: a key that differs
  in: [{topic: orders, key: o2, value: {id: o1, state: CREATED}}]
  out: []
";
    let said = failure(OBJECT, cases);
    assert!(
        said.contains("reason: \"key-mismatch\", detail: \"the value at $.id is not"),
        "{said}"
    );
    assert_eq!(failure(OBJECT, &cases.replace("out: []", "deadLetters: {contains: []}")), "");
}

#[test]
fn a_dead_letter_is_expected_by_its_source_or_as_the_record_that_it_is() {
    let cases = |expects: &str| {
        format!(
            "
- name: bytes that are no JSON
  in:
  - {{topic: order-validations, key: o1, valueBase64: /wA=, headers: {{event-type: check, n: 1}}}}
  {expects}
"
        )
    };
    for expects in [
        "deadLetters: [{topic: order-validations, key: o1, reason: not-utf8, valueBase64: /wA=}]",
        "deadLetters: [{headers: {event-type: check, n: 1, rollcall-source-offset: 0}}]",
        "out: [{topic: order-validation-dead-letter, headers: {rollcall-reason: not-utf8}}]",
    ] {
        assert_eq!(failure(OBJECT, &cases(expects)), "", "{expects}");
    }
    let other = cases("deadLetters: [{topic: order-validations, key: o1, reason: tombstone}]");
    let said = failure(OBJECT, &other);
    assert!(said.contains("deadLetters: order-validations, key o1\n  - reason: \"tombstone\""));
}

#[test]
fn the_state_is_all_keys_that_are_open() {
    let cases = |state: &str| {
        format!(
            "
- name: two orders wait
  in:
  - {{topic: orders, key: 1, value: {{id: 1, state: CREATED}}}}
  - {{topic: order-validations, key: 1, value: {{orderId: 1, check: stock, result: PASS}}}}
  - {{topic: order-validations, key: 2, value: {{orderId: 2, check: stock, result: FAIL}}}}
  state: {state}
"
        )
    };
    let known = "{1: {state: open, missing: [fraud, details], arrived: [stock]}, \
                  2: {state: unexpected, failed: [stock], items: {stock: {observed: 0}}}}";
    assert_eq!(failure(OBJECT, &cases(known)), "");
    let said = failure(OBJECT, &cases("{1: {missing: [fraud]}, 3: {}}"));
    assert_eq!(
        said,
        "as written
- expected, + found:
state: the key 1
  - missing: [\"fraud\"]
  + missing: [\"details\",\"fraud\"]
state: the key 3 is not open
  - {}
state: the key 2 is open, and not expected
  + {\"missing\":[]}"
    );
}

#[test]
fn an_order_that_gives_something_else_is_told_record_by_record() {
    let cases = "
- name: the check passes in the end
  in:
  - {topic: order-validations, key: o1, value: {orderId: o1, check: fraud, result: FAIL}}
  - {topic: order-validations, key: o1, value: {orderId: o1, check: fraud, result: PASS}}
  - {topic: orders, key: o1, value: {id: o1, state: CREATED}}
  out: []
";
    let said = failure(OBJECT, cases);
    let start = "as written it passes, but not in order ";
    assert!(said.starts_with(start), "{said}");
    let order = "
the records were read in this order:
  in[2] orders key o1
  in[0] order-validations key o1
  in[1] order-validations key o1
write `order: strict` in the case if the order of topics may matter
- expected, + found:
out: there, and not expected
  + {topic: \"orders-failed\", key: \"o1\"";
    assert!(said.contains(order), "{said}");
    let strict = cases.replace("out: []", "out: []\n  order: strict");
    assert_eq!(failure(OBJECT, &strict), "");
}

#[test]
fn no_more_is_tried_than_allowed() {
    let cases = failed_check("out: {contains: []}");
    let verdict = verdicts(OBJECT, &cases, Bounds { orders: 1, crashes: 3 }).remove(0);
    assert_eq!(verdict.orders, Some((1, Some(2))));
    assert_eq!(verdict.crashes.0, 3);
    assert!(verdict.crashes.1 > 40, "{verdict:?}");
}

#[test]
fn hours_and_days_pass_at_once() {
    let cases = "
- name: days pass
  start: 2025-03-01T08:00:00Z
  in:
  - {topic: orders, key: o1, value: {id: o1, state: CREATED}, at: 2025-03-01T09:00:00Z}
  - {topic: orders, key: o2, value: {id: o2, state: CREATED}, at: +3d}
  until: +100d
  overdue:
  - {key: o1, value: {since: 2025-03-01T09:00:00Z}}
  - {key: o2, value: {since: 2025-03-04T08:00:00Z}}
";
    assert_eq!(failure(OBJECT, cases), "");
    let first = cases.replace("  start: 2025-03-01T08:00:00Z\n", "");
    assert_eq!(
        failure(OBJECT, &first.replace("04T08", "04T09")),
        "",
        "it starts at its first time"
    );
}

#[test]
fn records_are_where_their_keys_belong_unless_the_case_says_otherwise() {
    let object = format!("{OBJECT}  partitioner: murmur2\n");
    let cases = |partition: &str| {
        format!(
            "
- name: six partitions
  partitions: 6
  in:
  - {{topic: orders, key: order-42, value: {{id: order-42, state: CREATED}}{partition}}}
  out: []
"
        )
    };
    assert_eq!(failure(&object, &cases("")), "");
    assert_eq!(failure(&object, &cases(", partition: 0")), "");
    let said = failure(&object, &cases(", partition: 1"));
    assert!(said.contains("reason: \"wrong-partition\""), "{said}");
}

#[test]
fn a_shard_that_stops_fails_the_case_with_its_reason() {
    let records: String = (0..200)
        .map(|n| {
            format!(
                "  - {{topic: orders, key: k{n}, value: {{id: k{n}, state: CREATED}}, \
                 partition: {}}}\n",
                n % 2
            )
        })
        .collect();
    let cases = format!("- name: no partitioner\n  in:\n{records}  state: {{}}\n");
    let said = failure(OBJECT, &cases);
    assert!(said.contains("\na shard stops: "), "{said}");
    assert!(said.contains("partitioner"), "{said}");
}

/// Two values in Avro: the order `a` with item 1, and its arrival.
#[test]
fn values_in_avro_are_given_as_base64() {
    let object = include_str!("../../../manifests/local/shipping.yaml");
    let orders = r#"{"type":"record","name":"O","fields":[{"name":"id","type":"string"},
        {"name":"items","type":{"type":"array","items":{"type":"record","name":"I","fields":[
        {"name":"id","type":"string"}]}}}]}"#;
    let made = r#"{"type":"record","name":"M","fields":[{"name":"orderId","type":"string"},
        {"name":"productId","type":"string"}]}"#;
    let avro = |topic: &str, schema: &str| {
        let schema = schema.replace('\n', " ");
        (
            format!("topic: {topic}\n"),
            format!("topic: {topic}\n    format: avro\n    avro: {{ schema: '{schema}' }}\n"),
        )
    };
    let mut object = object.to_owned();
    for (from, to) in [avro("orders", orders), avro("manufactured", made)] {
        assert!(object.contains(&from), "{from}");
        object = object.replacen(&from, &to, 1);
    }
    let cases = "- name: an order is complete
  in:
  - {topic: orders, key: a, valueBase64: AmECAjEA}
  - {topic: manufactured, key: a, valueBase64: AmECMQ==}
  out:
  - {topic: shipping, key: a, value: {orderId: a}}
";
    assert_eq!(failure(&object, cases), "");
    let cases = cases.replace("valueBase64: AmECMQ==", "value: {orderId: a}");
    let (_, problems) = read::parse(&cases, &subject(&object));
    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("is JSON, and the values of the topic are in another"), "{said:?}");
}

/// What `protoc` makes of the messages `p.Order`, which has items, and `p.Made`.
const SHOP: &str = "\
    CnoSAXAiKwoFT3JkZXISCgoCaWQYASABKAkSFgoFaXRlbXMYAiADKAsyBy5wLkl0ZW0iEgoESXRlbRIK \
    CgJpZBgBIAEoAyIsCgRNYWRlEhAKCG9yZGVyX2lkGAEgASgJEhIKCnByb2R1Y3RfaWQYAiABKANiBnBy \
    b3RvMw==";

/// The order `a` with item 1, and its arrival.
#[test]
fn values_in_protobuf_are_given_as_base64_and_read_by_a_compiled_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("shop.desc");
    let set = rollcall_core::codec::base64::decode(SHOP).expect("base64");
    std::fs::write(&file, set).expect("written");
    let mut object = include_str!("../../../manifests/local/shipping.yaml").to_owned();
    for (topic, message) in [("orders", "p.Order"), ("manufactured", "p.Made")] {
        let from = format!("topic: {topic}\n");
        let file = file.display();
        let given = format!("{{ schemaFile: '{file}', message: {message} }}");
        let to = format!("topic: {topic}\n    format: protobuf\n    protobuf: {given}\n");
        object = object.replacen(&from, &to, 1);
    }
    let cases = "- name: an order is complete
  in:
  - {topic: orders, key: a, valueBase64: CgFhEgIIAQ==}
  - {topic: manufactured, key: a, valueBase64: CgFhEAE=}
  out:
  - {topic: shipping, key: a, value: {orderId: a}}
";
    assert_eq!(failure(&object, cases), "");
}
