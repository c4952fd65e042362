//! Everything that a schedule's seed determines in advance: sizes, rules, and which faults happen
//! how often.

use std::{sync::Arc, time::Duration};

use super::{
    Random,
    partitions::Partitions,
    plan::{Expects, Ids, Kinds, NamedDeadlines, Where, entries, outputs, plan_of},
    registry::Registry,
};
use rollcall_core::{
    codec::{input::Entry, output::Stamp},
    matching::{Counting, FailedWhen, Rules, Times},
    record::{ShardId, Timestamp, millis},
    shard::{Limits, OnTruncation, Partitioning, Plan},
};

/// When the schedule begins.
pub const START_MS: Timestamp = 1_700_000_000_000;
/// Maximum error of a process's clock in either direction.
pub const SKEW_MS: Timestamp = 1_500;

/// Which timestamps are usable: those of the backlog are.
const TIMES: Times = Times { min_ms: 946_684_800_000, ahead_max_ms: 24 * 3_600_000 };

/// How deadlines and faults are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadlines {
    /// None is due while there are faults: what fires afterwards is known exactly.
    Far,
    /// They fire among the faults.
    Near,
    /// All input was written over several days before any process reads it.
    Backlog,
}

/// What is done to a schedule once it is calm, in addition to the faults that it must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Plain,
    /// A shard's changelog is deleted and created again: it must not run.
    ChangelogRecreated,
    /// Input is deleted before it was read: the shard must not run, or must accept it if configured
    /// to.
    InputLost,
    /// An input topic is deleted and created again: the shard must not run, or must accept it if
    /// configured to.
    InputRecreated,
    /// The group's offsets are gone: the shard must not consider itself a new one.
    OffsetsLost,
    /// An output permanently rejects a record: the shard must not run until the output accepts it.
    OutputRefuses,
    /// All topics get another partition while no process runs: no shard with rows may run.
    TopicsGrown,
    /// An input turns out to be partitioned differently from the others: no shard may run.
    PartitionersDiffer,
}

/// How often something happens, in 1,000 turns or calls.
type PerMille = u32;

/// How often faults happen; never by default.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    pub kill: PerMille,
    /// A process stands still for long: others may take over, then it continues as if nothing had
    /// happened.
    pub pause: PerMille,
    pub session_end: PerMille,
    pub rebalance: PerMille,
    /// No broker answers for a while.
    pub outage: PerMille,
    /// A call fails.
    pub interruption: PerMille,
    /// The answer to the end of a transaction is lost, whether or not it was carried out.
    pub lost_answer: PerMille,
    /// The replica that serves a changelog lags behind its leader.
    pub replica_lag: PerMille,
    pub store_failure: PerMille,
    pub store_corrupt: PerMille,
    /// On restart the local store is missing.
    pub store_lost: PerMille,
    /// On restart the local store is an older version.
    pub store_old: PerMille,
    pub compaction: PerMille,
    pub clock_jump: PerMille,
    pub clock_skew: PerMille,
    pub transaction_sweep: PerMille,
    /// Brokers drop the offsets of topics that no member subscribes to.
    pub offset_expiry: PerMille,
}

/// Everything that the seed determines before the schedule starts.
pub struct Setting {
    pub processes: usize,
    pub shards: Vec<ShardId>,
    pub keys_per_shard: usize,
    /// Number of input records, for all shards together.
    pub records: usize,
    pub deadlines: Deadlines,
    pub ending: Ending,
    pub plan: Arc<Plan>,
    pub kinds: Kinds,
    /// The entries of each input, from which the plan's decoders are made.
    pub entries: Vec<Vec<Entry>>,
    /// Where the schemas of inputs in Avro are; `None` if all are JSON.
    pub registry: Option<Registry>,
    pub limits: Limits,
    pub faults: Faults,
    /// The probability that a process which can continue does so, in 1,000 turns.
    pub stay: PerMille,
    /// How soon markers follow a decision.
    pub marker: PerMille,
    pub transaction_timeout_ms: Timestamp,
    /// The rate of input records with an unusable timestamp.
    pub unusable_times: PerMille,
    /// Most rows and outputs that the brokers accept in one transaction; more are always rejected.
    pub transaction_room: Option<usize>,
    pub partitions: Partitions,
    /// The rate of records that are sent to another partition than their key's.
    pub strays: PerMille,
    /// How many processes begin as an older version, with a transactional id for each shard.
    pub former: PerMille,
    /// The group accepts old epochs for shards that have not moved since (KIP-848).
    pub is_lenient: bool,
}

