//! What became of an item, and what follows if items failed.

use super::paths::singular;
use crate::bounds::{TEXT_BYTES_MAX, TEXTS_MAX};
use crate::problem::Problems;
use crate::resource::{CountingSpec, OutcomeSpec, ReconciliationSpec};
use rollcall_core::codec::input::OutcomeAt;

/// Returns the outcomes of the entry at `place`.
pub(super) fn outcome(
    place: &str,
    spec: &OutcomeSpec,
    problems: &mut Problems,
) -> Option<OutcomeAt> {
    let place = format!("{place}.outcome");
    let path = singular(format!("{place}.path"), &spec.path, problems);
    let lists =
        [("arrived", &spec.arrived), ("failed", &spec.failed), ("withdrawn", &spec.withdrawn)];
    if lists.iter().all(|(_, texts)| texts.is_empty()) {
        let remedy = "list texts under arrived, failed or withdrawn";
        problems.add(&place, "lists no text, so every record would be skipped", remedy);
    }
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (name, texts) in lists {
        let list = format!("{place}.{name}");
        if texts.len() > TEXTS_MAX as usize {
            let message = format!("lists {} texts", texts.len());
            problems.add(&list, message, format!("list at most {TEXTS_MAX}"));
        }
        for text in texts {
            if text.len() > TEXT_BYTES_MAX as usize {
                let message = format!("has a text of {} bytes", text.len());
                problems.add(&list, message, format!("use at most {TEXT_BYTES_MAX} bytes"));
            }
            match seen.iter().find(|(known, _)| known == text) {
                Some((_, other)) if *other != name => {
                    let message = format!("\"{text}\" is listed under {other}, too");
                    problems.add(&list, message, "list it once: a record says one thing");
                }
                Some(_) => {}
                None => seen.push((text, name)),
            }
        }
    }
    let OutcomeSpec { arrived, failed, withdrawn, .. } = spec.clone();
    Some(OutcomeAt { path: path?, arrived, failed, withdrawn })
}

/// Checks that outcomes can occur, and that something follows from failed items.
pub(super) fn check(spec: &ReconciliationSpec, problems: &mut Problems) {
    let outcomes = spec.observed.iter().enumerate();
    let outcomes = outcomes.filter_map(|(index, it)| Some((index, it.outcome.as_ref()?)));
    let outcomes: Vec<(usize, &OutcomeSpec)> = outcomes.collect();
    if spec.counting == CountingSpec::Quantity {
        for (index, _) in &outcomes {
            problems.add(
                format!("spec.observed[{index}].outcome"),
                "has no meaning with counting: quantity, which adds up what has arrived",
                "remove it, or write counting: distinct",
            );
        }
    }
    let fails = outcomes.iter().find(|(_, outcome)| !outcome.failed.is_empty());
    match (fails, &spec.failed) {
        (Some((index, _)), None) => problems.add(
            "spec.failed",
            format!("is missing, while spec.observed[{index}].outcome says that items can fail"),
            "add failed: {topic: …, when: first}, or when: allKnown to wait for all other items",
        ),
        (None, Some(_)) => problems.add(
            "spec.failed",
            "has no effect, since no item can fail",
            "list the failed values under outcome.failed of an observed entry, or remove it",
        ),
        _ => {}
    }
}
