//! The console: a stateless Deployment that asks the workers.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::Plan;
use super::pod;
use crate::names::{self, CONFIG_DIR, CONFIG_KEY, Component, PORT};
use rollcall_object::SecretField;
use rollcall_object::resource::ConsoleSpec;

/// Returns `None` when the object asks for no console.
pub(super) fn deployment(plan: &Plan<'_>) -> Option<Deployment> {
    let console = plan.object.spec().console.as_ref()?;
    let container = container(plan, console);
    Some(Deployment {
        metadata: plan.meta(names::console(plan.name()), Component::Console),
        spec: DeploymentSpec {
            replicas: Some(console.replicas),
            selector: LabelSelector {
                match_labels: Some(names::selector(plan.name(), Component::Console)),
                ..LabelSelector::default()
            },
            template: pod::template(plan, Component::Console, container, Vec::new()),
            ..DeploymentSpec::default()
        },
        ..Deployment::default()
    })
}

fn container(plan: &Plan<'_>, console: &ConsoleSpec) -> Container {
    let mut args = vec![
        "console".to_owned(),
        format!("--file={CONFIG_DIR}/{CONFIG_KEY}"),
        format!("--server={}.{}.svc:{PORT}", names::workers(plan.name()), plan.namespace()),
        format!("--http=[::]:{PORT}"),
    ];
    if let Some(token) = &console.token_secret_ref {
        args.push(format!("--token-file={}", SecretField::ConsoleToken.file(&token.key).display()));
    }
    args.extend(console.allowed_hosts.iter().map(|name| format!("--allowed-host={name}")));
    Container {
        name: Component::Console.label().to_owned(),
        args: Some(args),
        ports: Some(vec![pod::port()]),
        readiness_probe: Some(pod::probe("/healthz", 5, 2)),
        liveness_probe: Some(pod::probe("/healthz", 10, 6)),
        resources: console.resources.clone(),
        ..Container::default()
    }
}
