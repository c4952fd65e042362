//! Observes the children: the StatefulSet's rollout, the pods, and what workers report.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::Api;
use kube::api::ListParams;

use super::cluster::Cluster;
use super::error::{Doing, Result};
use super::names::{self, Component, PORT, PORT_NAME};
use super::worker_api;
use rollcall_object::resource::ConsoleSpec;
use rollcall_service::state_api::WorkerStatus;

/// The state of an object's workers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// `None` while there is no StatefulSet.
    pub rollout: Option<Rollout>,
    /// Ordered by the numbers in their names.
    pub workers: Vec<Worker>,
    /// Why the console does not run, if one is asked for.
    pub console: Option<String>,
}

/// Progress of the StatefulSet's controller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rollout {
    /// Desired number of workers.
    pub wanted: i32,
    pub existing: i32,
    pub ready: i32,
    /// Desired workers that run the newest template.
    pub updated: i32,
    /// Whether the controller has seen the newest version of the StatefulSet.
    pub seen: bool,
}

/// One worker's pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Worker {
    /// The pod's name.
    pub name: String,
    pub ready: bool,
    /// Why the pod does not run.
    pub trouble: Option<PodTrouble>,
    /// The status that the worker reports; `None` when it does not answer.
    pub says: Option<WorkerStatus>,
}

impl Observed {
    /// Returns the workers whose pod is ready, which means that they have restored all their
    /// shards, but that do not answer the operator.
    pub fn silent(&self) -> impl Iterator<Item = &Worker> {
        self.workers.iter().filter(|worker| worker.ready && worker.says.is_none())
    }
}

/// Why a pod does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodTrouble {
    /// In CamelCase, as in a condition.
    pub reason: &'static str,
    pub message: String,
}

/// Observes the children of an object.
///
/// # Errors
/// When the API server does not answer; workers that do not answer are not an error.
pub async fn observe(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    console: Option<&ConsoleSpec>,
) -> Result<Observed> {
    let sets: Api<StatefulSet> = Api::namespaced(cluster.client.clone(), namespace);
    let set = sets.get_opt(name).await.doing(|| format!("read StatefulSet {name}"))?;
    let console = match console {
        Some(_) => pods_of(cluster, namespace, name, Component::Console).await?,
        None => Vec::new(),
    };
    let console = console.iter().find_map(trouble).map(|trouble| trouble.message);
    let pods = pods(cluster, namespace, name).await?;
    let addresses: Vec<Option<String>> = pods.iter().map(address).collect();
    let answers = worker_api::ask_all(&addresses).await;
    let mut workers: Vec<Worker> = pods
        .iter()
        .zip(answers)
        .map(|(pod, says)| Worker {
            name: pod.metadata.name.clone().unwrap_or_default(),
            ready: is_ready(pod),
            trouble: trouble(pod),
            says: says.filter(|says| says.reconciliation == name),
        })
        .collect();
    workers.sort_by_key(|worker| (worker.name.len(), worker.name.clone()));
    Ok(Observed { rollout: set.as_ref().map(rollout), workers, console })
}

/// Returns the workers' pods.
///
/// # Errors
/// When the API server does not answer.
pub async fn pods(cluster: &Cluster, namespace: &str, name: &str) -> Result<Vec<Pod>> {
    pods_of(cluster, namespace, name, Component::Worker).await
}

async fn pods_of(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    component: Component,
) -> Result<Vec<Pod>> {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let selector = names::selector_text(name, component);
    let listed = api.list(&ListParams::default().labels(&selector)).await;
    Ok(listed.doing(|| "list pods".to_owned())?.items)
}

fn rollout(set: &StatefulSet) -> Rollout {
    let status = set.status.clone().unwrap_or_default();
    let rolled =
        status.update_revision.is_none() || status.current_revision == status.update_revision;
    Rollout {
        wanted: set.spec.replicas.unwrap_or(1),
        existing: status.replicas,
        ready: status.ready_replicas.unwrap_or_default(),
        updated: match rolled {
            true => status.replicas,
            false => status.updated_replicas.unwrap_or_default(),
        },
        seen: status.observed_generation == set.metadata.generation,
    }
}

/// Returns the worker's address, if it has one yet.
fn address(pod: &Pod) -> Option<String> {
    let ip = pod.status.as_ref()?.pod_ip.as_ref()?;
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    let port = ports.find(|port| port.name.as_deref() == Some(PORT_NAME));
    let port = port.map_or(PORT, |port| port.container_port);
    Some(if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") })
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|found| found.type_ == "Ready" && found.status == "True")
}

