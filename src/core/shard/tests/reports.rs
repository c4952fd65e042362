//! Tests of the reports of steps, which are logged in demonstrations.

use super::*;
use crate::matching::Outcome;

/// An outcome, whether it completes the key, what is satisfied of how much, and the row's items.
type Reported = (Outcome, bool, Option<(usize, usize)>, usize);

/// Returns what is reported about these records of one key.
fn reported(records: &[(InputIndex, &str)]) -> Vec<Reported> {
    reported_by(plan(RULES, 1), records)
}

fn reported_by(plan: Plan, records: &[(InputIndex, &str)]) -> Vec<Reported> {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let on_step: OnStep = {
        let reports = Arc::clone(&reports);
        Arc::new(move |step: &StepReport<'_>| {
            assert_eq!(step.key, b"a");
            let satisfied = step.satisfied.map(|Satisfied { items, of }| (items, of));
            let report = (step.outcome, step.completes, satisfied, step.items);
            reports.lock().expect("nothing panics under this lock").push(report);
        })
    };
    let plan = Plan { on_step: Some(on_step), ..plan };
    let mut shard = open_plan(plan, &Kafka(vec![None, None]), &Memory::default());
    for (&(input, value), offset) in records.iter().zip(0..) {
        shard.process(&[record(input, offset, 5, "a", value)]).expect("processed");
    }
    reports.lock().expect("nothing panics under this lock").clone()
}

const OTHER: &str = r#"{"orderId":"a","productId":"2"}"#;
const LAST: &str = r#"{"orderId":"a","productId":"3"}"#;
const LESS: &str = r#"{"id":"a","items":[{"id":"1"}]}"#;

#[test]
fn each_step_reports_how_many_of_the_expected_items_are_there() {
    assert_eq!(
        reported(&[
            (ORDERS, ORDER),
            (MANUFACTURED, MADE),
            (MANUFACTURED, MADE),
            (MANUFACTURED, LAST),
            (MANUFACTURED, OTHER),
            (MANUFACTURED, OTHER),
        ]),
        [
            (Outcome::Expected, false, Some((0, 2)), 2),
            (Outcome::Observed, false, Some((1, 2)), 2),
            (Outcome::DuplicateObservation, false, Some((1, 2)), 2),
            (Outcome::Unexpected, false, Some((1, 2)), 3),
            (Outcome::Observed, true, Some((2, 2)), 0),
            (Outcome::LateObservation, false, Some((0, 0)), 0),
        ]
    );
}

#[test]
fn a_key_that_is_not_expected_yet_reports_what_is_waiting() {
    assert_eq!(
        reported(&[(MANUFACTURED, MADE), (MANUFACTURED, OTHER), (ORDERS, LESS)]),
        [
            (Outcome::Observed, false, None, 1),
            (Outcome::Observed, false, None, 2),
            (Outcome::Expected, true, Some((1, 1)), 0),
        ]
    );
}

#[test]
fn each_step_reports_how_much_of_a_count_is_there() {
    let plan = plan::plan_of(
        RULES,
        1,
        plan::Kinds { expects: plan::Expects::Count, ..plan::Kinds::PLAIN },
    );
    assert_eq!(
        reported_by(
            plan,
            &[
                (MANUFACTURED, MADE),
                (ORDERS, r#"{"id":"a","count":3}"#),
                (MANUFACTURED, OTHER),
                (MANUFACTURED, LAST),
            ]
        ),
        [
            (Outcome::Observed, false, None, 1),
            (Outcome::Expected, false, Some((1, 3)), 1),
            (Outcome::Observed, false, Some((2, 3)), 2),
            (Outcome::Observed, true, Some((3, 3)), 0),
        ]
    );
}
