//! A worker process: it follows its membership and runs the shards that it was given, with the
//! reactions that the real worker has.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Client, Situation, Wiring,
    client::Authority,
    disk::Disk,
    kafka::{MemberId, Message, Place, Topic},
};
use crate::shard::{
    Assignment, Commit, Committed, Error, InputIndex, Offset, Opening, Progress, Record, Result,
    Running, ShardId, Size, Store,
};

/// How much a transaction may hold before one was too large.
const PACE: Size = Size { records: 64, bytes: 64 << 20 };

/// A record on its way into a shard.
type Fetched = (InputIndex, Offset, Arc<Message>);
/// An input that is read to its end, at this position.
type End = (InputIndex, Offset);

/// A worker process, from its start to its end.
pub struct Process<'w, W: Wiring> {
    wiring: &'w W,
    client: Client,
    member: MemberId,
    assignment: Assignment<Authority>,
    stations: BTreeMap<ShardId, Station<W>>,
    /// The most that transactions of shards may hold, where they were too large.
    paces: BTreeMap<ShardId, Size>,
}

/// A shard that this process was given; closed until it could be opened.
type Station<W> = Option<Open<W>>;

struct Open<W: Wiring> {
    running: Running<Disk>,
    producer: W::Producer,
    /// First offset of each input not yet fetched.
    cursor: Vec<Offset>,
    /// A commit that was taken, and the generation that was refused for it.
    commit: Option<(Commit, Option<i32>)>,
    /// A commit that is in and not yet acknowledged.
    done: Option<Committed>,
}

/// Whether there was something to do. The most of several counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Nothing,
    /// It was not looked for.
    Unknown,
    Work,
}

impl<'w, W: Wiring> Process<'w, W> {
    /// Starts the process; it never returns.
    pub fn run(wiring: &'w W, client: Client) {
        let member = join(&client);
        let (assignment, stations) = (nothing(member), BTreeMap::new());
        let paces = BTreeMap::new();
        let mut process = Self { wiring, client, member, assignment, stations, paces };
        loop {
            process.turn();
        }
    }

    fn turn(&mut self) {
        let mut found = Found::Nothing;
        if self.does(200) {
            found = self.follow_membership();
        }
        let shards: Vec<ShardId> = self.stations.keys().copied().collect();
        for shard in shards {
            if self.does(600) {
                let of_shard = self.work(shard).unwrap_or_else(|error| {
                    self.react(shard, &error);
                    Found::Work
                });
                found = found.max(of_shard);
            } else {
                found = found.max(Found::Unknown);
            }
        }
        let mut world = self.client.stage.turn(self.client.process);
        if world.cluster.group.generation() != self.assignment.generation {
            found = Found::Work;
        }
        match found {
            Found::Work => world.is_busy(),
            Found::Unknown => {}
            Found::Nothing => world.is_idle(self.client.process),
        }
    }

    /// Tells whether to do something this time; always, once there are no more faults.
    fn does(&self, per_mille: u32) -> bool {
        let mut world = self.client.stage.world();
        world.is_calm || world.random.chance(per_mille)
    }

    /// Learns what the group says: gives up what was lost, then takes what was given.
    fn follow_membership(&mut self) -> Found {
        let assigned = {
            let mut world = self.client.stage.turn(self.client.process);
            if world.reach_broker().is_err() {
                return Found::Nothing;
            }
            world.cluster.group.assigned(self.member)
        };
        let Some(assigned) = assigned else {
            // The session has ended: someone else may have the shards already.
            for open in std::mem::take(&mut self.stations).into_values().flatten() {
                open.close(&self.client);
            }
            self.member = join(&self.client);
            self.assignment = nothing(self.member);
            return Found::Work;
        };
        if assigned.generation == self.assignment.generation {
            return Found::Nothing;
        }
        let lost = self.assignment.shards.difference(&assigned.shards).copied().collect();
        for shard in &lost {
            if let Some(Some(open)) = self.stations.remove(shard) {
                open.close(&self.client);
            }
        }
        let authority = Authority { member: self.member, generation: assigned.generation };
        for &shard in &assigned.shards {
            self.stations.entry(shard).or_insert(None);
        }
        self.assignment = Assignment {
            generation: assigned.generation,
            shards: assigned.shards,
            authority: Arc::new(authority),
        };
        let mut world = self.client.stage.turn(self.client.process);
        world.cluster.group.gave_up(self.member, &lost);
        for _ in &lost {
            world.seen.count(Situation::ShardMoved);
        }
        let (process, generation) = (self.client.process, self.assignment.generation);
        world.tell(|| format!("p{process} follows generation {generation}"));
        Found::Work
    }

