//! Rules about the entries of topics.

use super::*;

#[test]
fn the_entries_of_the_same_topics_may_change() {
    let shared = DEMO.replacen(
        "  - topic: manufactured",
        "  - topic: orders\n    where: [{ header: type, in: [paid] }]\n    \
         item: { fixed: paid }\n  \
         - topic: manufactured\n    where: [{ path: $.type, notIn: [draft] }]\n    \
         item: $.id\n  - topic: manufactured",
        1,
    );
    let shared = shared.replacen(
        "topic: orders",
        "topic: orders\n    where: [{ path: $.state, exists: true }]",
        1,
    );
    assert!(parse(&shared).is_ok(), "{shared}");
    assert_eq!(refusals(&shared, None), [""; 0]);
    assert_eq!(refusals(&shared, Some(DEMO)), [""; 0]);
    assert_eq!(refusals(DEMO, Some(&shared)), [""; 0]);
}
