//! What happens between two turns: input arrives, markers are written, the group changes, time
//! passes, faults occur.

use std::collections::BTreeMap;

use super::{
    Situation, World,
    kafka::{Decision, MemberId, ProducerId, Topic, TopicPartition},
    setting::{Deadlines, Faults, SKEW_MS, START_MS},
    workload::{Arrival, BACKLOG_START_MS, Workload},
};
use rollcall_core::record::ShardId;

/// The first transactional id of those that write inputs in transactions.
const WRITERS: u32 = 1_000;

/// Advances the world before the next turn. `last` is the process that had the last one.
pub fn step(world: &mut World, last: usize) {
    world.step += 1;
    if let Some(registry) = &world.setting.registry {
        registry.at((!world.is_calm).then_some(world.step));
    }
    pass_time(world);
    write_markers(world);
    arrive(world);
    move_group(world);
    let faults = world.setting.faults.clone();
    if world.happens(faults.compaction) {
        compact(world);
    }
    if world.happens(faults.transaction_sweep) {
        let before_ms = world.now_ms - world.setting.transaction_timeout_ms;
        for producer in world.cluster.expire_transactions(before_ms) {
            world.seen.count(Situation::TransactionTimedOut);
            world.tell(|| format!("the transaction of {producer:?} has timed out"));
        }
    }
    if world.happens(faults.offset_expiry) {
        let shard = *world.random.pick(&world.setting.shards);
        if world.cluster.group.expire(shard) {
            world.seen.count(Situation::OffsetsExpired);
            world.tell(|| format!("the offsets of {shard} but the first have expired"));
        }
    }
    while let Some(first) = world.delayed.first_entry()
        && *first.key() <= world.step
    {
        let request = first.remove();
        // Nobody waits for the answer.
        let _refused = world.end_transaction(request);
    }
    if world.happens(faults.outage) {
        let steps = u64::try_from(world.random.between(5, 120)).expect("it is positive");
        world.outage_until = world.step + steps;
        world.tell(|| format!("no broker answers for {steps} steps"));
    }
    if world.happens(faults.pause) {
        let steps = u64::try_from(world.random.between(10, 400)).expect("it is positive");
        world.processes[last].away_until = world.step + steps;
        world.seen.count(Situation::StoodStill);
        world.tell(|| format!("p{last} stands still for {steps} steps"));
    }
}

fn pass_time(world: &mut World) {
    world.now_ms += world.random.between(0, 40);
    let faults = &world.setting.faults;
    let (jump, skew) = (faults.clock_jump, faults.clock_skew);
    if world.happens(jump) {
        let ms = world.random.between(1_000, 40_000);
        world.now_ms += ms;
        world.tell(|| format!("time jumps by {ms} ms"));
    }
    if world.happens(skew) {
        let process = world.random.below(world.processes.len());
        let skew_ms = world.random.between(-SKEW_MS, SKEW_MS);
        world.processes[process].skew_ms = skew_ms;
        world.tell(|| format!("the clock of p{process} is off by {skew_ms} ms"));
    }
    world.wall_max_ms = world.wall_max_ms.max(world.now_ms + SKEW_MS);
}

fn write_markers(world: &mut World) {
    let marker = world.setting.marker;
    while world.random.chance(marker) {
        let markers = world.cluster.markers();
        if markers.is_empty() {
            return;
        }
        let marker = *world.random.pick(&markers);
        world.cluster.mark(&marker);
        world.is_busy();
        world.tell(|| format!("marker: {marker:?}"));
    }
}

/// Writes the next input record, with or without a transaction.
fn arrive(world: &mut World) {
    if !world.random.chance(150) {
        return;
    }
    let Some(arrival) = world.workload.left.pop() else {
        end_input_transactions(world);
        return;
    };
    world.is_busy();
    let place = arrival.place;
    let writer = writer_of(place);
    let at_ms = Workload::timestamp(&mut world.random, &world.setting, world.now_ms);
    let (_, message) = arrival.clone().at(at_ms);
    let now_ms = world.now_ms;
    match world.random.below(10) {
        0 => {
            // A writer that fails half-way and retries: its first records are never seen.
            if let Ok(epoch) = world.cluster.init(writer) {
                let produced = world.cluster.produce((writer, epoch), place, message, now_ms);
                produced.expect("a new owner may produce");
                world.workload.left.push(arrival);
            } else {
                world.workload.left.push(arrival);
            }
        }
        1 => match world.cluster.init(writer) {
            Ok(epoch) => {
                let produced = world.cluster.produce((writer, epoch), place, message, now_ms);
                produced.expect("a new owner may produce");
                let ended = world.cluster.end(writer, epoch, Decision::Commit);
                ended.expect("a new owner may commit");
            }
            Err(_) => world.workload.left.push(arrival),
        },
        _ => {
            let _offset = world.cluster.log(place).append(message, None);
        }
    }
}

/// Aborts the transactions that input writers have left open.
fn end_input_transactions(world: &mut World) {
    for shard in world.setting.shards.clone() {
        for input in 0..world.setting.inputs() {
            let writer = writer_of(TopicPartition { topic: Topic::Input(input), shard });
            if world.cluster.open_transaction(writer).is_some() {
                world.is_busy();
                // Taking over aborts the open transaction; the new epoch itself is not needed.
                let _taken_over = world.cluster.init(writer);
            }
        }
    }
}

