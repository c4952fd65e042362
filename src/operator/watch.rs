//! Signals when an object, or one of its children, has changed.
//!
//! Only metadata is watched and nothing is parsed, so that a broken object cannot hide others. A
//! watch that fails, for example because the definition does not exist yet, is retried with growing
//! pauses.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use kube::api::{Api, DynamicObject, PartialObjectMeta};
use kube::core::ApiResource;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{WatchStreamExt, watcher::Error};
use kube::{Client, Resource};
use tokio::sync::mpsc::Sender;

use super::build;
use super::names;
use super::queue::{Cause, Key};
use rollcall_object::Reconciliation;

const PAUSE_MIN: Duration = Duration::from_millis(500);
/// This also bounds how long it takes to notice a new definition.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What a watch has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// Such an object exists; includes why to look at it, if there is a reason.
    Seen(Key, Option<Cause>),
    /// The object no longer exists.
    Gone(Key),
    /// A child of such an object has changed.
    Child(Key, Cause),
    /// A watch starts again, of one namespace or of all: objects may have been missed.
    Restarted(Option<String>),
}

/// Watches until the receiver is gone; `namespace` limits it to one.
pub async fn objects(client: Client, namespace: Option<String>, signals: Sender<Signal>) {
    let resource = ApiResource::erase::<Reconciliation>(&());
    let mut seen = Versions::default();
    let send = |event| match event {
        Event::Init => vec![Signal::Restarted(namespace.clone())],
        Event::InitDone => vec![],
        Event::Apply(object) | Event::InitApply(object) => {
            let cause = seen.look(&object);
            key(&object).map(|key| Signal::Seen(key, cause)).into_iter().collect()
        }
        Event::Delete(object) => {
            seen.forget(&object);
            key(&object).map(Signal::Gone).into_iter().collect()
        }
    };
    run(client, resource, namespace.clone(), watcher::Config::default(), signals, send).await;
}

/// Watches the children of one kind until the receiver is gone.
pub async fn children(
    client: Client,
    resource: ApiResource,
    namespace: Option<String>,
    signals: Sender<Signal>,
) {
    let config = watcher::Config::default().labels(&names::managed_selector());
    let mut seen = Versions::default();
    let send = |event| {
        let signal = match event {
            Event::Init | Event::InitDone => None,
            Event::Apply(child) | Event::InitApply(child) => {
                // A change of the status only needs a look; the operator's own applies change the
                // generation.
                let cause = seen.look(&child).unwrap_or(Cause::Look);
                owner(&child).map(|key| Signal::Child(key, cause))
            }
            Event::Delete(child) => {
                seen.forget(&child);
                owner(&child).map(|key| Signal::Child(key, Cause::Change))
            }
        };
        signal.into_iter().collect()
    };
    run(client, resource, namespace, config, signals, send).await;
}

/// Returns the kinds whose changes need a look, in addition to the objects themselves.
pub fn child_kinds() -> Vec<ApiResource> {
    build::watched()
}

type Metadata = PartialObjectMeta<DynamicObject>;

async fn run(
    client: Client,
    resource: ApiResource,
    namespace: Option<String>,
    config: watcher::Config,
    signals: Sender<Signal>,
    mut translate: impl FnMut(Event<Metadata>) -> Vec<Signal>,
) {
    let api: Api<Metadata> = match &namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    let mut events = watcher(api, config).backoff(Pauses::default()).boxed();
    let mut told = String::new();
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                let trouble = trouble(&resource, &error);
                if told != trouble {
                    tracing::warn!("{trouble}");
                    told = trouble;
                }
                continue;
            }
        };
        if matches!(event, Event::InitDone) && !told.is_empty() {
            told.clear();
            tracing::info!(kind = resource.kind, "watching again");
        }
        for signal in translate(event) {
            if signals.send(signal).await.is_err() {
                return;
            }
        }
    }
}

