//! Opens shards, each on a separate thread.

use std::{
    sync::{Arc, mpsc::Sender},
    time::{Duration, Instant},
};

use super::{command::lane_of, committer::wall_ms, producers::Producers, spawn, supervisor::Event};
use rollcall_core::{
    owner::{Next, Stay, Trust},
    record::ShardId,
    shard::{Limits, Opening, Plan, Progress, Result, Running},
};
use rollcall_kafka::KafkaBroker;
use rollcall_service::telemetry::Tracer;
use rollcall_store::{RocksStore, Stores};

/// The result of opening a shard.
pub struct Opened {
    pub shard: ShardId,
    pub stay: Stay,
    pub result: Result<Running<RocksStore>>,
    pub took: Duration,
}

/// Everything needed to open shards.
#[derive(Clone)]
pub struct Opener {
    pub plan: Arc<Plan>,
    pub broker: KafkaBroker,
    pub producers: Arc<Producers>,
    pub stores: Arc<Stores>,
    pub events: Sender<Event>,
    pub tracer: Option<Tracer>,
}

impl Opener {
    /// Opens the shard on a separate thread, since it may take seconds; returns why there is no
    /// thread.
    ///
    /// # Errors
    /// When the system refuses the thread.
    pub fn start(
        &self,
        next: Next,
        limits: Limits,
        progress: Arc<Progress>,
    ) -> std::result::Result<(), String> {
        let opener = self.clone();
        let Next { shard, stay, .. } = next;
        let open = move || {
            let start = Instant::now();
            let result = opener.open(next, limits, &progress);
            let took = start.elapsed();
            if let Some(tracer) = &opener.tracer {
                tracer.opened(shard, &progress, result.as_ref().err().map(ToString::to_string));
            }
            if let Ok(running) = &result {
                let (shard, next) = (shard.0, running.next_offsets());
                let (seconds, restored) = (took.as_secs_f64(), progress.restored());
                tracing::info!(shard, ?next, restored, seconds, "shard opened");
            }
            let opened = Opened { shard, stay, result, took };
            let _ = opener.events.send(Event::Opened(Box::new(opened)));
        };
        spawn(&format!("open-{shard}"), open).map(drop).map_err(|error| error.to_string())
    }

    fn open(
        &self,
        Next { shard, tenure, store, .. }: Next,
        limits: Limits,
        progress: &Progress,
    ) -> Result<Running<RocksStore>> {
        if store == Trust::Lost {
            self.stores.forget(shard)?;
        }
        let store = self.stores.shard(shard)?;
        self.producers.make_ready()?;
        let lane = lane_of(shard, self.producers.lanes());
        let opening = Opening {
            plan: &self.plan,
            shard,
            tenure,
            owner: self.broker.transactional_id(lane).into(),
            limits,
            wall_ms: &wall_ms,
            progress,
        };
        opening.open(&self.broker, store)
    }
}
