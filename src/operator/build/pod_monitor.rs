//! Makes a Prometheus that is run by the Prometheus Operator scrape the workers.

use serde_json::json;

use super::{Child, Plan, pod_monitors};
use crate::names::{self, Component, PORT_NAME};

pub(super) fn build(plan: &Plan<'_>) -> Child {
    let resource = pod_monitors();
    let metadata = plan.meta(plan.name(), Component::Worker);
    let value = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": metadata,
        "spec": {
            "selector": { "matchLabels": names::selector(plan.name(), Component::Worker) },
            "podMetricsEndpoints": [{ "port": PORT_NAME, "path": "/metrics" }],
        },
    });
    Child { resource, name: plan.name().to_owned(), value }
}
