//! A running shard of a process, and its commits under way.

use std::{sync::Arc, time::Duration};

use super::Found;
use crate::{
    Client, Situation, Wiring, World,
    disk::Disk,
    kafka::{Message, Place, Topic},
};
use rollcall_core::{
    owner::{Cycle, Now, Pace, Standing, Stay},
    record::{InputIndex, Offset, ShardId},
    shard::{Commit, Committed, Record, Result, Running, Size},
};

/// Returns the time that pauses are measured in: a second for each step, so that pauses are neither
/// negligible nor dominant.
pub fn now(world: &World) -> Now {
    Duration::from_secs(world.step)
}

/// A record on its way into a shard.
type Fetched = (InputIndex, Offset, Arc<Message>);
/// An input that has been read to its end, at this position.
type End = (InputIndex, Offset);

pub struct Open<W: Wiring> {
    pub running: Running<Disk>,
    pub cycle: Cycle,
    /// With the committers while a commit is under way.
    pub producer: Option<W::Producer>,
    /// A commit that was rejected, to be sent again.
    pub refused: Option<Job<W>>,
    /// First offset of each input that has not been fetched yet.
    pub cursor: Vec<Offset>,
    pub pace: Pace,
}

/// A commit on its way to Kafka and back.
pub struct Job<W: Wiring> {
    pub shard: ShardId,
    pub stay: Stay,
    pub commit: Commit,
    pub producer: W::Producer,
    pub was_refused: bool,
    pub result: Option<Result<Committed>>,
}

impl<W: Wiring> Open<W> {
    pub fn new(
        stay: Stay,
        mut running: Running<Disk>,
        producer: W::Producer,
        standing: &Standing,
        wiring: &W,
        now: Now,
    ) -> Self {
        let (cycle, pace, refused) = (Cycle::new(stay, now), standing.pace, None);
        if pace.is_reduced() && wiring.shrinks() {
            running.set_transaction_max(pace.limit());
        }
        let cursor = running.next_offsets().to_vec();
        Self { running, cycle, producer: Some(producer), refused, cursor, pace }
    }

    pub fn has_work(&self) -> bool {
        self.running.has_work() || self.running.has_more_due() || self.cycle.is_committing()
    }

    /// Learns how much to commit at a time.
    pub fn paced(&mut self, learn: impl FnOnce(&mut Pace), client: &Client) {
        if self.pace.is_reduced() {
            learn(&mut self.pace);
            let (most, now) = (client.stage.world().setting.limits, self.pace.limit());
            self.running.set_transaction_max(Size {
                records: now.records.min(most.transaction_records_max),
                bytes: now.bytes.min(most.transaction_bytes_max),
            });
        }
    }

    /// Fetches some records and processes them.
    pub fn fetch(&mut self, client: &Client, wiring: &W) -> Result<Found> {
        if self.running.is_full() {
            return Ok(Found::Unknown);
        }
        let Some((fetched, ends)) = self.poll(client) else {
            self.running.lost_sight();
            return Ok(Found::Unknown);
        };
        let read_at_ms = client.stage.world().wall_ms(client.process);
        let mut records: Vec<Record<'_>> = fetched
            .iter()
            .map(|(input, offset, message)| Record {
                input: *input,
                offset: *offset,
                timestamp_ms: message.timestamp_ms,
                key: message.key.as_deref(),
                value: message.value.as_deref(),
                headers: Some(&message.headers),
                read_at_ms,
            })
            .collect();
        wiring.order(&mut records);
        if self.cycle.is_committing() && !records.is_empty() {
            client.stage.world().seen.count(Situation::OverlaysOverlapped);
        }
        client.stage.world().note_read(self.running.id(), &records);
        let done = self.running.process(&records)?;
        if done < records.len() {
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
            let log = world.cluster.log(Place { topic: Topic::Input(input), shard });
            log.replicate();
            for (offset, message) in log.read(self.cursor[input]).take(most) {
                self.cursor[input] = offset + 1;
                fetched.push((input, offset, Arc::clone(message)));
            }
        }
        let mut ends = Vec::new();
        for input in 0..inputs {
            let log = world.cluster.log(Place { topic: Topic::Input(input), shard });
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
            let place = Place { topic: Topic::Input(input), shard };
            world.cluster.log(place).bounds().end
        };
        (0..self.cursor.len()).map(log_end).collect()
    }

    pub fn tick(&mut self, client: &Client) -> Result<()> {
        let wall_ms = client.stage.world().wall_ms(client.process);
        self.running.tick(wall_ms)
    }

    /// Takes what there is to commit, for the committers.
    pub fn take(&mut self, client: &Client) -> Result<Option<Job<W>>> {
        let (wall_ms, now) = {
            let world = client.stage.world();
            (world.wall_ms(client.process), now(&world))
        };
        let Some(commit) = self.running.take(wall_ms)? else { return Ok(None) };
        self.cycle.sent(now);
        let producer =
            self.producer.take().expect("a shard that is not committing has its producer");
        let (shard, stay, was_refused) = (self.running.id(), self.cycle.stay(), false);
        Ok(Some(Job { shard, stay, commit, producer, was_refused, result: None }))
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
    pub fn close(self, client: &Client, jobs: &mut Vec<Job<W>>, wiring: &W) {
        if wiring.resurrects() {
            jobs.extend(self.refused);
        }
        if client.stage.world().random.chance(700) {
            // Nothing is lost if the store fails: the changelog has everything.
            let _closed = self.running.close();
        }
    }
}
