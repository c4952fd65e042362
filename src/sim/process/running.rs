//! A running shard of a process.

use std::{sync::Arc, time::Duration};

use super::{Found, lane::Part};
use crate::{
    Client, Situation, Wiring, World,
    disk::Disk,
    kafka::{Message, Topic, TopicPartition},
};
use rollcall_core::{
    owner::{Cycle, Due, Now, Pace, Stay},
    record::{InputIndex, Offset},
    shard::{Record, Result, Running, Size},
};

/// Returns the time that pauses are measured in: a second for each step, so that pauses are neither
/// negligible nor dominant.
pub fn now(world: &World) -> Now {
    Duration::from_secs(world.step)
}

/// Keys of the store read at a time.
const SCANNED_MAX: usize = 5_000;

/// A record on its way into a shard.
type Fetched = (InputIndex, Offset, Arc<Message>);
/// An input that has been read to its end, at this position.
type End = (InputIndex, Offset);

pub struct Open {
    pub running: Running<Disk>,
    pub cycle: Cycle,
    /// A part that was rejected, to be sent again.
    pub refused: Option<Part>,
    /// First offset of each input that has not been fetched yet.
    pub cursor: Vec<Offset>,
    pub pace: Pace,
}

impl Open {
    pub fn new(stay: Stay, running: Running<Disk>, pace: Pace, now: Now) -> Self {
        let cursor = running.next_offsets().to_vec();
        Self { running, cycle: Cycle::new(stay, now), refused: None, cursor, pace }
    }

    pub fn has_work(&self) -> bool {
        self.running.has_work() || self.running.has_more_due() || self.cycle.is_committing()
    }

    /// Returns how much the shard has to commit; `None` if it takes no part in a transaction now.
    pub fn offers(&self, now: Now) -> Option<Size> {
        match &self.refused {
            Some(part) => {
                (self.cycle.due(now) == Due::Again).then(|| part.commit.transaction.size())
            }
            None => self.cycle.may_commit().then(|| self.running.overlay_size()),
        }
    }

    /// Fetches some records and processes them.
    pub fn fetch<W: Wiring>(&mut self, client: &Client, wiring: &W) -> Result<Found> {
        let is_awaited = wiring.claims() || !self.running.is_claiming();
        if is_awaited && self.running.is_full() {
            return Ok(Found::Unknown);
        }
        let Some((fetched, ends)) = self.poll(client) else {
            self.running.lost_sight();
            return Ok(Found::Unknown);
        };
        let read_at_ms = client.stage.world().wall_ms(client.process);
        let mut records: Vec<Record<'_>> = fetched
            .iter()
            .map(|(input, offset, message)| message.record(*input, *offset, read_at_ms))
            .collect();
        wiring.order(&mut records);
        if self.cycle.is_committing() && !records.is_empty() {
            client.stage.world().seen.count(Situation::OverlaysOverlapped);
        }
        client.stage.world().note_read(self.running.id(), &records);
        let done = self.running.process(&records)?;
        if done < records.len() {
            if self.running.is_waiting() {
                client.stage.world().seen.count(Situation::SchemaAwaited);
            }
            // The rest is fetched again after the overlay has been taken.
            self.cursor.copy_from_slice(self.running.next_offsets());
            return Ok(Found::Work);
        }
        let all_read = ends.len() == self.cursor.len() && records.is_empty();
        for (input, position) in ends {
            self.running.reached_end(input, position);
        }
        for (input, end) in self.log_ends(client).into_iter().enumerate() {
            self.running.ends_at(input, end, read_at_ms);
        }
        Ok(if all_read { Found::Nothing } else { Found::Work })
    }

    /// Returns records, in order within each partition but with partitions mixed, and the inputs
    /// that end there; `None` if no broker answers.
    fn poll(&mut self, client: &Client) -> Option<(Vec<Fetched>, Vec<End>)> {
        let shard = self.running.id();
        let mut world = client.stage.turn(client.process);
        world.reach_broker().ok()?;
        let inputs = self.cursor.len();
        if world.random.chance(20) {
            // A reconnected consumer may deliver records again that it has delivered before.
            let input = world.random.below(inputs);
            self.cursor[input] -= world.random.between(0, self.cursor[input].min(3));
        }
        let mut fetched = Vec::new();
        for _ in 0..world.random.below(4) {
            let input = world.random.below(inputs);
            let most = 1 + world.random.below(6);
            let log = world.cluster.log(TopicPartition { topic: Topic::Input(input), shard });
            log.replicate();
            for (offset, message) in log.read(self.cursor[input]).take(most) {
                self.cursor[input] = offset + 1;
                fetched.push((input, offset, Arc::clone(message)));
            }
        }
        let mut ends = Vec::new();
        for input in 0..inputs {
            let log = world.cluster.log(TopicPartition { topic: Topic::Input(input), shard });
            log.replicate();
            if log.read(self.cursor[input]).next().is_none() {
                self.cursor[input] = self.cursor[input].max(log.served());
                ends.push((input, self.cursor[input]));
            }
        }
        Some((fetched, ends))
    }

    /// Returns where the logs of the inputs end, readable or not.
    fn log_ends(&self, client: &Client) -> Vec<Offset> {
        let (mut world, shard) = (client.stage.world(), self.running.id());
        let log_end = |input| {
            let place = TopicPartition { topic: Topic::Input(input), shard };
            world.cluster.log(place).bounds().end
        };
        (0..self.cursor.len()).map(log_end).collect()
    }

    pub fn tick(&mut self, client: &Client) -> Result<()> {
        let wall_ms = client.stage.world().wall_ms(client.process);
        self.running.scan_keys(SCANNED_MAX)?;
        self.running.tick(wall_ms)
    }

    /// Takes what there is to commit, or what is to be committed again.
    pub fn take(&mut self, client: &Client) -> Result<Option<Part>> {
        let (wall_ms, now) = {
            let world = client.stage.world();
            (world.wall_ms(client.process), now(&world))
        };
        let part = match self.refused.take() {
            Some(part) => part,
            None => {
                let Some(commit) = self.running.take(wall_ms)? else { return Ok(None) };
                let (shard, stay) = (self.running.id(), self.cycle.stay());
                Part { shard, stay, commit, was_refused: false }
            }
        };
        self.cycle.sent(now);
        Ok(Some(part))
    }

    /// Counts the rows one by one and compares the result with the maintained counts.
    pub fn audit(&self, client: &Client) -> Result<()> {
        let world = client.stage.world();
        let mut recount = self.running.recount();
        if let Some(disk) = world.disks.get(&(client.process, self.running.id())) {
            disk.rows.iter().for_each(|(key, row)| recount.stored(key, row));
        }
        self.running.audit(recount)
    }

    /// Ends the shard; sometimes that happens too late.
    pub fn close(self, client: &Client) {
        if client.stage.world().random.chance(700) {
            // Nothing is lost if the store fails: the changelog has everything.
            let _closed = self.running.close();
        }
    }
}