fn trouble(resource: &ApiResource, error: &Error) -> String {
    let code = match error {
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status))
        | Error::WatchFailed(kube::Error::Api(status)) => status.code,
        Error::WatchError(status) => status.code,
        _ => 0,
    };
    let ApiResource { kind, plural, group, .. } = resource;
    match code {
        404 => format!(
            "the API server knows no {kind}: waiting for the definition {plural}.{group}; \
             `rollcall crd` prints it"
        ),
        403 => format!("may not watch {plural}: grant list and watch to the service account"),
        _ => format!("the watch of {plural} starts again: {error}"),
    }
}

/// Distinguishes changes that have to be acted on from changes of the status only.
#[derive(Default)]
struct Versions(HashMap<String, (Option<i64>, String)>);

impl Versions {
    /// Returns the cause for a look; `None` when only the status has changed.
    fn look(&mut self, object: &Metadata) -> Option<Cause> {
        let meta = &object.metadata;
        let uid = meta.uid.clone().unwrap_or_default();
        // Kinds without a generation have no status either: every version counts.
        let version = match meta.generation {
            Some(_) => format!(
                "{:?} {:?} {:?} {:?}",
                meta.deletion_timestamp, meta.finalizers, meta.labels, meta.owner_references
            ),
            None => meta.resource_version.clone().unwrap_or_default(),
        };
        let version = (meta.generation, version);
        let before = self.0.insert(uid, version.clone());
        (before != Some(version)).then_some(Cause::Change)
    }

    fn forget(&mut self, object: &Metadata) {
        self.0.remove(object.metadata.uid.as_deref().unwrap_or_default());
    }
}

fn key(object: &Metadata) -> Option<Key> {
    let metadata = &object.metadata;
    Some(Key { namespace: metadata.namespace.clone()?, name: metadata.name.clone()? })
}

fn owner(child: &Metadata) -> Option<Key> {
    let owners = child.metadata.owner_references.iter().flatten();
    let ours = |kind: &str| kind == Reconciliation::kind(&());
    let owner = owners.into_iter().find(|owner| ours(&owner.kind))?;
    Some(Key { namespace: child.metadata.namespace.clone()?, name: owner.name.clone() })
}

/// Pauses between attempts, each twice as long as the one before.
struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(PAUSE_MIN)
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.0;
        self.0 = (self.0 * 2).min(PAUSE_MAX);
        Some(pause)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn metadata(metadata: &Value) -> Metadata {
        serde_json::from_value(json!({ "metadata": metadata })).expect("metadata")
    }

    #[test]
    fn a_status_is_no_change() {
        let mut seen = Versions::default();
        let first = json!({ "uid": "u", "generation": 1, "resourceVersion": "10" });
        assert_eq!(seen.look(&metadata(&first)), Some(Cause::Change));
        let status = json!({ "uid": "u", "generation": 1, "resourceVersion": "11" });
        assert_eq!(seen.look(&metadata(&status)), None);
        let spec = json!({ "uid": "u", "generation": 2, "resourceVersion": "12" });
        assert_eq!(seen.look(&metadata(&spec)), Some(Cause::Change));
        let deleted = json!({
            "uid": "u", "generation": 2, "resourceVersion": "13",
            "deletionTimestamp": "2026-01-01T00:00:00Z",
        });
        assert_eq!(seen.look(&metadata(&deleted)), Some(Cause::Change));
    }

    #[test]
    fn each_version_of_a_kind_without_generation_is_a_change() {
        let mut seen = Versions::default();
        for version in ["1", "2"] {
            let config_map = metadata(&json!({ "uid": "u", "resourceVersion": version }));
            assert_eq!(seen.look(&config_map), Some(Cause::Change));
            assert_eq!(seen.look(&config_map), None);
        }
    }

    #[test]
    fn a_child_leads_to_its_object() {
        let child = metadata(&json!({
            "name": "shipping-config", "namespace": "shop",
            "ownerReferences": [{
                "apiVersion": "rollcall.dev/v1alpha1", "kind": "Reconciliation",
                "name": "shipping", "uid": "u",
            }],
        }));
        let key = Key { namespace: "shop".to_owned(), name: "shipping".to_owned() };
        assert_eq!(owner(&child), Some(key));
        assert_eq!(owner(&metadata(&json!({ "name": "other", "namespace": "shop" }))), None);
    }
}