fn trouble(pod: &Pod) -> Option<PodTrouble> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let status = pod.status.as_ref()?;
    let scheduled = status.conditions.iter().flatten().find(|found| {
        found.type_ == "PodScheduled" && found.reason.as_deref() == Some("Unschedulable")
    });
    if let Some(refusal) = scheduled {
        let why = refusal.message.as_deref().unwrap_or("no node takes it");
        return Some(PodTrouble {
            reason: "WorkerUnschedulable",
            message: format!("{name}: {why}; see spec.resources, spec.pod and spec.storage"),
        });
    }
    status.container_statuses.iter().flatten().find_map(|container| waiting(name, container))
}

fn waiting(pod: &str, container: &ContainerStatus) -> Option<PodTrouble> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let said = waiting.message.as_deref().unwrap_or_default();
    let (reason, message) = match waiting.reason.as_deref()? {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => {
            ("ImageNotPulled", format!("{pod}: {said}; see spec.pod.imagePullSecrets"))
        }
        "CrashLoopBackOff" => {
            let last = container.last_state.as_ref().and_then(|last| last.terminated.as_ref());
            let last = last.map(|last| match last.message.as_deref().unwrap_or_default().trim() {
                "" => format!("exit code {}", last.exit_code),
                said => said.lines().last().unwrap_or_default().to_owned(),
            });
            let last = last.unwrap_or_else(|| said.to_owned());
            ("WorkerCrashing", format!("{pod} has ended {} times: {last}", container.restart_count))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            ("WorkerNotStarted", format!("{pod}: {said}"))
        }
        _ => return None,
    };
    Some(PodTrouble { reason, message })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: &Value) -> Pod {
        let pod = json!({
            "metadata": { "name": "shipping-0" },
            "spec": { "containers": [{
                "name": "worker", "ports": [{ "name": "http", "containerPort": 8080 }],
            }] },
            "status": status,
        });
        serde_json::from_value(pod).expect("a pod")
    }

    #[test]
    fn a_worker_answers_at_its_pods_address() {
        assert_eq!(address(&pod(&json!({}))), None);
        assert_eq!(
            address(&pod(&json!({ "podIP": "10.1.2.3" }))).as_deref(),
            Some("10.1.2.3:8080")
        );
        assert_eq!(
            address(&pod(&json!({ "podIP": "fd00::1" }))).as_deref(),
            Some("[fd00::1]:8080")
        );
    }

    #[test]
    fn a_crashing_worker_is_told_with_its_last_words() {
        let crashed = pod(&json!({ "containerStatuses": [{
            "name": "worker", "image": "", "imageID": "", "ready": false, "restartCount": 4,
            "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off" } },
            "lastState": { "terminated": {
                "exitCode": 1, "message": "INFO starting\nerror: topic orders does not exist\n",
            } },
        }] }));
        let trouble = trouble(&crashed).expect("trouble");
        assert_eq!(trouble.reason, "WorkerCrashing");
        assert_eq!(
            trouble.message,
            "shipping-0 has ended 4 times: error: topic orders does not exist"
        );
    }

    #[test]
    fn what_keeps_a_pod_from_running_is_told() {
        let waiting = |reason: &str| {
            pod(&json!({ "containerStatuses": [{
                "name": "worker", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": { "waiting": { "reason": reason, "message": "it says" } },
            }] }))
        };
        assert_eq!(trouble(&waiting("ContainerCreating")), None);
        assert_eq!(trouble(&waiting("ImagePullBackOff")).expect("it").reason, "ImageNotPulled");
        let unschedulable = pod(&json!({ "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/1 nodes are available",
        }] }));
        let trouble = trouble(&unschedulable).expect("trouble");
        assert_eq!(trouble.reason, "WorkerUnschedulable");
        assert!(trouble.message.starts_with("shipping-0: 0/1 nodes are available"));
    }

    #[test]
    fn a_rollout_counts_the_pods_of_the_newest_template() {
        let set = |status: Value| {
            let set = json!({
                "metadata": { "generation": 3 },
                "spec": { "replicas": 2, "serviceName": "s", "selector": {}, "template": {} },
                "status": status,
            });
            rollout(&serde_json::from_value(set).expect("a StatefulSet"))
        };
        let rolling = set(json!({
            "observedGeneration": 3, "replicas": 2, "readyReplicas": 2, "updatedReplicas": 1,
            "currentRevision": "a", "updateRevision": "b",
        }));
        assert_eq!(rolling, Rollout { wanted: 2, existing: 2, ready: 2, updated: 1, seen: true });
        let rolled = set(json!({
            "observedGeneration": 2, "replicas": 2, "readyReplicas": 2,
            "currentRevision": "b", "updateRevision": "b",
        }));
        assert_eq!(rolled, Rollout { updated: 2, seen: false, ..rolling });
    }
}
