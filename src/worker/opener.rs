//! Opens shards, each on a separate thread.

use std::{
    sync::{Arc, mpsc::Sender},
    time::{Duration, Instant},
};

use super::{committer::wall_ms, spawn, supervisor::Event};
use rollcall_core::{
    owner::{Next, Stay, Trust},
    record::ShardId,
    shard::{Limits, Opening, Plan, Progress, Result, Running},
};
use rollcall_kafka::{KafkaBroker, ShardProducer};
use rollcall_service::telemetry::Tracer;
use rollcall_store::{RocksStore, Stores};

/// The result of opening a shard.
pub struct Opened {
    pub shard: ShardId,
    pub stay: Stay,
    pub result: Result<(Running<RocksStore>, ShardProducer)>,
    pub took: Duration,
}

/// Everything needed to open shards.
#[derive(Clone)]
pub struct Opener {
    pub plan: Arc<Plan>,
    pub broker: KafkaBroker,
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
        Next { shard, stay, store }: Next,
        limits: Limits,
        progress: Arc<Progress>,
    ) -> std::result::Result<(), String> {
        let opener = self.clone();
        let open = move || {
            let start = Instant::now();
            let result = opener.open(shard, store, limits, &progress);
            let took = start.elapsed();
            if let Some(tracer) = &opener.tracer {
                tracer.opened(shard, &progress, result.as_ref().err().map(ToString::to_string));
            }
            if let Ok((running, _)) = &result {
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
        shard: ShardId,
        trust: Trust,
        limits: Limits,
        progress: &Progress,
    ) -> Result<(Running<RocksStore>, ShardProducer)> {
        if trust == Trust::Lost {
            self.stores.forget(shard)?;
        }
        let store = self.stores.shard(shard)?;
        let opening = Opening { plan: &self.plan, shard, limits, wall_ms: &wall_ms, progress };
        opening.open(&self.broker, store)
    }
}