    fn work(&mut self, shard: ShardId) -> Result<Found> {
        let station = self.stations.get_mut(&shard).expect("work comes by station");
        let Some(open) = station else {
            let mut open = open::<W>(self.wiring, &self.client, shard)?;
            if let Some(pace) = self.paces.get(&shard).filter(|_| self.wiring.shrinks()) {
                open.running.set_transaction_max(*pace);
            }
            *station = Some(open);
            return Ok(Found::Work);
        };
        let found = open.fetch(&self.client)?;
        open.tick(&self.client)?;
        let has_work = open.has_work();
        open.take(&self.client);
        let held = self.assignment.authority_for(shard).copied();
        open.commit(self.wiring, &self.client, held)?;
        open.audit(&self.client)?;
        Ok(if has_work { Found::Work } else { found })
    }

    /// Reacts to an error as its name demands.
    fn react(&mut self, shard: ShardId, error: &Error) {
        let client = &self.client;
        let mut world = client.stage.turn(client.process);
        world.tell(|| format!("p{} drops {shard}: {error}", client.process));
        match error {
            Error::Misconfigured(why) => world.cannot_run(client.process, shard, why),
            Error::Violated { .. } => world.fail(format!("{error}")),
            Error::Fenced(_) => world.seen.count(Situation::Fenced),
            Error::Interrupted(_) => world.seen.count(Situation::Interrupted),
            Error::Outdated(_) | Error::Oversized(_) | Error::Corrupt(_) => {}
        }
        drop(world);
        if let Error::Oversized(_) = error {
            let Size { records, bytes } = self.paces.get(&shard).copied().unwrap_or(PACE);
            self.paces.insert(shard, Size { records: (records / 4).max(1), bytes });
        }
        // Whatever it was, the way on is to open the shard again, if it is still ours.
        if let Some(Some(open)) = self.stations.insert(shard, None) {
            open.close(client);
        }
        if let Error::Corrupt(_) = error {
            let mut disk = Disk::new(Arc::clone(&client.stage), client.process, shard);
            // A store that cannot be wiped is found corrupt again.
            let _wiped = disk.wipe();
        }
    }
}

/// Returns what a member has before the group has given it anything.
fn nothing(member: MemberId) -> Assignment<Authority> {
    let authority = Arc::new(Authority { member, generation: -1 });
    Assignment { generation: -1, shards: [].into(), authority }
}

fn join(client: &Client) -> MemberId {
    let mut world = client.stage.turn(client.process);
    let member = world.cluster.group.join(client.process);
    world.tell(|| format!("p{} joins as {member:?}", client.process));
    world.note_given(member);
    member
}

fn open<W: Wiring>(wiring: &W, client: &Client, shard: ShardId) -> Result<Open<W>> {
    let disk = Disk::new(Arc::clone(&client.stage), client.process, shard);
    let (plan, limits) = {
        let world = client.stage.world();
        (Arc::clone(&world.setting.plan), world.setting.limits)
    };
    let wall_ms = || client.stage.world().wall_ms(client.process);
    let progress = Progress::default();
    let opening = Opening { plan: &plan, shard, limits, wall_ms: &wall_ms, progress: &progress };
    let (running, producer) = opening.open(&wiring.broker(client.clone()), disk)?;
    let cursor = running.next_offsets().to_vec();
    let mut world = client.stage.world();
    if progress.restored() > 0 {
        world.seen.count(Situation::Restored);
    }
    world.tell(|| {
        format!(
            "p{} runs {shard} from {cursor:?}, {} changes restored",
            client.process,
            progress.restored()
        )
    });
    drop(world);
    Ok(Open { running, producer, cursor, commit: None, done: None })
}

