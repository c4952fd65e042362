//! Paths that the decoder of records would refuse.

use super::*;

#[test]
fn paths_lead_where_their_field_needs_it() {
    assert_eq!(
        problems_with("item: $.productId", "item: $.products[*]"),
        ["spec.observed[0].item: \"$.products[*]\" may lead to several places\n    \
          write a name or an index for *"]
    );
    assert_eq!(
        problems_with("key: $.id ", "key: $..id "),
        ["spec.expected.key: \"$..id\" is not a JSON path that Rollcall reads, from column 3 \
          on\n    descending with .. is not supported; write every name on the way"]
    );
    assert_eq!(
        problems_with("key: $.id ", "key: $.items[*].id "),
        ["spec.expected.key: \"$.items[*].id\" may lead to several places\n    \
          write a name or an index for *"]
    );
    let long = format!("item: $.{}", "x".repeat(1023));
    assert_eq!(
        problems_with("item: $.productId", &long),
        ["spec.observed[0].item: is a JSON path of 1025 bytes\n    use at most 1024 bytes"]
    );
}

#[test]
fn paths_of_one_topic_agree_on_what_a_record_holds() {
    assert_eq!(
        problems_with("key: $.id ", "key: $.items.id "),
        ["spec.expected.key: \"$.items.id\" contradicts another path of this topic at \
          $.items\n    read what is at $.items in one way only: as a value, as an object, as an \
          array by index or as an array by *"]
    );
    assert_eq!(
        problems_with("item: $.productId", "item: $.orderId.product")
            .iter()
            .map(|problem| problem.split(" at ").next().unwrap_or_default())
            .collect::<Vec<_>>(),
        ["spec.observed[0].key: \"$.orderId\" contradicts another path of this topic"]
    );
}

#[test]
fn quantities_need_counting_by_quantity_and_lie_beside_their_item() {
    let with_quantity = "items: $.items[*].id\n    quantity: $.items[*].count";
    assert_eq!(
        problems_with("items: $.items[*].id", with_quantity),
        ["spec.expected.quantity: has no effect with counting: distinct\n    \
          remove it, or write counting: quantity"]
    );
    let counted = SHIPPING.replace("counting: distinct", "counting: quantity");
    assert_eq!(problems(&counted.replace("items: $.items[*].id", with_quantity)), [""; 0]);
    let elsewhere = with_quantity.replace("$.items[*].count", "$.count");
    assert_eq!(
        problems(&counted.replace("items: $.items[*].id", &elsewhere)),
        ["spec.expected.quantity: \"$.count\" does not lie beside the item\n    \
          begin it with $.items[*], and use no * after that"]
    );
    let deeper = with_quantity.replace("].count", "].counts[*]");
    assert!(problems(&counted.replace("items: $.items[*].id", &deeper))[0].contains("beside"));
    let contradictory = with_quantity.replace("].count", "].id.count");
    assert_eq!(
        problems_with("items: $.items[*].id", &contradictory)
            .iter()
            .map(|problem| problem.lines().next().unwrap_or_default())
            .collect::<Vec<_>>(),
        [
            "spec.expected.quantity: has no effect with counting: distinct",
            "spec.expected.quantity: \"$.items[*].id.count\" contradicts another path of this \
             topic at $.items[*].id",
        ]
    );
    let observed = "item: $.productId\n    quantity: $.counts[*]";
    assert_eq!(
        problems(&counted.replace("item: $.productId", observed)),
        ["spec.observed[0].quantity: \"$.counts[*]\" may lead to several places\n    \
          write a name or an index for *"]
    );
}

