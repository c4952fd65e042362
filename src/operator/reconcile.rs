//! One look at one object: read and validate → dereference → build → apply → observe → status.

use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use kube::core::DynamicObject;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::{Resource, ResourceExt};

use super::apply;
use super::build::{self, Image, Plan};
use super::cluster::Cluster;
use super::dereference::{self, Missing, PodMonitors, Referred};
use super::error::{Doing, Error, Result};
use super::fingerprint;
use super::metrics::Metrics;
use super::names::FINALIZER;
use super::object;
use super::observe::{self, Observed};
use super::queue::{Cause, Key};
use super::remove::{self, Removal};
use super::status::{self, Applied, Before, Desired, Numbers, Observation, Phase};
use rollcall_object::resource::ReconciliationStatus;
use rollcall_object::{Problem, Reconciliation, Validated};

/// How soon to look again at a settled object: workers are asked, and Secrets read.
const LOOK: Duration = Duration::from_secs(10);
/// How soon to look again at an object that is progressing.
const LOOK_SOON: Duration = Duration::from_secs(2);
/// How soon to look again at an object that only a change seen by a watch can help.
const LOOK_LATE: Duration = Duration::from_secs(300);
/// How often everything is applied even if nothing seems to have changed.
const APPLY_EVERY: Duration = Duration::from_secs(600);
/// How often a change of numbers alone makes a new status.
const NUMBERS_EVERY: Duration = Duration::from_secs(30);

/// What every look needs, whatever the object.
#[derive(Clone)]
pub struct Context {
    pub cluster: Cluster,
    pub recorder: Recorder,
    pub metrics: Metrics,
    pub image: Image,
    pub service_url: Option<String>,
    pub monitors: PodMonitors,
}

/// What is remembered of an object between looks; losing it costs a few requests.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// What was applied last, and when.
    applied: Option<(String, Instant)>,
    /// The children may have changed since they were applied.
    is_stale: bool,
    numbers_at: Option<Instant>,
    silent_looks: u32,
    told: Option<String>,
}

/// Looks at an object and does what has to be done; returns when to look again, if ever.
///
/// # Errors
/// What keeps the operator from its work; the object is then reported as `Degraded`.
pub async fn reconcile(
    context: &Context,
    key: &Key,
    cause: Cause,
    memory: &mut Memory,
) -> Result<Option<Duration>> {
    let api = context.cluster.reconciliations(&key.namespace);
    let stored = api.get_opt(&key.name).await.doing(|| "read the object".to_owned())?;
    let Some(stored) = stored else {
        context.metrics.forget(key);
        return Ok(None);
    };
    if cause == Cause::Change {
        memory.is_stale = true;
    }
    let object = object::read(&stored);
    if stored.metadata.deletion_timestamp.is_some() {
        context.metrics.forget(key);
        return delete(context, &stored, object, memory).await;
    }
    let problems = match object {
        Ok(object) => return look(context, key, &stored, &object, memory).await,
        Err(problems) => problems,
    };
    match write_status(context, key, &stored, &Observation::Invalid(&problems), memory).await {
        Ok(_) => {}
        Err(Error::Api { .. }) => warn_invalid(context, &stored, &problems, memory).await,
        Err(error) => return Err(error),
    }
    Ok(Some(LOOK_LATE))
}

/// Reports in an Event what is wrong with an object that is so broken that the API server does not
/// allow writing its status.
async fn warn_invalid(
    context: &Context,
    stored: &DynamicObject,
    problems: &[Problem],
    memory: &mut Memory,
) {
    let first = &problems[0];
    let note = format!("{}: {}: {}", first.path, first.message, first.remedy);
    if memory.told.as_ref() != Some(&note) {
        tracing::warn!(object = stored.name_any(), "not valid, and takes no status: {note}");
        publish(context, stored, EventType::Warning, "InvalidSpec", &note).await;
        memory.told = Some(note);
    }
}

async fn look(
    context: &Context,
    key: &Key,
    stored: &DynamicObject,
    object: &Validated,
    memory: &mut Memory,
) -> Result<Option<Duration>> {
    let before = object::status(stored);
    let attempt = act(context, object, &before, memory).await;
    let Acted { observed, remark } = match attempt {
        Ok(Outcome::Done(acted)) => acted,
        Ok(Outcome::Blocked(Missing { reason, message })) => {
            let phase = if reason == "NameTaken" { Phase::Stalled } else { Phase::Progressing };
            let observation = Observation::Blocked { reason, message: &message, phase };
            write_status(context, key, stored, &observation, memory).await?;
            return Ok(Some(LOOK));
        }
        Err(error @ Error::Deposed) => return Err(error),
        Err(error) => {
            let (reason, message) = (error.reason(), error.to_string());
            let phase = Phase::Progressing;
            let observation = Observation::Blocked { reason, message: &message, phase };
            write_status(context, key, stored, &observation, memory).await?;
            return Err(error);
        }
    };
    let spec = object.spec();
    let silent = observed.silent().next().is_some();
    memory.silent_looks = if silent { memory.silent_looks + 1 } else { 0 };
    let applied = Applied {
        desired: if spec.paused { Desired::Paused } else { Desired::Workers(spec.replicas) },
        silent_looks: memory.silent_looks,
        observed: &observed,
        remark: remark.as_ref(),
    };
    let after = write_status(context, key, stored, &Observation::Applied(applied), memory).await?;
    Ok(Some(if is(&after, "Progressing") { LOOK_SOON } else { LOOK }))
}

