//! Every reason that an object can have is explained in docs/operations.md.

use std::collections::BTreeSet;

const OPERATIONS: &str = include_str!("../../../../docs/operations.md");
/// Where reasons come from: the workers' status, the operator's own, and its errors.
const SOURCES: [&str; 9] = [
    include_str!("../../../kafka/topic_problem.rs"),
    include_str!("../../../kafka/topics.rs"),
    include_str!("../../../kafka/token/request.rs"),
    include_str!("../../../kafka/topic_error.rs"),
    include_str!("../../dereference.rs"),
    include_str!("../../error.rs"),
    include_str!("../../observe.rs"),
    include_str!("../../reconcile.rs"),
    include_str!("../../../worker/refused.rs"),
];
const VERDICT: &str = include_str!("../verdict.rs");
/// Words in those files that are not reasons of ours: conditions, Kubernetes' own reasons, and the
/// error by which an operator leaves an object to another one.
const OTHERS: [&str; 20] = [
    "ContainerCreating",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "Degraded",
    "Deposed",
    "ErrImageNeverPull",
    "ErrImagePull",
    "False",
    "ImagePullBackOff",
    "InvalidImageName",
    "PodScheduled",
    "Progressing",
    "Ready",
    "Reconcile",
    "Reconciliation",
    "RunContainerError",
    "StatefulSet",
    "True",
    "Unschedulable",
];

/// Returns all quoted words in CamelCase, such as reasons.
fn words(source: &str) -> impl Iterator<Item = &str> {
    source.split('"').skip(1).step_by(2).filter(|text| {
        text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.chars().any(|c| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_alphabetic())
    })
}

#[test]
fn every_reason_has_its_remedy() {
    let found: BTreeSet<&str> = SOURCES.into_iter().chain([VERDICT]).flat_map(words).collect();
    for known in ["BrokerUnreachable", "TokenRefused", "SecretForbidden", "Running"] {
        assert!(found.contains(known), "{known} is not found among {found:?}");
    }
    let is_explained = |reason: &&str| {
        let heading = OPERATIONS.lines().filter(|line| line.starts_with("### "));
        let mut headings = heading.flat_map(|line| line[4..].split(", "));
        OPERATIONS.contains(&format!("`{reason}`")) || headings.any(|heading| heading == *reason)
    };
    let reasons = found.into_iter().filter(|word| !OTHERS.contains(word));
    let left: Vec<&str> = reasons.filter(|reason| !is_explained(reason)).collect();
    assert_eq!(left, [""; 0], "not in docs/operations.md");
}
