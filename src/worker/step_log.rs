//! Logs the steps of a key in the words that users of the original demo know (`spec.logRecords`).

use rollcall_core::{matching::Outcome, shard::StepReport};

/// Logs a step.
pub fn log(step: &StepReport<'_>) {
    for sentence in sentences(step) {
        tracing::info!("{sentence}");
    }
}

fn sentences(step: &StepReport<'_>) -> Vec<String> {
    let id = String::from_utf8_lossy(step.key);
    match step.outcome {
        Outcome::Expected
        | Outcome::Amended
        | Outcome::Reopened
        | Outcome::Listed
        | Outcome::Observed
        | Outcome::Unexpected => {}
        Outcome::Nothing => return Vec::new(),
        other => return vec![format!("Order {id}: {}", other.name())],
    }
    let Some(satisfied) = step.satisfied else {
        return vec![format!(
            "Order {id} is not known yet, {} of its products waiting",
            step.items
        )];
    };
    let count = format!("{}/{} manufactured products", satisfied.items, satisfied.of);
    let state = if step.completes {
        format!("All items of order {id} were manufactured, forwarding event to shipping")
    } else {
        format!("Not all items of order {id} were manufactured, waiting")
    };
    vec![count, state]
}

#[cfg(test)]
mod tests {
    use rollcall_core::shard::Satisfied;

    use super::*;

    fn sentences_of(outcome: Outcome, satisfied: Option<(usize, usize)>) -> Vec<String> {
        let completes = satisfied.is_some_and(|(items, of)| items == of);
        let satisfied = satisfied.map(|(items, of)| Satisfied { items, of });
        sentences(&StepReport { key: b"o-1", outcome, completes, satisfied, items: 2 })
    }

    /// These sentences are the original demo's, word for word.
    #[test]
    fn a_key_is_described_as_in_the_original_demo() {
        for outcome in [
            Outcome::Expected,
            Outcome::Amended,
            Outcome::Reopened,
            Outcome::Observed,
            Outcome::Unexpected,
        ] {
            assert_eq!(
                sentences_of(outcome, Some((1, 2))),
                [
                    "1/2 manufactured products",
                    "Not all items of order o-1 were manufactured, waiting"
                ]
            );
            assert_eq!(
                sentences_of(outcome, Some((2, 2))),
                [
                    "2/2 manufactured products",
                    "All items of order o-1 were manufactured, forwarding event to shipping"
                ]
            );
        }
        assert_eq!(
            sentences_of(Outcome::Observed, None),
            ["Order o-1 is not known yet, 2 of its products waiting"]
        );
    }

    #[test]
    fn what_does_not_bring_a_key_forward_is_one_line() {
        for (outcome, line) in [
            (Outcome::DuplicateObservation, "Order o-1: duplicate-observation"),
            (Outcome::LateObservation, "Order o-1: late-observation"),
            (Outcome::Overdue, "Order o-1: overdue"),
            (Outcome::Cancelled, "Order o-1: cancelled"),
        ] {
            assert_eq!(sentences_of(outcome, Some((1, 2))), [line]);
        }
        assert_eq!(sentences_of(Outcome::Nothing, Some((1, 2))), [""; 0]);
    }
}
