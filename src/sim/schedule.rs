//! One schedule: faults first, then calm, and what must hold in the end.

use std::{
    fmt,
    sync::{Arc, MutexGuard},
};

use super::{
    Client, Faithful, Seen, Situation, Stage, Tracing, Until, Wiring, World,
    kafka::{Message, Topic, TopicPartition},
    partitions::KEYS_THAT_TELL,
    process::Process,
    producer::OUTPUT_REFUSES,
    setting::{Deadlines, Ending},
    workload::Workload,
    world::Refusal,
};
use rollcall_core::{
    record::{Offset, ShardId},
    shard::OnTruncation,
};

/// Steps within which the processes must come to rest.
const CALM_STEPS_MAX: u64 = 60_000;
/// The reason given by every shard whose inputs are partitioned differently.
const PARTITIONERS_DIFFER: &str = "the producers do not choose its partition alike";

/// The results of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub steps: u64,
    pub transactions: usize,
    pub seen: Seen,
}

/// A schedule that has failed.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub what: String,
    /// The events in order; empty unless requested.
    pub trace: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, what, .. } = self;
        write!(f, "seed {seed}: {what}\nreplay: make simulate SEED={seed}")
    }
}

/// Runs the schedule of `seed` and returns its trace, which is empty unless requested.
///
/// # Errors
/// What went wrong.
pub fn run(seed: u64, tracing: Tracing) -> Result<(Summary, String), Failure> {
    run_with(&Faithful, seed, tracing)
}

/// Runs the schedule of `seed` with processes that `wiring` puts together.
///
/// # Errors
/// What went wrong.
pub fn run_with<W: Wiring>(
    wiring: &W,
    seed: u64,
    tracing: Tracing,
) -> Result<(Summary, String), Failure> {
    let world = World::new(seed, tracing);
    let processes = world.processes.len();
    let stage = Arc::new(Stage::new(world));
    std::thread::scope(|scope| {
        for process in 0..processes {
            let client = Client { stage: Arc::clone(&stage), process };
            scope.spawn(move || {
                let stage = Arc::clone(&client.stage);
                stage.live(process, || Process::run(wiring, client.clone()));
            });
        }
        direct(&stage);
        stage.stop();
    });
    let world = stage.world();
    let trace = world.trace().to_owned();
    match world.failure() {
        None => {
            let transactions = world.oracle.transactions();
            let mut seen = world.seen;
            seen.add(world.oracle.seen());
            Ok((Summary { steps: world.step, transactions, seen }, trace))
        }
        Some(what) => Err(Failure { seed, what: what.to_owned(), trace }),
    }
}

fn direct(stage: &Stage) {
    let chaos = {
        let world = stage.world();
        400 + 12 * u64::try_from(world.setting.records).unwrap_or(0)
    };
    drop(stage.play(Until::Step(chaos)));
    stage.world().calm_down();
    rest(stage);
    if stage.world().setting.deadlines == Deadlines::Far {
        sure_keys_completed_once(&mut stage.world());
    }
    for _ in 0..4 {
        let jump_ms = stage.world().random.between(1, 3 * 24 * 3_600_000);
        let mut world = stage.world();
        world.now_ms += jump_ms;
        world.tell(|| format!("time jumps by {jump_ms} ms"));
        drop(world);
        rest(stage);
    }
    restart(&mut stage.world());
    rest(stage);
    end(stage);
}

/// Takes away something that a shard cannot run without.
fn end(stage: &Stage) {
    let mut world = stage.world();
    let shards: Vec<ShardId> = world.oracle.shards().collect();
    if shards.is_empty() {
        return;
    }
    let shard = *world.random.pick(&shards);
    let reason = match world.setting.ending {
        Ending::Plain => return,
        Ending::ChangelogRecreated => {
            world.cluster.recreate(TopicPartition { topic: Topic::Changelog, shard });
            "the changelog topic was deleted or recreated"
        }
        Ending::InputLost => {
            for (place, offset) in write_lost(&mut world, shard) {
                world.cluster.log(place).truncate(offset + 1);
            }
            "input was deleted before it was read"
        }
        Ending::InputRecreated => {
            world.cluster.recreate(TopicPartition { topic: Topic::Input(1), shard });
            world.oracle.recreated(shard, 1);
            write_lost(&mut world, shard);
            "the topic was deleted and recreated"
        }
        Ending::OffsetsLost => {
            world.cluster.group.expire_all(shard);
            "no offset is committed"
        }
        Ending::OutputRefuses => {
            world.refuses = Some(TopicPartition { topic: Topic::DeadLetter, shard });
            let place = TopicPartition { topic: Topic::Input(0), shard };
            // A record that becomes a dead letter whatever is known of its key: it has none.
            let (timestamp_ms, headers) = (world.now_ms, Vec::new());
            let useless = Message { key: None, value: None, timestamp_ms, headers };
            world.cluster.log(place).append(useless, None);
            OUTPUT_REFUSES
        }
        Ending::PartitionersDiffer => return differ(stage, world),
        Ending::TopicsGrown => {
            let partitions = &mut world.setting.partitions;
            partitions.count = partitions.count.saturating_add(1);
            "partitions, and had"
        }
    };
    world.tell(|| format!("from now on {shard} misses something: {reason}"));
    for process in &mut world.processes {
        process.doomed = true;
    }
    let accepts = matches!(world.setting.ending, Ending::InputLost | Ending::InputRecreated)
        && world.setting.plan.on_truncation == OnTruncation::Continue;
    let limit = world.step + CALM_STEPS_MAX;
    if accepts {
        drop(world);
        rest(stage);
    } else {
        let is_grown = world.setting.ending == Ending::TopicsGrown;
        let shard = (!is_grown).then_some(shard);
        world.refusal = Some(Refusal { shard, reason, was_given: false });
        if is_grown {
            world.seen.count(Situation::TopicsGrown);
        }
        drop(world);
        drop(stage.play(Until::Refused { limit }));
        if stage.world().refuses.take().is_some() {
            // The output accepts the record now, and everything continues undisturbed.
            rest(stage);
        }
    }
}