impl<W: Wiring> Open<W> {
    fn has_work(&self) -> bool {
        self.running.has_work() || self.commit.is_some() || self.done.is_some()
    }

    /// Fetches some records and processes them.
    fn fetch(&mut self, client: &Client) -> Result<Found> {
        if self.running.is_full() {
            return Ok(Found::Unknown);
        }
        let Some((fetched, ends)) = self.poll(client) else {
            self.running.lost_sight();
            return Ok(Found::Unknown);
        };
        let read_at_ms = client.stage.world().wall_ms(client.process);
        let records: Vec<Record<'_>> = fetched
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
        if self.commit.is_some() && !records.is_empty() {
            client.stage.world().seen.count(Situation::OverlaysOverlapped);
        }
        client.stage.world().note_read(self.running.id(), &records);
        let done = self.running.process(&records)?;
        if done < records.len() {
            // The rest is fetched again once the overlay is taken.
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

    /// Returns records in the order of each partition, the partitions mixed, and the inputs that
    /// end there; `None` when no broker answers.
    fn poll(&mut self, client: &Client) -> Option<(Vec<Fetched>, Vec<End>)> {
        let shard = self.running.id();
        let mut world = client.stage.turn(client.process);
        world.reach_broker().ok()?;
        let inputs = self.cursor.len();
        if world.random.chance(20) {
            // A reconnected consumer may hand over again what it has handed over before.
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

    /// Returns where the logs of the inputs end, whether all of it may be read or not.
    fn log_ends(&self, client: &Client) -> Vec<Offset> {
        let (mut world, shard) = (client.stage.world(), self.running.id());
        let log_end = |input| {
            let place = Place { topic: Topic::Input(input), shard };
            world.cluster.log(place).bounds().end
        };
        (0..self.cursor.len()).map(log_end).collect()
    }

    fn tick(&mut self, client: &Client) -> Result<()> {
        let wall_ms = client.stage.world().wall_ms(client.process);
        self.running.tick(wall_ms)
    }

    fn take(&mut self, client: &Client) {
        let mut world = client.stage.world();
        let wall_ms = world.wall_ms(client.process);
        if self.commit.is_none()
            && self.done.is_none()
            && (world.is_calm || world.random.chance(500))
            && let Some(commit) = self.running.take(wall_ms)
        {
            self.commit = Some((commit, None));
        }
    }

    /// Commits what was taken and acknowledges what is in, now or at a later turn: the next
    /// overlay runs meanwhile.
    fn commit(&mut self, wiring: &W, client: &Client, held: Option<Authority>) -> Result<()> {
        let later = || client.stage.world().random.chance(400);
        if let Some(done) = self.done
            && !later()
        {
            self.running.committed(done);
            self.done = None;
        }
        let Some((commit, refused)) = &mut self.commit else { return Ok(()) };
        let Some(authority) = wiring.authority(client, held) else { return Ok(()) };
        if *refused == Some(authority.generation) || later() {
            return Ok(());
        }
        let store = self.running.store();
        match wiring.commit(client, commit, &mut self.producer, store, &authority) {
            Ok(done) => {
                if refused.is_some() {
                    client.stage.world().seen.count(Situation::CommittedAtLast);
                }
                self.commit = None;
                self.done = Some(done);
                Ok(())
            }
            Err(Error::Outdated(_)) => {
                client.stage.world().seen.count(Situation::Refused);
                *refused = Some(authority.generation);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Counts the rows one by one and compares them with the numbers that are kept.
    fn audit(&self, client: &Client) -> Result<()> {
        let world = client.stage.world();
        let mut recount = self.running.recount();
        if let Some(disk) = world.disks.get(&(client.process, self.running.id())) {
            disk.rows.iter().for_each(|(key, row)| recount.stored(key, row));
        }
        self.running.audit(recount)
    }

    /// Ends the shard; now and then it comes to that too late.
    fn close(self, client: &Client) {
        if client.stage.world().random.chance(700) {
            // Nothing is lost when the store fails; the changelog has it all.
            let _closed = self.running.close();
        }
    }
}