/// The result of the operator's work when nothing has failed.
enum Outcome<T> {
    Done(T),
    /// Something that the object needs is missing or in the way, and only its user can change that.
    Blocked(Missing),
}

/// The state of an object's children.
struct Acted {
    observed: Observed,
    remark: Option<Missing>,
}

/// Applies the children and observes their state.
async fn act(
    context: &Context,
    object: &Validated,
    before: &ReconciliationStatus,
    memory: &mut Memory,
) -> Result<Outcome<Acted>> {
    let Context { cluster, image, service_url, monitors, .. } = context;
    let metadata = object.metadata();
    let (namespace, name) = (object.namespace(), object.name());
    if remove::wants_finalizer(object.spec()) != remove::has_finalizer(metadata) {
        let ours: &[&str] = if remove::has_finalizer(metadata) { &[] } else { &[FINALIZER] };
        cluster.apply_finalizers(metadata, ours).await?;
    }
    let referred = dereference::dereference(cluster, namespace, object.spec(), *monitors).await?;
    let Referred { secrets, missing, forbidden, aside, monitoring } = referred;
    if let Some(missing) = missing {
        return Ok(Outcome::Blocked(missing));
    }
    let config = build::config(object);
    let plan = Plan {
        object,
        image,
        operator_url: service_url.as_deref(),
        hashes: fingerprint::hashes(&config, &secrets),
        config,
        replicas: replicas(object, before),
        monitoring,
    };
    let children = build::children(&plan);
    let digest = digest(&children);
    let known = memory.applied.as_ref().filter(|(applied, _)| *applied == digest);
    let is_current = known.is_some_and(|(_, at)| at.elapsed() < APPLY_EVERY && !memory.is_stale);
    if !is_current {
        let applied = apply::apply(cluster, metadata, &children).await?;
        if let apply::Outcome::Taken { kind, name } = applied {
            let message = format!(
                "there is a {kind} {name} that does not belong to this object: delete it, or \
                 give the object another name"
            );
            return Ok(Outcome::Blocked(Missing { reason: "NameTaken", message }));
        }
        if known.is_none() {
            tracing::info!(object = format!("{namespace}/{name}"), "applied");
        }
        memory.is_stale = false;
        memory.applied = Some((digest, Instant::now()));
    }
    let observed =
        observe::observe(cluster, namespace, name, object.spec().console.as_ref()).await?;
    Ok(Outcome::Done(Acted { observed, remark: forbidden.or(aside) }))
}

/// Returns how many workers to run: never more than there are shards, once their number is known.
fn replicas(object: &Validated, before: &ReconciliationStatus) -> i32 {
    if object.spec().paused {
        return 0;
    }
    object.spec().replicas.min(before.partitions.unwrap_or(i32::MAX))
}

fn digest(children: &build::Children) -> String {
    let present = children.present.iter().map(|child| child.value.to_string());
    let absent =
        children.absent.iter().map(|absent| format!("{}/{}", absent.resource.kind, absent.name));
    fingerprint::of_text(&present.chain(absent).collect::<Vec<_>>().join("\n"))
}

/// Writes the status if it has changed, and an Event if the object has entered another state;
/// returns the status.
async fn write_status(
    context: &Context,
    key: &Key,
    stored: &DynamicObject,
    observation: &Observation<'_>,
    memory: &mut Memory,
) -> Result<ReconciliationStatus> {
    let written = object::status(stored);
    let generation = stored.metadata.generation;
    let before = Before { name: &key.name, generation, status: &written };
    let after = status::status(&before, observation, Timestamp::now());
    let stale = memory.numbers_at.is_none_or(|at| at.elapsed() >= NUMBERS_EVERY);
    let numbers = if stale { Numbers::Stale } else { Numbers::Fresh };
    if status::worth_writing(&written, &after, numbers) {
        let value = serde_json::to_value(&after).expect("a status is plain data");
        context.cluster.apply_status(&stored.metadata, &value).await?;
        memory.numbers_at = Some(Instant::now());
    }
    let transitions = transitions(&written, &after);
    for Condition { type_, status, reason, message, .. } in &transitions {
        let type_ = match (type_.as_str(), status.as_str()) {
            ("Degraded", _) => EventType::Warning,
            _ => EventType::Normal,
        };
        tracing::info!(object = %key, ready = is(&after, "Ready"), reason, "{message}");
        publish(context, stored, type_, reason, message).await;
    }
    context.metrics.ready(key).set(i64::from(is(&after, "Ready")));
    Ok(after)
}

