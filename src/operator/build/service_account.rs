//! The account that pods run under: it has no permissions, and its token is not mounted.

use k8s_openapi::api::core::v1::ServiceAccount;

use super::Plan;
use crate::names::Component;

pub(super) fn build(plan: &Plan<'_>) -> ServiceAccount {
    ServiceAccount {
        metadata: plan.meta(plan.name(), Component::Worker),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