#[test]
fn a_key_needs_items_or_a_count() {
    let items = "items: $.items[*].id";
    assert_eq!(problems_with(items, "count: $.total"), [""; 0]);
    let found = problems_with(items, "allowEmpty: true");
    assert!(found[0].starts_with("spec.expected.items: is missing"), "{found:?}");
    for (written, problem) in [
        ("count: $.total\n    items: $.items[*].id", "spec.expected.count: stands beside items"),
        (
            "count: $.lines[*].total",
            "spec.expected.count: \"$.lines[*].total\" may lead to several",
        ),
        ("count: total", "spec.expected.count: \"total\" is not a JSON path"),
        ("count: 7", "spec.expected.count: is the number 7 where text is needed"),
        ("count: $.id.total", "spec.expected.count: \"$.id.total\" contradicts another path"),
        (
            "count: $.total\n    quantity: $.n",
            "spec.expected.quantity: has no effect beside a count",
        ),
    ] {
        let found = problems_with(items, written);
        assert_eq!(found.len(), 1, "{written}: {found:?}");
        assert!(found[0].starts_with(problem), "{written}: {found:?}");
    }
}

#[test]
fn an_id_tells_observations_apart_where_quantities_are_counted() {
    let item = "item: $.productId";
    let with_id = |id: &str| format!("{item}\n    id: {id}");
    let counted = SHIPPING.replace("counting: distinct", "counting: quantity");
    let counted = |text: &str| counted.replacen(item, text, 1);
    assert_eq!(problems(&counted(&with_id("$.eventId"))), [""; 0]);
    for (id, problem) in [
        ("$.events[*].id", "spec.observed[0].id: \"$.events[*].id\" may lead to several"),
        ("eventId", "spec.observed[0].id: \"eventId\" is not a JSON path"),
        ("7", "spec.observed[0].id: is the number 7 where text is needed"),
        ("$.productId.id", "spec.observed[0].id: \"$.productId.id\" contradicts another path"),
    ] {
        let found = problems(&counted(&with_id(id)));
        assert_eq!(found.len(), 1, "{id}: {found:?}");
        assert!(found[0].starts_with(problem), "{id}: {found:?}");
    }
    let found = problems_with(item, &with_id("$.eventId"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("spec.observed[0].id: has no effect with counting: distinct"));
}

#[test]
fn a_list_that_comes_record_by_record_says_when_it_is_closed() {
    let items = "items: $.items[*].id";
    let item = |more: &str| format!("item: $.lineNo\n    {more}");
    assert_eq!(problems_with(items, &item("total: $.lines")), [""; 0]);
    let last = "last: {path: $.isLast, in: ['true']}";
    assert_eq!(problems_with(items, &item(last)), [""; 0]);
    for (written, problem) in [
        (item("allowEmpty: false"), "spec.expected.total: is missing beside item"),
        (item("total: $.lines\n    allowEmpty: true"), "spec.expected.allowEmpty: has no effect"),
        (item(&format!("total: $.lines\n    {last}")), "spec.expected.last: stands beside total"),
        (item("total: $.lines\n    items: $.a"), "spec.expected.item: stands beside items"),
        (item("total: $.lines\n    count: $.a"), "spec.expected.item: stands beside count"),
        (item("total: lines"), "spec.expected.total: \"lines\" is not a JSON path"),
        (item("total: '$.lines[*]'"), "spec.expected.total: \"$.lines[*]\" may lead to several"),
        (item("total: $.lineNo.of"), "spec.expected.total: \"$.lineNo.of\" contradicts another"),
        (item("last: {path: $.isLast, in: []}"), "spec.expected.last.in: is empty"),
        (item("last: {path: $.isLast}"), "spec.expected.last.in: is missing"),
        (item("last: {path: last, in: [a]}"), "spec.expected.last.path: \"last\" is not a JSON"),
        ("item: '$.lines[*]'\n    total: $.n".to_owned(), "spec.expected.item: \"$.lines[*]\" may"),
        (format!("{items}\n    total: $.lines"), "spec.expected.total: has no effect without"),
        (format!("{items}\n    {last}"), "spec.expected.last: has no effect without item"),
    ] {
        let found = problems_with(items, &written);
        assert_eq!(found.len(), 1, "{written}: {found:?}");
        assert!(found[0].starts_with(problem), "{written}: {found:?}");
    }
}
