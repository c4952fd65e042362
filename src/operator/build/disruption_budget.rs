//! One worker at a time may be evicted; an unhealthy one may always be evicted.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Plan;
use crate::names::{self, Component};

pub(super) fn build(plan: &Plan<'_>) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: plan.meta(plan.name(), Component::Worker),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(LabelSelector {
                match_labels: Some(names::selector(plan.name(), Component::Worker)),
                ..LabelSelector::default()
            }),
            // Otherwise a worker that cannot start would block the drain of its node forever.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}