impl Setting {
    pub fn draw(random: &mut Random) -> Self {
        let deadlines = match random.below(10) {
            0..4 => Deadlines::Far,
            4..8 => Deadlines::Near,
            _ => Deadlines::Backlog,
        };
        let shards = 1 + random.below(3);
        let partitions = Partitions::draw(random, shards);
        // Enough keys that a process can learn how the inputs are partitioned.
        let tells = partitions.partitioning == Partitioning::Auto && random.chance(300);
        let ending = match random.below(10) {
            0 => Ending::ChangelogRecreated,
            1 => Ending::InputLost,
            2 => Ending::InputRecreated,
            3 => Ending::OffsetsLost,
            4 => Ending::OutputRefuses,
            7 => Ending::TopicsGrown,
            5 | 6 if partitions.is_learnt() && !tells => Ending::PartitionersDiffer,
            _ => Ending::Plain,
        };
        let kinds = kinds(&mut random.aside());
        let rules = rules(random, deadlines);
        let observed = 1 + random.below(2);
        let mut plan = plan_of(rules, observed, kinds);
        let mut aside = random.aside();
        let registry = aside.chance(333).then(|| Registry::draw(&mut aside, 1 + observed));
        if let Some(registry) = &registry {
            registry.read_by(&mut plan, &registry.port_of_judge());
        }
        plan.outputs = outputs(*random.pick(&[Stamp::Commit, Stamp::Source]), &plan.rules);
        plan.times = TIMES;
        plan.span_seed = random.chance(500).then_some(7);
        plan.on_truncation = *random.pick(&[OnTruncation::Stop, OnTruncation::Continue]);
        plan.offsets_renewed_every = Duration::from_secs(*random.pick(&[60, 3_600]));
        plan.tombstones_kept = Duration::from_secs(*random.pick(&[8, 20, 60]));
        if tells {
            // Restoring so many rows takes longer than 8 s, and would start over again and again.
            plan.tombstones_kept = plan.tombstones_kept.max(Duration::from_secs(20));
        }
        Self {
            processes: 1 + random.below(3),
            shards: (0..shards).map(|shard| ShardId(shard as i32)).collect(),
            keys_per_shard: if tells { 80 } else { 1 + random.below(8) },
            records: if tells { 300 } else { 30 + random.below(120) },
            deadlines,
            ending,
            entries: entries(&plan.rules, observed, kinds),
            plan: Arc::new(plan),
            kinds,
            registry,
            limits: limits(random),
            faults: faults(random),
            stay: *random.pick(&[0, 500, 800, 950]),
            marker: *random.pick(&[50, 200, 500, 900]),
            transaction_timeout_ms: 10_000,
            unusable_times: *random.pick(&[0, 30, 300, 1_000]),
            // A record or a deadline causes at most one row and two outputs, and two deadlines may
            // fire together.
            transaction_room: random.chance(300).then(|| *random.pick(&[8, 20])),
            partitions,
            strays: *random.pick(&[0, 50, 200]),
            former: *random.pick(&[0, 0, 0, 400, 1_000]),
            is_lenient: random.chance(300),
        }
    }

    pub fn inputs(&self) -> usize {
        self.plan.inputs.len()
    }

    /// Returns the time before which compaction may have dropped tombstones by `now_ms`. The broker
    /// keeps them for longer than promised, by more than the clocks' error.
    pub fn tombstones_before(&self, now_ms: Timestamp) -> Timestamp {
        now_ms - self.tombstones_kept_ms() - 3 * SKEW_MS
    }

