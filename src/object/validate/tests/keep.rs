//! What outputs carry: values of records, constants and the list of items.

use super::*;

const ORDERS: &str = "
apiVersion: rollcall.dev/v1alpha1
kind: Reconciliation
metadata: { name: orders }
spec:
  kafka: { bootstrapServers: kafka:9092 }
  expected:
    topic: orders
    items: $.items[*].id
    keep: {customer: $.customer.id, address: $.shipTo, all: $}
  observed:
  - topic: made
    item: $.product
    outcome: {path: $.result, arrived: [OK], failed: [BAD]}
    keep: {madeAt: $.at, customer: $.by}
  completed:
    topic: shipping
    keyField: orderId
    itemsField: items
    fields: {state: READY, version: 2, tags: [a, {b: 1.5}]}
  failed: {topic: failed, fields: {state: FAILED, items: none}}
";

fn orders_with(from: &str, to: &str) -> Vec<String> {
    assert!(ORDERS.contains(from), "{from}");
    problems(&ORDERS.replacen(from, to, 1))
}

/// Returns the paths of the problems, each with its message and its remedy.
fn refused(from: &str, to: &str) -> (String, String) {
    let found = orders_with(from, to);
    assert_eq!(found.len(), 1, "{found:?}");
    let (place, rest) = found[0].split_once(": ").expect("a place and a message");
    (place.to_owned(), rest.to_owned())
}

#[test]
fn what_is_kept_is_in_the_order_of_the_names() {
    let settings = crate::parse(ORDERS).expect("a valid object");
    let of = |entry: &rollcall_core::codec::input::Entry| {
        let keep = entry.keep.iter().map(|keep| format!("{} {}", keep.name, keep.path));
        keep.collect::<Vec<_>>()
    };
    let expected = ["address $.shipTo", "all $", "customer $.customer.id"];
    assert_eq!(of(&settings.expected.entry), expected);
    assert_eq!(of(&settings.observed[0].entry), ["customer $.by", "madeAt $.at"]);
    assert!(settings.keeps());
    assert_eq!(settings.completed.items_field.as_deref(), Some("items"));
    let constants = settings.completed.fields.iter();
    let constants: Vec<_> = constants.map(|it| format!("{}={}", it.name, it.value)).collect();
    assert_eq!(constants, ["state=\"READY\"", "tags=[\"a\",{\"b\":1.5}]", "version=2"]);
    assert_eq!(settings.rules().list_bytes_max, Some(usize::MAX));
}

#[test]
fn an_object_without_them_carries_nothing() {
    let settings = crate::parse(SHIPPING).expect("a valid object");
    assert!(!settings.keeps());
    assert_eq!(settings.completed.items_field, None);
    assert_eq!(settings.rules().list_bytes_max, None);
}

#[test]
fn paths_of_what_is_kept_lead_to_one_place() {
    let found = refused("address: $.shipTo", "address: '$.shipTo[*]'");
    assert_eq!(found.0, "spec.expected.keep.address");
    assert!(found.1.contains("may lead to several places"), "{}", found.1);
    let found = refused("address: $.shipTo", "address: shipTo");
    assert_eq!(found.0, "spec.expected.keep.address");
    assert!(found.1.contains("a path starts with $"), "{}", found.1);
    let found = refused("address: $.shipTo", "address: $.items.street");
    assert_eq!(found.0, "spec.expected.keep");
    assert!(found.1.contains("contradicts another path of this topic at $.items"), "{}", found.1);
}

#[test]
fn a_name_that_an_output_would_have_twice_is_refused() {
    for (from, to, place, message) in [
        ("address:", "orderId:", "expected.keep.orderId", "is also spec.completed.keyField"),
        (
            "itemsField: items",
            "itemsField: all",
            "completed.itemsField",
            "is also spec.expected.keep.all",
        ),
        (
            "itemsField: items",
            "itemsField: orderId",
            "completed.itemsField",
            "is also spec.completed.keyField",
        ),
        (
            "{state: READY",
            "{items: READY",
            "completed.fields.items",
            "is also spec.completed.itemsField",
        ),
        (
            "{state: READY",
            "{customer: READY",
            "completed.fields.customer",
            "is also spec.expected.keep.customer",
        ),
        ("{state: FAILED", "{all: FAILED", "failed.fields.all", "is also spec.expected.keep.all"),
        ("{state: FAILED", "{missing: 1", "failed.fields.missing", "that failed records have"),
        ("address:", "reason:", "expected.keep.reason", "that overdue records have"),
        ("address:", "missingTotal:", "expected.keep.missingTotal", "that overdue records have"),
        ("address:", "observedTotal:", "expected.keep.observedTotal", "that failed records have"),
        ("madeAt:", "item:", "observed[0].keep.item", "names the item in a list"),
    ] {
        let found = refused(from, to);
        assert_eq!(found.0, format!("spec.{place}"), "{}", found.1);
        assert!(
            found.1.contains(message) && found.1.contains("choose another name"),
            "{}",
            found.1
        );
    }
    // What a completion has only where facts are part of its value.
    assert_eq!(orders_with("{state: READY", "{late: 1"), [""; 0]);
    let with_facts = ORDERS.replacen("{state: READY", "{late: 1", 1);
    let with_facts = with_facts.replacen("keyField:", "facts: value\n    keyField:", 1);
    let found = problems(&with_facts);
    assert!(found[0].starts_with("spec.completed.fields.late: \"late\" is a field"), "{found:?}");
}