fn writer_of(place: TopicPartition) -> ProducerId {
    let Topic::Input(input) = place.topic else {
        unreachable!("only inputs are written by others");
    };
    let shard = u32::try_from(place.shard.0).expect("shards are numbered from 0");
    ProducerId(WRITERS * (1 + u32::try_from(input).expect("there are few inputs")) + shard)
}

/// Ends the sessions of absent processes, and assigns shards to members.
fn move_group(world: &mut World) {
    let session_end = world.setting.faults.session_end;
    let members: Vec<(MemberId, usize)> = world.cluster.group.members().collect();
    for &(member, process) in &members {
        if world.processes[process].away_until > world.step && world.happens(session_end) {
            world.cluster.group.remove(member);
            world.seen.count(Situation::SessionEnded);
            world.tell(|| format!("the session of p{process} ({member:?}) has ended"));
        }
    }
    let rebalance = world.setting.faults.rebalance;
    let shards = world.setting.shards.clone();
    if world.happens(rebalance) {
        reassign(world, &shards);
    } else if !world.cluster.group.unassigned(shards.iter().copied()).is_empty()
        && world.random.chance(100)
    {
        reassign(world, &[]);
    }
}

/// Starts a generation. Shards stay where they are, except those of `moving`.
fn reassign(world: &mut World, moving: &[ShardId]) {
    let members: Vec<MemberId> = world.cluster.group.members().map(|(member, _)| member).collect();
    if members.is_empty() {
        return;
    }
    let mut wanted = BTreeMap::new();
    for &shard in &world.setting.shards {
        let stays = !moving.contains(&shard) || world.random.chance(500);
        let holder = world.cluster.group.holder(shard).filter(|_| stays);
        wanted.insert(shard, holder.unwrap_or_else(|| *world.random.pick(&members)));
    }
    world.cluster.group.rebalance(&wanted);
    world.is_busy();
    for member in members {
        world.note_given(member);
    }
}

fn compact(world: &mut World) {
    let shard = *world.random.pick(&world.setting.shards);
    let now_ms = world.now_ms;
    let before_ms = world.setting.tombstones_before(now_ms);
    let changelog = world.cluster.log(TopicPartition { topic: Topic::Changelog, shard });
    for _ in 0..changelog.compact(now_ms, before_ms) {
        world.seen.count(Situation::TombstoneCompacted);
    }
    world.tell(|| format!("the changelog of {shard} is compacted"));
    // Input that has been processed may be deleted.
    let inputs = world.setting.inputs();
    let Ok(committed) = world.cluster.group.stable(shard, 0, inputs) else { return };
    for (input, offset) in committed.into_iter().enumerate() {
        let Some(offset) = offset else { continue };
        let log = world.cluster.log(TopicPartition { topic: Topic::Input(input), shard });
        let start = log.bounds().start;
        log.truncate(offset.next);
        if log.bounds().start > start {
            world.seen.count(Situation::InputDeleted);
        }
    }
}

impl World {
    /// Stops all faults.
    pub fn calm_down(&mut self) {
        // Older versions wait for every transaction that was left open. This version ends those
        // that it would have to wait for, so nothing depends on the brokers' doing it.
        let transaction_sweep = if self.setting.former > 0 { 20 } else { 0 };
        self.setting.faults = Faults { transaction_sweep, ..Faults::default() };
        self.setting.stay = 300;
        self.setting.marker = 900;
        self.outage_until = 0;
        self.is_calm = true;
        self.tell(|| "no more faults".to_owned());
        for process in &mut self.processes {
            process.skew_ms = 0;
        }
        if self.processes.len() > 1 && self.random.chance(500) {
            let gone = self.random.below(self.processes.len());
            self.processes[gone].is_gone = true;
            self.seen.count(Situation::Gone);
            self.tell(|| format!("p{gone} is gone for good, whatever it has left open"));
            let members: Vec<_> = self.cluster.group.members().collect();
            for (member, _) in members.into_iter().filter(|(_, process)| *process == gone) {
                self.cluster.group.remove(member);
            }
        }
    }

    /// Records which shards a generation gives to a member.
    pub fn note_given(&mut self, member: MemberId) {
        if let Some(assigned) = self.cluster.group.assigned(member) {
            self.tell(|| format!("{assigned:?}"));
            self.given.insert((member, assigned.generation), assigned.shards);
        }
    }

    /// Writes all input at once, with timestamps spread over days.
    pub(super) fn write_backlog(&mut self) {
        let mut at_ms = BACKLOG_START_MS;
        while let Some(arrival) = self.workload.left.pop() {
            at_ms += Workload::backlog_pace_ms(&mut self.random, &self.setting);
            let written_at = at_ms.min(START_MS);
            let at = Workload::timestamp(&mut self.random, &self.setting, written_at);
            let (place, message) = arrival.at(at);
            let _offset = self.cluster.log(place).append(message, None);
        }
        debug_assert!(self.setting.deadlines == Deadlines::Backlog);
    }

    /// Adds input that has not arrived yet.
    pub fn add_input(&mut self, arrivals: Vec<Arrival>) {
        self.workload.left.extend(arrivals);
    }
}
