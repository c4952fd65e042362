//! The schemas of records, from a schema registry with Confluent's API: the port of the core.
//!
//! ```text
//!  find(id) ──► nothing known ──► Asked ──► Known | Unusable | Unknown (for a while)
//!                                   │ ▲
//!                      no answer    ▼ │ again, with backoff, until there is one
//!                                 Failed
//! ```
//!
//! Promise: a schema is asked for once by a process, however many shards and threads want it, and
//! never by a thread that processes records. What is cached is bounded, and so is an answer in time
//! and size. Ban: no redirect is followed, so a login goes nowhere else.

#![forbid(unsafe_code)]

mod answer;
mod ask;
mod background;
mod protobuf;
mod viewer;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::runtime;

pub use self::background::Background;
pub use self::viewer::{SchemaTimeout, Shown, Viewer};

use self::ask::{Asker, Found};
use rollcall_core::codec::schemas::{Lookup, Schema, SchemaId, Schemas};
use rollcall_object::Settings;

/// How long records wait in place for an answer; then their shard is closed until there is one.
const PENDING_MAX: Duration = Duration::from_secs(1);
/// Pauses before a schema that the registry does not have is asked for again: its other instances
/// may learn of a new schema a moment later.
const UNKNOWN_PAUSES: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(450)];
/// How long the answer that there is no usable schema counts.
const REFUSAL_KEPT: Duration = Duration::from_secs(60);
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Schemas in the cache. More only occur if ids are invented, and then the cache starts over; as
/// many are asked for at a time.
const CACHED_MAX: usize = 10_000;

/// The schemas of a registry, as far as they were asked for.
pub struct Registry {
    shared: Arc<Shared>,
    runtime: runtime::Handle,
}

struct Shared {
    asker: Asker,
    known: Mutex<HashMap<SchemaId, State>>,
    figures: Figures,
}

/// What is known of a schema.
enum State {
    Known(Schema),
    /// It is not there, or cannot be used for this reason.
    Refused {
        why: Option<Arc<str>>,
        until: Instant,
    },
    /// The answer has not come yet; with the reason if the registry has failed to answer before.
    Asked {
        since: Instant,
        failed: Option<Arc<str>>,
    },
}

/// What was asked of the registry.
#[derive(Debug, Default)]
pub struct Figures {
    /// Requests that were answered with what was asked for.
    found: AtomicU64,
    /// Requests that were answered by there being no such thing.
    unknown: AtomicU64,
    /// Requests without a usable answer.
    failed: AtomicU64,
}

/// What the registry was asked for, and what is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub found: u64,
    pub unknown: u64,
    pub failed: u64,
    /// Schemas in the cache.
    pub cached: u64,
    /// Schemas that were asked for and are not there yet.
    pub awaited: u64,
}

impl Registry {
    /// Returns the registry that a reconciliation asks; `None` if it asks none.
    pub fn of(settings: &Settings, runtime: &runtime::Handle) -> Option<Arc<Self>> {
        let named = settings.registry.clone().filter(|_| settings.asks_registry())?;
        Some(Arc::new(Self::new(named, runtime.clone())))
    }

    /// Returns the schemas of a registry, which is asked on `runtime`.
    pub fn new(settings: rollcall_object::Registry, runtime: runtime::Handle) -> Self {
        let asker = Asker::new(settings);
        let shared = Shared { asker, known: Mutex::default(), figures: Figures::default() };
        Self { shared: Arc::new(shared), runtime }
    }

    pub fn counts(&self) -> Counts {
        let Figures { found, unknown, failed } = &self.shared.figures;
        let [found, unknown, failed] =
            [found, unknown, failed].map(|count| count.load(Ordering::Relaxed));
        let known = self.shared.known();
        let count =
            |of: fn(&State) -> bool| known.values().filter(|state| of(state)).count() as u64;
        Counts {
            found,
            unknown,
            failed,
            cached: count(|state| matches!(state, State::Known(_))),
            awaited: count(|state| matches!(state, State::Asked { .. })),
        }
    }
}

impl Schemas for Registry {
    fn find(&self, id: SchemaId) -> Lookup {
        let now = Instant::now();
        let mut known = self.shared.known();
        match known.get(&id) {
            Some(State::Known(schema)) => return Lookup::Known(schema.clone()),
            Some(State::Refused { why, until }) if *until > now => {
                return why.clone().map_or(Lookup::Unknown, Lookup::Unusable);
            }
            Some(State::Asked { failed: Some(why), .. }) => {
                return Lookup::Unavailable(Arc::clone(why));
            }
            Some(State::Asked { since, .. }) if now - *since < PENDING_MAX => {
                return Lookup::Pending;
            }
            Some(State::Asked { .. }) => return Lookup::Unavailable(self.shared.asker.is_slow()),
            Some(State::Refused { .. }) | None => {}
        }
        if known.len() >= CACHED_MAX {
            known.retain(|_, state| matches!(state, State::Asked { .. }));
        }
        if known.len() >= CACHED_MAX {
            return Lookup::Unavailable(self.shared.asker.is_slow());
        }
        known.insert(id, State::Asked { since: now, failed: None });
        drop(known);
        self.runtime.spawn(ask_until_answered(Arc::downgrade(&self.shared), id));
        Lookup::Pending
    }
}

/// Asks for a schema until there is an answer, or nobody is left who wants it.
async fn ask_until_answered(shared: Weak<Shared>, id: SchemaId) {
    let (mut pause, mut unknown) = (RETRY_MIN, UNKNOWN_PAUSES.iter());
    loop {
        let Some(shared) = shared.upgrade() else { return };
        match shared.asker.ask(id, &shared.figures).await {
            Ok(Found::Schema(schema)) => {
                tracing::info!(%id, "the schema registry has sent a schema");
                shared.known().insert(id, State::Known(schema));
                return;
            }
            Ok(Found::Unusable(why)) => {
                tracing::warn!(%id, "a schema of the registry cannot be used: {why}");
                shared.refuse(id, Some(why));
                return;
            }
            Ok(Found::Nothing) => match unknown.next() {
                Some(pause) => {
                    drop(shared);
                    tokio::time::sleep(*pause).await;
                }
                None => {
                    tracing::warn!(%id, "the schema registry does not have this schema");
                    shared.refuse(id, None);
                    return;
                }
            },
            Err(why) => {
                tracing::warn!(%id, "no schema, asking again in {pause:?}: {why}");
                if let Some(State::Asked { failed, .. }) = shared.known().get_mut(&id) {
                    *failed = Some(why);
                }
                drop(shared);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY_MAX);
            }
        }
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, HashMap<SchemaId, State>> {
        self.known.lock().expect("nothing panics under this lock")
    }

    fn refuse(&self, id: SchemaId, why: Option<Arc<str>>) {
        let until = Instant::now() + REFUSAL_KEPT;
        self.known().insert(id, State::Refused { why, until });
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts().fmt(f)
    }
}

#[cfg(test)]
mod tests;
