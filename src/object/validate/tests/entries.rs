//! Which records an entry takes, and items that are the same for all of them.

use super::*;

const CHECKS: &str = "
apiVersion: rollcall.dev/v1alpha1
kind: Reconciliation
metadata: { name: order-validation }
spec:
  kafka: { bootstrapServers: kafka:9092 }
  expected:
    topic: events
    where: [{path: $.state, in: [CREATED]}]
    items: {fixed: [fraud, stock]}
  observed:
  - topic: payments
    item: {fixed: paid}
  - topic: events
    where: [{header: type, notIn: [heartbeat]}, {path: $.check, exists: true}]
    item: $.check
  - topic: deliveries
    item: $.parcel
  completed: { topic: validated }
";

#[test]
fn a_topic_is_one_input_with_entries_in_the_order_of_the_object() {
    let settings = crate::parse(CHECKS).expect("a valid object");
    assert_eq!(settings.inputs(), ["events", "deliveries", "payments"]);
    let places = |topic| {
        let entries = settings.entries(topic).into_iter();
        entries.map(|(place, entry)| (place, entry.conditions.len())).collect::<Vec<_>>()
    };
    assert_eq!(places("events"), [("spec.expected", 1), ("spec.observed[1]", 2)]);
    assert_eq!(places("payments"), [("spec.observed[0]", 0)]);
    assert_eq!(places("deliveries"), [("spec.observed[2]", 0)]);
}

fn checks_with(from: &str, to: &str) -> Vec<String> {
    assert!(CHECKS.contains(from), "{from}");
    problems(&CHECKS.replacen(from, to, 1))
}

#[test]
fn only_the_last_entry_of_a_topic_takes_what_is_left() {
    let all = "    where: [{path: $.state, in: [CREATED]}]\n";
    assert_eq!(
        checks_with(all, ""),
        ["spec.expected.where: is missing, so spec.observed[1] would get no record of \
             \"events\"\n    \
          say which records belong here, as in where: [{path: $.type, in: [created]}]; only the \
          last entry of a topic may take all that is left"]
    );
    let last = "    where: [{header: type, notIn: [heartbeat]}, {path: $.check, exists: true}]\n";
    assert_eq!(checks_with(last, ""), [""; 0]);
    let found = checks_with("topic: deliveries", "topic: payments");
    assert!(found.len() == 1 && found[0].starts_with("spec.observed[0].where: is"), "{found:?}");
    assert_eq!(
        checks_with("topic: validated", "topic: events"),
        ["spec.completed.topic: \"events\" is also spec.expected.topic\n    \
          use every topic for one purpose"]
    );
}

#[test]
fn every_mistake_of_a_condition_has_its_remedy() {
    let first = "{path: $.state, in: [CREATED]}";
    let long = "x".repeat(256);
    for (condition, problem) in [
        ("{in: [a]}", "spec.expected.where[0]: names neither a path nor a header"),
        ("{path: $.a, header: a, in: [a]}", "spec.expected.where[0]: names a path and a header"),
        ("{path: $.a}", "spec.expected.where[0]: asks nothing"),
        ("{path: $.a, in: [a], exists: true}", "spec.expected.where[0]: asks more than one of"),
        ("{path: $.a, in: []}", "spec.expected.where[0].in: is empty"),
        ("{path: $.a, notIn: []}", "spec.expected.where[0].notIn: is empty"),
        ("{path: a, in: [a]}", "spec.expected.where[0].path: \"a\" is not a JSON path"),
        ("{path: '$.a[*]', in: [a]}", "spec.expected.where[0].path: \"$.a[*]\" may lead to"),
        ("{header: '', in: [a]}", "spec.expected.where[0].header: is no header's name"),
        ("{path: $.a, in: [1]}", "spec.expected.where[0].in[0]: is the number 1 where text"),
        ("{path: $.a, is: a}", "spec.expected.where[0].is: is an unknown field"),
        (&format!("{{path: $.a, in: [a, {long}]}}"), "spec.expected.where[0].in[1]: has 256 bytes"),
    ] {
        let found = checks_with(first, condition);
        assert!(found[0].starts_with(problem), "{condition}: {found:?}");
    }
    let many = vec![first; 17].join(", ");
    let found = checks_with(first, &many);
    assert!(found[0].starts_with("spec.expected.where: has 17 conditions"), "{found:?}");
    let many = format!("{{path: $.a, in: [{}]}}", vec!["a"; 101].join(", "));
    let found = checks_with(first, &many);
    assert!(found[0].starts_with("spec.expected.where[0].in: lists 101 texts"), "{found:?}");
}