    /// Returns how long the changelog is said to keep tombstones.
    pub fn tombstones_kept_ms(&self) -> Timestamp {
        millis(self.plan.tombstones_kept)
    }
}

fn kinds(random: &mut Random) -> Kinds {
    let expects = *random.pick(&[Expects::Items, Expects::Count, Expects::Items]);
    let ids = *random.pick(&[Ids::None, Ids::Read]);
    let expects = if random.chance(200) { Expects::Lines } else { expects };
    let deadlines = *random.pick(&[NamedDeadlines::None, NamedDeadlines::Read]);
    let selects = match random.below(7) {
        0..4 => Where::Everywhere,
        4 => Where::Header,
        5 => Where::Path,
        _ => Where::Both,
    };
    let expects = if random.below(8) == 0 { Expects::Fixed } else { expects };
    let is_to_the_last = expects == Expects::Lines && random.chance(400);
    let expects = if is_to_the_last { Expects::LinesToTheLast } else { expects };
    Kinds { expects, ids, deadlines, selects }
}

fn rules(random: &mut Random, deadlines: Deadlines) -> Rules {
    let unit_ms = match deadlines {
        Deadlines::Near => 4_000,
        Deadlines::Far | Deadlines::Backlog => 24 * 3_600_000,
    };
    let mut some = |units: i64| random.chance(750).then_some(units * unit_ms);
    let [overdue_after_ms, orphans_after_ms, expire_after_ms] = [some(3), some(5), some(8)];
    let counting = *random.pick(&[Counting::Distinct, Counting::Quantity]);
    let mut aside = random.aside();
    let failed = match counting {
        Counting::Distinct => {
            *aside.pick(&[None, Some(FailedWhen::First), Some(FailedWhen::AllKnown)])
        }
        Counting::Quantity => None,
    };
    Rules {
        overdue_after_ms,
        orphans_after_ms,
        expire_after_ms,
        memory_ms: 6 * unit_ms,
        counting,
        failed,
        reports_cancelled: aside.chance(500),
        list_bytes_max: aside.chance(333).then_some(4_096),
        allow_empty: random.chance(300),
        row_bytes_max: *random.pick(&[64, 4_096]),
    }
}

fn limits(random: &mut Random) -> Limits {
    let limits = Limits {
        cache_bytes: *random.pick(&[600, 2_000, 1 << 20]),
        dirty_rows_max: *random.pick(&[0, 3, 1_000]),
        transaction_records_max: *random.pick(&[2, 10, 1_000]),
        transaction_bytes_max: 64 << 20,
        spill_interval: Duration::from_millis(*random.pick(&[300, 3_000, 1_000_000])),
        deadlines_max: *random.pick(&[1, 3, 100]),
        ..Limits::default()
    };
    // Rows of schedules are small; if little fits into memory, some of them count as large.
    match limits.cache_bytes {
        600 => Limits { large_items_bytes: 0, indexed_uses: 1, ..limits },
        2_000 => Limits { large_items_bytes: 12, indexed_uses: 3, ..limits },
        _ => limits,
    }
}

fn faults(random: &mut Random) -> Faults {
    // Each kind is absent in some schedules, so that it does not hide what others would show.
    let mut rate = |often: PerMille| match random.below(4) {
        0 => 0,
        1 => often.div_ceil(4),
        2 => often,
        _ => often * 2,
    };
    Faults {
        kill: rate(5),
        pause: rate(6),
        session_end: rate(20),
        rebalance: rate(8),
        outage: rate(2),
        interruption: rate(8),
        lost_answer: rate(60),
        replica_lag: rate(300),
        store_failure: rate(20),
        store_corrupt: rate(3),
        store_lost: rate(100),
        store_old: rate(200),
        compaction: rate(20),
        clock_jump: rate(5),
        clock_skew: rate(10),
        transaction_sweep: rate(10),
        offset_expiry: rate(5),
    }
}