/// Returns the conditions that deserve an Event: those that report trouble now, or else whether the
/// object is ready.
fn transitions(before: &ReconciliationStatus, after: &ReconciliationStatus) -> Vec<Condition> {
    let find = |status: &ReconciliationStatus, type_: &str| {
        status.conditions.iter().find(|condition| condition.type_ == type_).cloned()
    };
    let changed = |type_: &str| {
        let (was, is) = (find(before, type_), find(after, type_)?);
        let is_news = was.is_none_or(|was| (&was.status, &was.reason) != (&is.status, &is.reason));
        is_news.then_some(is)
    };
    let degraded = changed("Degraded").filter(|degraded| degraded.status == "True");
    let ready = changed("Ready");
    let same = |ready: &Condition| degraded.as_ref().is_some_and(|d| d.reason == ready.reason);
    let ready = ready.filter(|ready| !same(ready));
    ready.into_iter().chain(degraded.clone()).collect()
}

fn is(status: &ReconciliationStatus, type_: &str) -> bool {
    status.conditions.iter().any(|found| found.type_ == type_ && found.status == "True")
}

/// A failure to write an Event is no reason to stop.
async fn publish(
    context: &Context,
    stored: &DynamicObject,
    type_: EventType,
    reason: &str,
    note: &str,
) {
    let mut reference = stored.object_ref(&kube::core::ApiResource::erase::<Reconciliation>(&()));
    reference.resource_version = None;
    let event = Event {
        type_,
        reason: reason.to_owned(),
        note: (!note.is_empty()).then(|| note.to_owned()),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    if let Err(error) = context.recorder.publish(&event, &reference).await {
        tracing::warn!(object = stored.name_any(), %error, "an Event could not be written");
    }
}

/// Deletes what does not go away with the object by itself, and releases the object.
async fn delete(
    context: &Context,
    stored: &DynamicObject,
    object: std::result::Result<Validated, Vec<Problem>>,
    memory: &mut Memory,
) -> Result<Option<Duration>> {
    let metadata = &stored.metadata;
    if !remove::has_finalizer(metadata) {
        return Ok(None);
    }
    let cluster = &context.cluster;
    let out_of_patience = remove::is_out_of_patience(metadata, Timestamp::now());
    let left = match object {
        Err(problems) => Some(format!("the object is not valid: {}", problems[0])),
        Ok(object) if !remove::wants_finalizer(object.spec()) => None,
        Ok(object) => match forget_topics(context, &object).await {
            Ok(Outcome::Done(Removal::Done)) => {
                tracing::info!(object = stored.name_any(), "changelog and group deleted");
                None
            }
            Ok(Outcome::Done(Removal::WaitingForWorkers(_))) if !out_of_patience => {
                return Ok(Some(LOOK_SOON));
            }
            Ok(Outcome::Done(Removal::WaitingForWorkers(pods))) => {
                Some(format!("{pods} workers do not end"))
            }
            Ok(Outcome::Blocked(missing)) => Some(missing.message),
            Err(error @ Error::Deposed) => return Err(error),
            Err(error) if out_of_patience => Some(error.to_string()),
            Err(error) => {
                let note = format!("{error}; to keep topics, set spec.deletionPolicy to Retain");
                if memory.told.as_ref() != Some(&note) {
                    publish(context, stored, EventType::Warning, "TopicsNotDeleted", &note).await;
                    memory.told = Some(note);
                }
                return Err(error);
            }
        },
    };
    if let Some(why) = left {
        let note = format!("changelog and group are left in Kafka: {why}");
        tracing::warn!(object = stored.name_any(), "{note}");
        publish(context, stored, EventType::Warning, "TopicsLeft", &note).await;
    }
    cluster.apply_finalizers(metadata, &[]).await?;
    Ok(None)
}

async fn forget_topics(context: &Context, object: &Validated) -> Result<Outcome<Removal>> {
    let Context { cluster, monitors, .. } = context;
    let namespace = object.namespace();
    let referred = dereference::dereference(cluster, namespace, object.spec(), *monitors).await?;
    if let Some(missing) = referred.missing.or(referred.forbidden) {
        return Ok(Outcome::Blocked(missing));
    }
    remove::remove(cluster, object, &referred.secrets).await.map(Outcome::Done)
}
