//! Finds a key: first in the shard that it belongs to, then in all others of this worker.
//!
//! A key may be in another shard than it belongs to: while it is unknown how the inputs are
//! partitioned, or since a time when that was unknown. Where keys are parts of record keys, they do
//! not show to which shard they belong.

use std::num::NonZeroU32;

use super::{
    state_reader::{StateReader, not_running},
    story,
};
use rollcall_core::{matching::Row, record::ShardId, shard::Placement};
use rollcall_service::state_api::Problem;

impl StateReader {
    /// Returns the row of `key` and the shard that has it.
    pub async fn find(&self, key: &[u8]) -> Result<(ShardId, Row), Problem> {
        let partitions = self.view.partitions().and_then(NonZeroU32::new);
        let partitions = partitions.ok_or_else(|| {
            let detail = "the worker has not seen its topics yet: see /v1/status";
            Problem::new(503, "NotStarted", detail, None)
        })?;
        let partitioner = self.view.placement().and_then(Placement::key_partitioner);
        let belongs = partitioner.map(|partitioner| partitioner.partition(key, partitions));
        let (mut running, others) = self.shards();
        // A stable sort: the shard that the key belongs to comes first.
        running.sort_by_key(|shard| Some(shard.0.unsigned_abs()) != belongs);
        let mut unanswered = None;
        for &shard in &running {
            match self.rows(shard, vec![key.to_vec()]).await {
                Ok(rows) => {
                    let row = rows.into_iter().next().expect("each key has its row");
                    if story::state(&row).is_some() {
                        return Ok((shard, row));
                    }
                }
                Err(problem) => unanswered = unanswered.or(Some(problem)),
            }
        }
        if let Some(unanswered) = unanswered {
            return Err(unanswered);
        }
        let is = |shard: &&ShardId| belongs.is_none_or(|at| at == shard.0.unsigned_abs());
        if let Some(stopped) = others.iter().find(is) {
            return Err(self.not_running(*stopped));
        }
        let all_here = running.len() as u64 == u64::from(partitions.get());
        match belongs {
            Some(shard) if running.iter().any(|at| at.0.unsigned_abs() == shard) => {
                Err(unknown(belongs))
            }
            None if all_here => Err(unknown(None)),
            _ => Err(misdirected(belongs)),
        }
    }

    fn not_running(&self, shard: ShardId) -> Problem {
        let shards = self.view.shards();
        let reason = shards.get(&shard).and_then(|view| view.reason());
        not_running(shard.0.unsigned_abs(), reason.unwrap_or("it is being restored"))
    }
}

fn unknown(shard: Option<u32>) -> Problem {
    let detail = "nothing is known of the key: it was never seen, or it is forgotten";
    Problem::new(404, "UnknownKey", detail, shard)
}

fn misdirected(shard: Option<u32>) -> Problem {
    let detail = match shard {
        Some(shard) => {
            format!("shard {shard} is not this worker's: ask the one whose /v1/status lists it")
        }
        None => "none of this worker's shards has the key, and how producers choose partitions is \
                 not known: ask the other workers, too"
            .to_owned(),
    };
    Problem::new(421, "Misdirected", &detail, shard)
}
