//! The local store of a process: what was applied survives a kill, and an apply is atomic.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use super::{Situation, Stage};
use rollcall_core::{
    record::{ShardId, Timestamp},
    shard::{Checkpoint, Due, Error, Result, Spill, Store, row_of},
};

/// The content of a process's disk for one shard.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    pub checkpoint: Option<Checkpoint>,
    pub rows: BTreeMap<Vec<u8>, Vec<u8>>,
    pub due: BTreeSet<Due>,
}

/// What a disk holds that was never written to.
static NOTHING: Contents =
    Contents { checkpoint: None, rows: BTreeMap::new(), due: BTreeSet::new() };

impl Contents {
    /// Applies a spill.
    pub fn apply(&mut self, spill: &Spill) {
        for (key, value) in spill.rows.iter() {
            match row_of(value) {
                Some(row) => self.rows.insert(key.to_vec(), row.to_vec()),
                None => self.rows.remove(key),
            };
        }
        let due = |(at_ms, key): (Timestamp, &[u8])| Due { at_ms, key: key.to_vec() };
        for entry in spill.not_due().map(due) {
            self.due.remove(&entry);
        }
        self.due.extend(spill.due().map(due));
        if spill.checkpoint.is_some() {
            self.checkpoint.clone_from(&spill.checkpoint);
        }
    }

    /// As [`Store::get_many`].
    pub fn get_many(&self, keys: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        keys.iter().map(|key| self.rows.get(*key).cloned()).collect()
    }

    /// As [`Store::scan`].
    pub fn scan(
        &self,
        after: Option<&[u8]>,
        limit: usize,
        row: &mut dyn FnMut(&[u8], &[u8]),
    ) -> usize {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.rows.range::<[u8], _>((from, Bound::Unbounded)).take(limit);
        rows.map(|(key, value)| row(key, value)).count()
    }

    /// As [`Store::due`].
    pub fn due(&self, after: Option<&Due>, until_ms: i64, limit: usize) -> Vec<Due> {
        let later = self.due.iter().filter(|due| after.is_none_or(|after| *due > after));
        later.take_while(|due| due.at_ms <= until_ms).take(limit).cloned().collect()
    }
}

/// A process's store of one shard.
pub struct Disk {
    stage: Arc<Stage>,
    process: usize,
    shard: ShardId,
}

impl Disk {
    pub fn new(stage: Arc<Stage>, process: usize, shard: ShardId) -> Self {
        Self { stage, process, shard }
    }

    fn place(&self) -> (usize, ShardId) {
        (self.process, self.shard)
    }
}

impl Store for Disk {
    fn apply(&self, spill: &Spill) -> Result<()> {
        let mut world = self.stage.turn(self.process);
        world.disk_may_fail()?;
        let mut after = world.disks.get(&self.place()).cloned().unwrap_or_default();
        after.apply(spill);
        world.tell(|| {
            let (process, shard) = self.place();
            let position = after.checkpoint.as_ref().map(|at| at.changelog_next);
            format!("p{process} stores {} rows of {shard}, at {position:?}", spill.rows.len())
        });
        world.seen.count(Situation::Spilled);
        world.judge_spill(self.process, self.shard, spill, &after);
        let before = world.disks.insert(self.place(), after);
        if let Some(before) = before
            && world.random.chance(300)
        {
            world.old_disks.insert(self.place(), before);
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        let mut world = self.stage.turn(self.process);
        world.disk_may_be_corrupt()?;
        world.disk_may_fail()?;
        Ok(world.disks.get(&self.place()).and_then(|disk| disk.checkpoint.clone()))
    }

    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut world = self.stage.turn(self.process);
        world.disk_may_be_corrupt()?;
        world.disk_may_fail()?;
        Ok(world.disks.get(&self.place()).unwrap_or(&NOTHING).get_many(keys))
    }

    fn scan(
        &self,
        after: Option<&[u8]>,
        limit: usize,
        row: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<usize> {
        let mut world = self.stage.turn(self.process);
        world.disk_may_be_corrupt()?;
        world.disk_may_fail()?;
        Ok(world.disks.get(&self.place()).unwrap_or(&NOTHING).scan(after, limit, row))
    }

    fn due(&self, after: Option<&Due>, until_ms: i64, limit: usize) -> Result<Vec<Due>> {
        let mut world = self.stage.turn(self.process);
        world.disk_may_be_corrupt()?;
        world.disk_may_fail()?;
        Ok(world.disks.get(&self.place()).unwrap_or(&NOTHING).due(after, until_ms, limit))
    }

    fn wipe(&mut self) -> Result<()> {
        let mut world = self.stage.turn(self.process);
        world.disk_may_fail()?;
        world.seen.count(Situation::StoreWiped);
        world.tell(|| format!("p{} wipes its store of {}", self.process, self.shard));
        world.disks.remove(&self.place());
        Ok(())
    }
}

impl super::World {
    fn disk_may_fail(&mut self) -> Result<()> {
        let fails = self.setting.faults.store_failure;
        if self.happens(fails) {
            self.seen.count(Situation::StoreFailed);
            return Err(Error::store("the disk is full"));
        }
        Ok(())
    }

    fn disk_may_be_corrupt(&mut self) -> Result<()> {
        let corrupt = self.setting.faults.store_corrupt;
        if self.happens(corrupt) {
            self.seen.count(Situation::StoreCorrupt);
            return Err(Error::Corrupt("a checksum is wrong".to_owned()));
        }
        Ok(())
    }
}
