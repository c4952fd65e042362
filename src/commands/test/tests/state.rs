//! What can be expected of the keys that are open in the end: counts, what is kept, failed items
//! and deadlines.

use super::{failure, read, subject};

const COUNTED: &str = include_str!("../../../../docs/recipes/file-trailer.yaml");
const LISTED: &str = include_str!("../../../../docs/recipes/order-lines.yaml");
const KEPT: &str = include_str!("../../../../docs/recipes/order-fulfilment.yaml");
const PROMISED: &str = include_str!("../../../../docs/recipes/promised-delivery.yaml");
const CHECKED: &str = include_str!("../../../../docs/recipes/order-validation.yaml");

/// Checks that a case with this state passes, and that it fails with each of the others, which
/// differ in one value each.
fn holds(object: &str, records: &str, state: &str, wrong: &[(&str, &str)]) {
    let case = |state: &str| format!("- name: it waits\n  in:\n{records}  state: {state}\n");
    assert_eq!(failure(object, &case(state)), "", "{state}");
    for (value, other) in wrong {
        assert!(state.contains(value), "{state} does not say {value}");
        let said = failure(object, &case(&state.replacen(value, other, 1)));
        let name = value.split(':').next().unwrap_or_default();
        assert!(said.contains(name), "{other}: {said}");
    }
}

#[test]
fn how_much_of_a_count_is_there() {
    holds(
        COUNTED,
        "  - {topic: trailers, key: f, value: {file: f, records: 3}}
  - {topic: rows, key: f, value: {file: f, line: 7}}
",
        "{f: {expectedTotal: 3, missingTotal: 2, arrived: [7], missing: [], unexpected: []}}",
        &[
            ("expectedTotal: 3", "expectedTotal: 2"),
            ("missingTotal: 2", "missingTotal: 3"),
            ("arrived: [7]", "arrived: [8]"),
        ],
    );
}

#[test]
fn how_many_items_of_a_list_are_still_to_come() {
    holds(
        LISTED,
        "  - {topic: order-lines, key: o, value: {orderId: o, lineNo: 1, lines: 3}}
",
        "{o: {expectedTotal: 3, missingTotal: 3, missing: [1]}}",
        &[("expectedTotal: 3", "expectedTotal: 1"), ("missingTotal: 3", "missingTotal: 1")],
    );
}

#[test]
fn what_is_kept_of_the_expectation_and_of_items() {
    holds(
        KEPT,
        "  - {topic: orders, key: o, value: {id: o, items: [{id: 1}, {id: 2}], customer: {id: c7}}}
  - {topic: manufactured, key: o, value: {orderId: o, productId: 1, manufacturedDate: 2023-05-08}}
",
        "{o: {kept: {customer: c7}, items: {1: {kept: {madeAt: 2023-05-08}}, 2: {kept: null}}}}",
        &[
            ("customer: c7", "customer: c8"),
            ("madeAt: 2023-05-08", "madeAt: 2023-05-09"),
            ("2: {kept: null}", "2: {kept: {}}"),
        ],
    );
}

#[test]
fn which_items_have_failed() {
    holds(
        &CHECKED.replace("when: first", "when: allKnown"),
        "  - {topic: orders, key: o, value: {id: o, state: CREATED}}
  - {topic: order-validations, key: o, value: {orderId: o, check: fraud, result: FAIL}}
",
        "{o: {state: open, failed: [fraud], missingTotal: 2, items: {fraud: {failed: true}}}}",
        &[
            ("failed: [fraud]", "failed: []"),
            ("missingTotal: 2", "missingTotal: 3"),
            ("failed: true", "failed: false"),
        ],
    );
}

#[test]
fn when_a_key_is_overdue_and_when_it_expires() {
    let promised = format!("{PROMISED}  expire: {{after: 30d}}\n");
    holds(
        &promised,
        "  - {topic: deliveries, key: d, value: {id: d, parcels: [1], promisedAt: \
         '2025-01-02T12:00'}}
  - {topic: deliveries, key: e, value: {id: e, parcels: [1]}}
",
        "{d: {overdueAt: 2025-01-02T11:00:00Z, expiresAt: +30d}, e: {overdueAt: +72h}}",
        &[
            ("overdueAt: 2025-01-02T11:00:00Z", "overdueAt: 2025-01-02T12:00:00Z"),
            ("expiresAt: +30d", "expiresAt: null"),
            ("overdueAt: +72h", "overdueAt: +71h"),
        ],
    );
    holds(
        PROMISED,
        "  - {topic: scans, key: d, value: {delivery: d, parcel: 1}}
",
        "{d: {state: unexpected, overdueAt: null, expiresAt: null, expectedTotal: 0}}",
        &[("overdueAt: null", "overdueAt: +72h"), ("expectedTotal: 0", "expectedTotal: 1")],
    );
}

#[test]
fn a_total_that_is_no_number_and_a_deadline_that_is_no_time_are_mistakes() {
    let subject = subject(PROMISED);
    for (state, path, remedy) in [
        ("{d: {missingTotal: '2'}}", "state.d.missingTotal", "write a number from 0"),
        ("{d: {expectedTotal: -1}}", "state.d.expectedTotal", "write a number from 0"),
        ("{d: {overdueAt: 72h}}", "state.d.overdueAt", "write +72h"),
        ("{d: {expiresAt: soon}}", "state.d.expiresAt", "RFC 3339"),
        ("{d: {missngTotal: 2}}", "state.d.missngTotal", "missingTotal"),
    ] {
        let cases = format!(
            "- name: wrong\n  in: [{{topic: scans, key: d, value: {{delivery: d, parcel: 1}}}}]\n  \
             state: {state}\n"
        );
        let (_, problems) = read::parse(&cases, &subject);
        let [problem] = &problems[..] else { panic!("{state}: {problems:?}") };
        let said = format!("{problem:?}");
        assert!(said.contains(path) && said.contains(remedy), "{said}");
    }
}
