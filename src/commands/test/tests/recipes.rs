//! The cases of the recipes notice when the object is another one than they are about.

use super::{read, run_all, subject};

/// An object, its cases, and changes of the object that make it a wrong one.
type Planted = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const PLANTED: [Planted; 5] = [
    (
        include_str!("../../../../docs/recipes/order-validation.yaml"),
        include_str!("../../../../docs/recipes/order-validation.cases.yaml"),
        &[
            ("in: [CREATED]", "in: [CREATED, PAID]"),
            ("[fraud, stock, details]", "[fraud, stock]"),
            ("[fraud, stock, details]", "[fraud, stock, details, address]"),
            ("notIn: [heartbeat]", "notIn: [test]"),
            ("item: $.check", "item: $.result"),
            ("arrived: [PASS]", "arrived: [PASS, PENDING]"),
            ("failed: [FAIL, ERROR]", "failed: [ERROR]"),
            (", withdrawn: [REVOKED]", ""),
            ("when: first", "when: allKnown"),
            ("  cancelled: {topic: orders-cancelled}\n", ""),
            ("after: 1h", "after: 3h"),
            ("after: 1h", "after: 1h}\n  expire: {after: 90m"),
        ],
    ),
    (
        include_str!("../../../../docs/recipes/order-demo.yaml"),
        include_str!("../../../../docs/recipes/order-demo.cases.yaml"),
        &[
            ("$.items[*].id", "$.items[0].id"),
            ("item: $.productId", "item: $.orderId"),
            ("key: $.id, ", ""),
            ("keyField: orderId", "keyField: id"),
            ("after: 72h", "after: 81h"),
            ("orphans: {after: 7d}", "orphans: {after: 8d}"),
            ("memory: 7d", "memory: 7d\n  counting: quantity"),
        ],
    ),
    (
        include_str!("../../../../docs/recipes/daily-files.yaml"),
        include_str!("../../../../docs/recipes/daily-files.cases.yaml"),
        &[
            ("in: [OPENED]", "in: [CLOSED]"),
            ("payments, stock]", "payments]"),
            ("in: [LOADED]", "in: [UPLOADING]"),
            ("after: 6h", "after: 7h"),
            ("orphans: {after: 7d}", "orphans: {after: 8d}"),
        ],
    ),
    (
        include_str!("../../../../docs/recipes/order-cdc.yaml"),
        include_str!("../../../../docs/recipes/order-cdc.cases.yaml"),
        &[
            ("arrived: [c, u, r]", "arrived: [u, r]"),
            ("withdrawn: [d]", "withdrawn: [x]"),
            ("  cancelled: {topic: orders-cancelled}    # the row of the order was deleted\n", ""),
            ("keep: {customer: $.customer}", "keep: {}"),
            ("count: $.parcels", "count: $.order_id"),
            ("item: $.parcel_id", "item: $.order_id"),
        ],
    ),
    (
        include_str!("../../../../docs/recipes/bulk-transfer.yaml"),
        include_str!("../../../../docs/recipes/bulk-transfer.cases.yaml"),
        &[
            ("when: allKnown", "when: first"),
            ("arrived: [COMMITTED]", "arrived: [RESERVED]"),
            ("failed: [ABORTED]", "failed: [RESERVED]"),
            ("after: 30m", "after: 31m"),
        ],
    ),
];

#[test]
fn the_cases_of_a_recipe_pass_and_find_what_is_planted_in_its_object() {
    for (object, cases, changes) in PLANTED {
        let fails = |object: &str| {
            let subject = subject(object);
            let (cases, problems) = read::parse(cases, &subject);
            let bounds = super::Bounds { orders: 10, crashes: 0 };
            let verdicts = run_all(&cases, &subject, bounds);
            !problems.is_empty() || verdicts.iter().any(|verdict| verdict.failure.is_some())
        };
        assert!(!fails(object), "the recipe itself fails:\n{object}");
        for (from, to) in changes {
            assert!(object.contains(from), "{from} is not in the object:\n{object}");
            assert!(fails(&object.replace(from, to)), "no case notices {to:?} for {from:?}");
        }
    }
}
