//! The partition that a key belongs to, who knows it, and records in other partitions (S28).

use std::{num::NonZeroU32, sync::Arc};

use super::{Client, Random, Setting, World};
use rollcall_core::{
    codec::{Partitioner, Reason},
    record::ShardId,
    shard::{Partitioning, Placement, Plan},
};

/// How the producers of the inputs choose the partition of a key, and what the object says about
/// it.
#[derive(Debug, Clone, Copy)]
pub struct Partitions {
    pub by: Partitioner,
    pub count: NonZeroU32,
    pub partitioning: Partitioning,
}

/// The number of different keys of an input that suffice to determine its partitioner, wherever
/// they are.
pub const KEYS_THAT_TELL: usize = 64;

impl Partitions {
    /// Draws how the inputs of this many shards are partitioned.
    pub fn draw(random: &mut Random, shards: usize) -> Self {
        let by = *random.pick(&Partitioner::ALL);
        let count = u32::try_from(shards + random.below(2)).expect("there are few shards");
        let partitioning = match random.below(3) {
            0 => Partitioning::Unchecked,
            1 => Partitioning::Named(by),
            _ => Partitioning::Auto,
        };
        let count = NonZeroU32::new(count).expect("there is a shard");
        Self { by, count, partitioning }
    }

    /// Returns a key that belongs to `shard` and begins with `stem`.
    pub fn key_in(&self, shard: ShardId, stem: &str) -> String {
        if self.partitioning == Partitioning::Unchecked {
            return stem.to_owned();
        }
        key_where(stem, |key| self.belongs(key) == shard)
    }

    /// Returns a key that another partitioner sends to `shard`, where it does not belong.
    pub fn foreign_key_in(&self, shard: ShardId, stem: &str) -> String {
        let other = Partitioner::ALL.into_iter().find(|other| *other != self.by);
        let other = Self { by: other.expect("there are three"), ..*self };
        key_where(stem, |key| other.belongs(key) == shard && self.belongs(key) != shard)
    }

    fn belongs(&self, key: &[u8]) -> ShardId {
        ShardId(self.by.partition(key, self.count).cast_signed())
    }

    /// Returns whether there is anything to check.
    pub fn matter(&self) -> bool {
        self.partitioning != Partitioning::Unchecked && self.count.get() > 1
    }

    /// Returns whether the partitioner has to be learnt from the records.
    pub fn is_learnt(&self) -> bool {
        self.matter() && self.partitioning == Partitioning::Auto
    }

    /// Returns the reason why a record of `shard` with this key is rejected, if it does not belong
    /// there.
    pub fn misplaced(&self, shard: ShardId, key: &[u8]) -> Option<Reason> {
        let (belongs, partitioner) = (self.belongs(key), self.by);
        let (partition, to) = (shard.0.unsigned_abs(), belongs.0.unsigned_abs());
        (self.matter() && belongs != shard).then_some(Reason::WrongPartition {
            partition,
            belongs: to,
            partitioner,
        })
    }

    /// Returns the key of a record that is sent to `shard` by mistake. Where the partitioner has to
    /// be learnt, there is only one such key: more would rightly cast doubt on the partitioner.
    pub fn stray(&self, random: &mut Random, shard: ShardId, keys: usize) -> String {
        if self.partitioning == Partitioning::Auto {
            return "stray".to_owned();
        }
        let away = 1 + u32::try_from(random.below(3)).expect("below three");
        let other = ShardId(((shard.0.unsigned_abs() + away) % self.count).cast_signed());
        self.key_in(other, &format!("key-{other}-{}", random.below(keys)))
    }

    fn placement(&self, topics: Vec<String>) -> Placement {
        Placement::new(self.partitioning, topics, self.count)
    }
}

fn key_where(stem: &str, fits: impl Fn(&[u8]) -> bool) -> String {
    let mut keys = (0..).map(|n| if n == 0 { stem.to_owned() } else { format!("{stem}.{n}") });
    keys.find(|key| fits(key.as_bytes())).expect("some key belongs to every partition")
}

impl Setting {
    /// Returns the plan of a process that starts: it has not seen any record yet.
    fn plan_of_new_process(&self) -> Arc<Plan> {
        let placement = Arc::new(self.partitions.placement(self.plan.topics.clone()));
        let mut plan = Plan { placement, ..Plan::clone(&self.plan) };
        plan.identity.partitions = Some(self.partitions.count);
        if let Some(registry) = &self.registry {
            registry.read_by(&mut plan, &registry.port_of_process());
        }
        Arc::new(plan)
    }
}

impl World {
    /// Returns the plan of a process; what it has learnt is lost with it.
    pub fn plan(&mut self, process: usize) -> Arc<Plan> {
        let plan = &mut self.processes[process].plan;
        Arc::clone(plan.get_or_insert_with(|| self.setting.plan_of_new_process()))
    }
}

impl Client {
    /// Returns the plan that the process follows.
    pub fn plan(&self) -> Arc<Plan> {
        self.stage.world().plan(self.process)
    }
}
