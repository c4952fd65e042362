//! Who may connect to workers and console. Their own outgoing connections are not restricted,
//! because brokers may be anywhere.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Plan;
use crate::names::{self, Component, PORT_NAME};

/// Returns `None` when the object asks for none.
pub(super) fn build(plan: &Plan<'_>) -> Option<NetworkPolicy> {
    let wanted = plan.object.spec().network_policy.as_ref()?;
    // Both the console and the operator ask workers; the operator's namespace is not known here.
    let ours = NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector::default()),
        pod_selector: Some(LabelSelector {
            match_labels: Some(names::any_pod()),
            ..LabelSelector::default()
        }),
        ..NetworkPolicyPeer::default()
    };
    let mut pods = names::selector(plan.name(), Component::Worker);
    pods.remove("app.kubernetes.io/component");
    Some(NetworkPolicy {
        metadata: plan.meta(plan.name(), Component::Worker),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(pods),
                ..LabelSelector::default()
            }),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: Some(std::iter::once(ours).chain(wanted.from.iter().cloned()).collect()),
                ports: Some(vec![NetworkPolicyPort {
                    port: Some(IntOrString::String(PORT_NAME.to_owned())),
                    protocol: Some("TCP".to_owned()),
                    ..NetworkPolicyPort::default()
                }]),
            }]),
            ..NetworkPolicySpec::default()
        }),
    })
}
