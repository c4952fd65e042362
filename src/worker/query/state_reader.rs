//! Passes questions about keys to the lane that has their shard.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        mpsc::{Sender, SyncSender, sync_channel},
    },
    time::Duration,
};

use tokio::sync::{Semaphore, oneshot};

use super::{open_key_scan::OpenKeyScans, recent::Recent};
use crate::{
    command::{Command, lane_of},
    view::{State, View},
};
use rollcall_core::{
    matching::{Row, Rules},
    record::ShardId,
    shard::{Portion, PortionCursor, Running, Store, decode_row},
};
use rollcall_object::Settings;
use rollcall_service::state_api::Problem;
use rollcall_store::RocksStore;

/// How long a lane may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Questions that are sent to lanes at the same time, so that many clients cannot slow them down.
const QUESTIONS_MAX: usize = 4;

/// A question to a lane about one of its shards. Dropped if the shard is not there.
pub enum Question {
    /// The rows of some keys.
    Rows(Vec<Vec<u8>>, oneshot::Sender<Cached>),
    /// Rows that the store does not have yet.
    NotStored(Option<PortionCursor>, usize, SyncSender<Portion>),
}

/// The rows that are in memory, in the order of the keys, and where to find the others.
pub struct Cached {
    /// In their encoding; see [`decode_row`].
    rows: Vec<Option<Vec<u8>>>,
    store: Arc<RocksStore>,
}

impl Question {
    /// Answers, on the shard's lane; dropping the question reports that the shard is not there. The
    /// client may have gone away.
    pub fn answer(self, shard: Option<&Running<RocksStore>>) {
        let Some(shard) = shard else { return };
        match self {
            Self::Rows(keys, reply) => {
                let rows = keys.iter().map(|key| shard.cached(key).map(<[u8]>::to_vec)).collect();
                let _ = reply.send(Cached { rows, store: Arc::clone(shard.store()) });
            }
            Self::NotStored(from, limit, reply) => {
                let _ = reply.send(shard.not_stored(from, limit));
            }
        }
    }
}

/// Passes questions from HTTP to the lanes, and their answers back.
pub struct StateReader {
    pub view: Arc<View>,
    pub recent: Arc<Recent>,
    pub rules: Rules,
    /// The input topics, in the order of their numbers.
    pub inputs: Vec<String>,
    pub state_dir: PathBuf,
    pub(super) scans: OpenKeyScans,
    /// Set once the lanes run.
    lanes: OnceLock<Vec<Sender<Command>>>,
    asking: Arc<Semaphore>,
}

impl StateReader {
    pub fn new(view: Arc<View>, settings: &Settings, state_dir: PathBuf) -> Self {
        Self {
            view,
            recent: Arc::default(),
            rules: settings.rules(),
            inputs: settings.inputs().into_iter().map(str::to_owned).collect(),
            state_dir,
            scans: OpenKeyScans::default(),
            lanes: OnceLock::new(),
            asking: Arc::new(Semaphore::new(QUESTIONS_MAX)),
        }
    }

    /// Sets the channels to the lanes; shard s is on lane s modulo their number.
    pub fn open(&self, lanes: Vec<Sender<Command>>) {
        // A worker starts its lanes once.
        let _ = self.lanes.set(lanes);
    }

    /// Returns the shards that run here, and those that are ours but do not run.
    pub fn shards(&self) -> (Vec<ShardId>, Vec<ShardId>) {
        let ours = self.view.shards().into_iter().filter(|(_, view)| view.is_ours());
        let (running, others): (Vec<_>, Vec<_>) =
            ours.partition(|(_, view)| matches!(view.state, State::Running));
        let ids = |shards: Vec<(ShardId, _)>| shards.into_iter().map(|(id, _)| id).collect();
        (ids(running), ids(others))
    }

    /// Returns the rows of some keys of one shard, in order; an absent row is a key of which
    /// nothing is known.
    pub async fn rows(&self, shard: ShardId, keys: Vec<Vec<u8>>) -> Result<Vec<Row>, Problem> {
        let turn = Arc::clone(&self.asking).acquire_owned().await.expect("it is never closed");
        let wanted = keys.clone();
        let Cached { rows, store } = self.ask(shard, |reply| Question::Rows(wanted, reply)).await?;
        let look = move || -> rollcall_core::shard::Result<Vec<Row>> {
            // The look-up uses a thread, even if the client no longer waits for it.
            let _turn = turn;
            let missing = keys.iter().zip(&rows).filter(|(_, row)| row.is_none());
            let names: Vec<&[u8]> = missing.map(|(key, _)| &key[..]).collect();
            let mut stored = store.get_many(&names)?.into_iter();
            let rows = rows.into_iter().map(|row| {
                let bytes = row.or_else(|| stored.next().flatten()).unwrap_or_default();
                decode_row(shard, &bytes)
            });
            rows.collect()
        };
        let found = tokio::task::spawn_blocking(look).await;
        let found = found.map_err(|error| failed(shard, &error))?;
        found.map_err(|error| failed(shard, &error))
    }

    /// Returns rows that the shard's store does not have yet. Blocks: not for HTTP's own threads.
    pub fn not_stored(
        &self,
        shard: ShardId,
        from: Option<PortionCursor>,
        limit: usize,
    ) -> Result<Portion, Problem> {
        let (reply, answer) = sync_channel(1);
        self.send(shard, Question::NotStored(from, limit, reply))?;
        answer.recv_timeout(ANSWER_WAIT).map_err(|_| gone(shard))
    }

    async fn ask<T>(
        &self,
        shard: ShardId,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        self.send(shard, question(reply))?;
        match tokio::time::timeout(ANSWER_WAIT, answer).await {
            Ok(answer) => answer.map_err(|_| gone(shard)),
            Err(_) => Err(not_running(shard.0.unsigned_abs(), "its lane is busy: ask again")),
        }
    }

    fn send(&self, shard: ShardId, question: Question) -> Result<(), Problem> {
        let lanes = self.lanes.get().ok_or_else(|| gone(shard))?;
        let lane = lane_of(shard, lanes.len());
        lanes[lane].send(Command::Ask(shard, question)).map_err(|_| gone(shard))
    }

    /// Returns the rows of keys of several shards, by shard and key; shards that have been lost
    /// meanwhile are left out.
    pub async fn rows_of(
        &self,
        keys: impl Iterator<Item = (ShardId, Vec<u8>)>,
    ) -> BTreeMap<(ShardId, Vec<u8>), Row> {
        let mut by_shard: BTreeMap<ShardId, Vec<Vec<u8>>> = BTreeMap::new();
        for (shard, key) in keys {
            by_shard.entry(shard).or_default().push(key);
        }
        let mut found = BTreeMap::new();
        for (shard, keys) in by_shard {
            if let Ok(rows) = self.rows(shard, keys.clone()).await {
                found.extend(keys.into_iter().map(|key| (shard, key)).zip(rows));
            }
        }
        found
    }
}

pub(super) fn not_running(shard: u32, why: &str) -> Problem {
    let detail = format!("shard {shard} is not running: {why}");
    Problem::new(503, "NotRunning", &detail, Some(shard))
}

fn gone(shard: ShardId) -> Problem {
    not_running(shard.0.unsigned_abs(), "it is being given up or opened again: ask again")
}

fn failed(shard: ShardId, error: &impl std::fmt::Display) -> Problem {
    let shard = shard.0.unsigned_abs();
    Problem::new(500, "Unreadable", &format!("shard {shard}: {error}"), Some(shard))
}