#[test]
fn every_mistake_of_fixed_items_has_its_remedy() {
    let items = "{fixed: [fraud, stock]}";
    let long = format!("{{fixed: [{}]}}", "x".repeat(256));
    let many = format!("{{fixed: [{}]}}", vec!["a"; 1_001].join(", "));
    for (fixed, problem) in [
        ("{fixed: []}", "spec.expected.items.fixed: is empty"),
        ("{fixed: [a, '']}", "spec.expected.items.fixed[1]: is empty"),
        (&*long, "spec.expected.items.fixed[0]: has 256 bytes"),
        (&many, "spec.expected.items.fixed: lists 1001 items"),
        ("[fraud]", "spec.expected.items: is a list where a JSON path or fixed is needed"),
        ("{fix: [a]}", "spec.expected.items: holds fields of its own where a JSON path or fixed"),
        ("7", "spec.expected.items: is the number 7 where a JSON path or fixed is needed"),
        (
            "{fixed: [a]}\n    quantity: $.n",
            "spec.expected.quantity: has no effect beside fixed items",
        ),
    ] {
        let found = checks_with(items, fixed);
        assert!(found[0].starts_with(problem), "{fixed}: {found:?}");
        assert_eq!(found.len(), 1, "{fixed}: {found:?}");
    }
    let found = checks_with("{fixed: paid}", "{fixed: ''}");
    assert_eq!(found, ["spec.observed[0].item.fixed: is empty\n    name an item"]);
}

/// The object of the checks, one of which can fail.
fn outcomes(outcome: &str, more: &str) -> String {
    CHECKS.replacen("item: $.check", &format!("item: $.check\n    outcome: {outcome}"), 1)
        + "  "
        + more
        + "\n"
}

#[test]
fn an_object_says_what_follows_from_failed_items() {
    let outcome = "{path: $.result, arrived: [PASS], failed: [FAIL, ERROR], withdrawn: [REVOKED]}";
    let text = outcomes(outcome, "failed: {when: allKnown}\n  cancelled: {topic: gone}");
    let settings = crate::parse(&text).expect("a valid object");
    let rules = settings.rules();
    assert_eq!(rules.failed, Some(rollcall_core::matching::FailedWhen::AllKnown));
    assert!(rules.reports_cancelled);
    let outputs = settings.outputs();
    assert_eq!(outputs[3..], ["order-validation-failed", "gone"]);
    let first = outcomes(outcome, "failed: {topic: order-failed}");
    let rules = crate::parse(&first).expect("a valid object").rules();
    assert_eq!(rules.failed, Some(rollcall_core::matching::FailedWhen::First));
    assert!(!rules.reports_cancelled);
}

#[test]
fn every_mistake_of_outcomes_has_its_remedy() {
    let fails = "{path: $.result, arrived: [PASS], failed: [FAIL]}";
    let passes = "{path: $.result, arrived: [PASS]}";
    for (outcome, more, problem) in [
        (fails, "", "spec.failed: is missing, while spec.observed[1].outcome says"),
        (passes, "failed: {}", "spec.failed: has no effect, since no item can fail"),
        ("{path: $.result}", "", "spec.observed[1].outcome: lists no text"),
        ("{arrived: [a]}", "", "spec.observed[1].outcome.path: is missing"),
        ("{path: $.a, arrived: [1]}", "", "spec.observed[1].outcome.arrived[0]: is the number 1"),
        ("{path: '$.a[*]', arrived: [a]}", "", "spec.observed[1].outcome.path: \"$.a[*]\" may"),
        (
            "{path: $.a, arrived: [a], withdrawn: [b, a]}",
            "",
            "spec.observed[1].outcome.withdrawn: \"a\" is listed under arrived, too",
        ),
        (
            passes,
            "counting: quantity",
            "spec.observed[1].outcome: has no meaning with counting: quantity",
        ),
        (fails, "failed: {topic: events}", "spec.failed.topic: \"events\" is also spec.expected"),
        (passes, "cancelled: {topic: validated}", "spec.cancelled.topic: \"validated\" is also"),
        (fails, "failed: {when: last}", "spec.failed.when: \"last\" is not known"),
    ] {
        let found = problems(&outcomes(outcome, more));
        assert_eq!(found.len(), 1, "{outcome} {more}: {found:?}");
        assert!(found[0].starts_with(problem), "{outcome} {more}: {found:?}");
    }
    let text = outcomes(fails, "failed: {}")
        .replace("{ topic: validated }", "{ topic: v, keyField: failed }");
    let found = problems(&text);
    assert!(found[0].starts_with("spec.completed.keyField: \"failed\" is the name"), "{found:?}");
}