#[test]
fn what_observations_keep_has_to_be_listed_somewhere() {
    let found = orders_with("    itemsField: items\n", "");
    assert_eq!(found, [""; 0], "failed records list items");
    let unfailing =
        ORDERS.replacen("  failed: {topic: failed, fields: {state: FAILED, items: none}}\n", "", 1);
    let unfailing =
        unfailing.replacen("    outcome: {path: $.result, arrived: [OK], failed: [BAD]}\n", "", 1);
    assert_eq!(problems(&unfailing), [""; 0]);
    let found = problems(&unfailing.replacen("    itemsField: items\n", "", 1));
    assert_eq!(
        found,
        ["spec.observed[0].keep: has no effect, since no output lists items with what their \
          observations keep\n    set spec.completed.itemsField, such as items, or remove it"]
    );
    let quantity = unfailing.replacen("  completed:\n", "  counting: quantity\n  completed:\n", 1);
    let found = problems(&quantity);
    assert_eq!(
        found,
        ["spec.observed[0].keep: has no meaning with counting: quantity, where an item has many \
          observations\n    remove it, or write counting: distinct"]
    );
}

#[test]
fn names_and_constants_are_bounded() {
    let long = "x".repeat(256);
    let found = refused("itemsField: items", "itemsField: \"\"");
    assert_eq!(found.0, "spec.completed.itemsField");
    let found = refused("address:", &format!("{long}:"));
    assert!(found.1.starts_with("has a name of 256 bytes"), "{}", found.1);
    let found = refused("version: 2", "version: null");
    assert_eq!(found.0, "spec.completed.fields.version");
    let found = refused("version: 2", &format!("version: \"{}\"", "x".repeat(4_100)));
    assert!(found.1.contains("shorten it to 4096 bytes"), "{}", found.1);
    let many =
        |name: &str| (0..33).map(|n| format!("{name}{n}: $.a")).collect::<Vec<_>>().join(", ");
    let found = refused("address: $.shipTo", &many("a"));
    assert_eq!(found.0, "spec.expected.keep");
    let found = refused("version: 2", &many("a"));
    assert_eq!(found.0, "spec.completed.fields");
}

#[test]
fn values_of_the_wrong_type_are_reported_with_the_type_that_is_needed() {
    let found =
        refused("keep: {customer: $.customer.id, address: $.shipTo, all: $}", "keep: [$.a]");
    assert_eq!(found.0, "spec.expected.keep");
    let found = refused("address: $.shipTo", "address: 7");
    assert_eq!(found.0, "spec.expected.keep.address");
    let found = refused("fields: {state: READY, version: 2, tags: [a, {b: 1.5}]}", "fields: READY");
    assert_eq!(found.0, "spec.completed.fields");
}

#[test]
fn items_that_are_not_listed_at_once_are_not_listed_in_completions() {
    let listed = "spec.completed.itemsField: needs spec.expected.items, and spec.expected";
    let count = orders_with("items: $.items[*].id", "count: $.total");
    assert!(count[0].starts_with(&format!("{listed}.count is there")), "{count:?}");
    let lines = orders_with("items: $.items[*].id", "item: $.line\n    total: $.total");
    assert!(lines[0].starts_with(&format!("{listed}.item is there")), "{lines:?}");
    let kept = "spec.expected.keep: has no meaning beside spec.expected.item";
    assert!(lines[1].starts_with(kept), "{lines:?}");
    assert_eq!((count.len(), lines.len()), (1, 2), "{count:?} {lines:?}");
}

#[test]
fn the_key_has_no_field_that_an_open_list_has() {
    let named = ORDERS.replacen("keyField: orderId", "keyField: listedTotal", 1);
    assert!(crate::parse(&named).is_ok(), "only records of open lists have such a field");
    let lines = named
        .replacen("items: $.items[*].id", "item: $.line\n    total: $.total", 1)
        .replacen("    keep: {customer: $.customer.id, address: $.shipTo, all: $}\n", "", 1)
        .replacen("    itemsField: items\n", "", 1);
    let found = problems(&lines);
    let message = "spec.completed.keyField: \"listedTotal\" is a field of overdue records";
    assert!(found.len() == 1 && found[0].starts_with(message), "{found:?}");
    let kept = orders_with("address: $.shipTo", "listedTotal: $.shipTo");
    assert!(kept[0].starts_with("spec.expected.keep.listedTotal: "), "{kept:?}");
}
