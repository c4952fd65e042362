//! Services: one for the workers and one for the console.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Plan;
use crate::names::{self, Component, PORT, PORT_NAME};

/// Headless, and includes workers that are not ready, because those have to be asked why.
pub(super) fn workers(plan: &Plan<'_>) -> Service {
    Service {
        metadata: plan.meta(names::workers(plan.name()), Component::Worker),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(names::selector(plan.name(), Component::Worker)),
            ports: Some(vec![port(PORT)]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

pub(super) fn console(plan: &Plan<'_>) -> Service {
    Service {
        metadata: plan.meta(names::console(plan.name()), Component::Console),
        spec: Some(ServiceSpec {
            selector: Some(names::selector(plan.name(), Component::Console)),
            ports: Some(vec![port(PORT)]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn port(port: i32) -> ServicePort {
    ServicePort {
        name: Some(PORT_NAME.to_owned()),
        port,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(PORT_NAME.to_owned())),
        ..ServicePort::default()
    }
}