/// Makes the producers of one input use a different partitioner than all others.
fn differ(stage: &Stage, mut world: MutexGuard<'_, World>) {
    let partitions = world.setting.partitions;
    let mut arrivals = Vec::new();
    for &shard in &world.setting.shards {
        for n in 0..KEYS_THAT_TELL {
            let stem = format!("differ-{shard}-{n}");
            for input in 0..world.setting.inputs() {
                let key = match input {
                    1 => partitions.foreign_key_in(shard, &stem),
                    _ => partitions.key_in(shard, &stem),
                };
                arrivals.push(Workload::plain(&world.setting, shard, input, &key));
            }
        }
    }
    world.tell(|| "the producers of input 1 choose partitions by another rule".to_owned());
    for process in &mut world.processes {
        process.doomed = true;
    }
    for arrival in arrivals {
        let (place, message) = arrival.at(world.now_ms);
        world.cluster.log(place).append(message, None);
    }
    let limit = world.step + CALM_STEPS_MAX;
    world.refusal = Some(Refusal { shard: None, reason: PARTITIONERS_DIFFER, was_given: false });
    drop(world);
    let mut world = stage.play(Until::Refused { limit });
    if world.failure().is_none() {
        world.seen.count(Situation::PartitionersDiffered);
    }
}

/// Writes records into an input of the shard and returns their positions.
fn write_lost(world: &mut World, shard: ShardId) -> Vec<(TopicPartition, Offset)> {
    let place = TopicPartition { topic: Topic::Input(1), shard };
    let keys = (0..3).map(|n| {
        let key = world.setting.partitions.key_in(shard, &format!("lost-{n}"));
        (shard, key.into_bytes())
    });
    let lost = Workload::probes(&world.setting, keys).into_iter();
    let mut written = Vec::new();
    for arrival in lost.filter(|arrival| arrival.place == place) {
        let (place, message) = arrival.at(world.now_ms);
        written.push((place, world.cluster.log(place).append(message, None)));
    }
    written
}

/// Lets the processes finish all their work, and judges the result.
fn rest(stage: &Stage) {
    let limit = stage.world().step + CALM_STEPS_MAX;
    let mut world = stage.play(Until::Quiet { limit });
    if world.failure().is_none() {
        let World { setting, cluster, oracle, now_ms, .. } = &mut *world;
        let verdict = oracle.quiet(setting, cluster, *now_ms);
        world.judge(verdict);
    }
}

/// Kills every process, removes some stores, and adds a record for every key, which shows what the
/// shards know after opening again.
fn restart(world: &mut World) {
    world.setting.faults.store_lost = 300;
    world.setting.faults.store_old = 300;
    for process in &mut world.processes {
        process.doomed = true;
    }
    let keys: Vec<_> = world.oracle.keys().collect();
    let probes = Workload::probes(&world.setting, keys.into_iter());
    world.add_input(probes);
}

/// A known answer, independent of the core: keys whose records are complete complete exactly once.
fn sure_keys_completed_once(world: &mut World) {
    for (&shard, keys) in &world.workload.sure {
        let log = world.cluster.log(TopicPartition { topic: Topic::Completed, shard });
        for key in keys {
            let of_key = log.messages(0, log.last_stable());
            let completions = of_key.filter(|(_, message)| message.key.as_ref() == Some(key));
            let completions = completions.count();
            if completions != 1 {
                let key = String::from_utf8_lossy(key).into_owned();
                world.fail(format!("{key} was completed {completions} times"));
                return;
            }
        }
    }
}
