//! The process of a run, from its start to its end: it owns all shards, reads their inputs, and
//! commits what they hold in one transaction, as a lane of a worker does.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc};

use super::{
    Script,
    port::{Disk, Port, Producer},
};
use crate::{
    client::{Authority, transactional_id_of},
    kafka::{Message, Topic, TopicPartition},
};
use rollcall_core::{
    matching::Row,
    record::{InputIndex, Offset, ShardId, Timestamp},
    shard::{
        Assignment, Attempt, Commit, Limits, Opening, Placement, Plan, Producer as _, Progress,
        Record, Result, Running, Tenure, commit_parts, decode_row, key_hash,
    },
};

/// Dirty rows above which they are spilled: so few that the disk matters in a short run.
const DIRTY_ROWS_MAX: usize = 2;
/// Keys of the store that are read at a time.
const SCANNED_MAX: usize = 1_000;
/// Rows that are read at a time.
const PORTION_MAX: usize = 1_000;

/// A process that runs all shards.
pub struct Process {
    port: Port,
    assignment: Assignment<Authority>,
    producer: Producer,
    shards: Vec<Shard>,
}

struct Shard {
    running: Running<Disk>,
    /// First offset of each input that has not been fetched yet.
    cursor: Vec<Offset>,
}

/// A record on its way into a shard.
type Fetched = (InputIndex, Offset, Arc<Message>);

/// How much is fetched of an input at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetch {
    Everything,
    One { shard: ShardId, input: InputIndex },
}

/// Returns the shards of a script.
pub fn shards(partitions: NonZeroU32) -> impl Iterator<Item = ShardId> {
    (0..partitions.get()).map(|number| ShardId(number.cast_signed()))
}

impl Process {
    /// Starts the process: it joins the group, settles what an earlier one of its name has left
    /// open, and opens all shards.
    ///
    /// # Errors
    /// When it is killed meanwhile, or when a shard cannot be opened.
    pub fn start(script: &Script, port: Port) -> Result<Self> {
        let authority = join(&port, script.partitions);
        let tenures = shards(script.partitions).map(|shard| (shard, Tenure(1)));
        let assignment = Assignment {
            generation: authority.generation,
            shards: tenures.collect(),
            authority: Arc::new(authority),
        };
        let mut producer = Producer::new(port.clone());
        producer.renew()?;
        let plan = Arc::new(plan_of(script));
        let opened = shards(script.partitions).map(|shard| open(&plan, &port, shard));
        let shards = opened.collect::<Result<Vec<Shard>>>()?;
        let mut process = Self { port, assignment, producer, shards };
        // The claims.
        process.commit()?;
        Ok(process)
    }

    /// Reads, fires and commits until nothing is left to do. Returns whether a deadline fired.
    ///
    /// # Errors
    /// When it is killed meanwhile, or when a shard has to stop.
    pub fn settle(&mut self) -> Result<bool> {
        let mut has_fired = false;
        loop {
            let has_read = self.fetch(Fetch::Everything)?;
            has_fired |= self.tick()?;
            let has_more_due = self.shards.iter().any(|shard| shard.running.has_more_due());
            if !(self.commit()? || has_read || has_more_due) {
                return Ok(has_fired);
            }
        }
    }

    /// Reads the next record of an input, and fires the deadlines that have passed by then.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub fn read_one(&mut self, shard: ShardId, input: InputIndex) -> Result<()> {
        while !self.fetch(Fetch::One { shard, input })? {
            // The transaction is as large as it may be.
            self.commit()?;
        }
        self.tick().map(drop)
    }

    /// Fetches records and processes them; returns whether there were any.
    fn fetch(&mut self, fetch: Fetch) -> Result<bool> {
        let mut has_read = false;
        for shard in &mut self.shards {
            has_read |= shard.fetch(&self.port, fetch)?;
        }
        Ok(has_read)
    }

    /// Fires deadlines; returns whether there were any.
    fn tick(&mut self) -> Result<bool> {
        let now_ms = self.port.lock().now_ms;
        let mut has_fired = false;
        for Shard { running, .. } in &mut self.shards {
            let had_work = running.has_work();
            running.scan_keys(SCANNED_MAX)?;
            running.tick(now_ms)?;
            has_fired |= running.has_work() && !had_work;
        }
        Ok(has_fired)
    }

    /// Commits what the shards hold; returns whether there was anything.
    fn commit(&mut self) -> Result<bool> {
        let now_ms = self.port.lock().now_ms;
        let mut parts: Vec<(usize, Commit)> = Vec::new();
        for (index, shard) in self.shards.iter_mut().enumerate() {
            parts.extend(shard.running.take(now_ms)?.map(|part| (index, part)));
        }
        if parts.is_empty() {
            return Ok(false);
        }
        let commits: Vec<&Commit> = parts.iter().map(|(_, part)| part).collect();
        let assignment = Some(&self.assignment);
        let Attempt { results, .. } =
            commit_parts(&commits, &mut self.producer, &self.port, assignment, &mut |_, _| false);
        for ((index, mut part), result) in parts.into_iter().zip(results) {
            let running = &mut self.shards[index].running;
            let done = part.land(&**running.store(), result?)?;
            running.committed(done)?;
        }
        Ok(true)
    }

    /// Returns the keys that are open, in order.
    ///
    /// # Panics
    /// When a row cannot be decoded: this process has encoded it.
    pub fn open_keys(&self) -> Vec<(Vec<u8>, Row)> {
        let mut open = BTreeMap::new();
        for Shard { running, .. } in &self.shards {
            let mut newer = Vec::new();
            let mut portion = running.not_stored(None, PORTION_MAX);
            loop {
                newer.append(&mut portion.hashes);
                open.extend(portion.open);
                let Some(next) = portion.next else { break };
                portion = running.not_stored(Some(next), PORTION_MAX);
            }
            let kafka = self.port.lock();
            let disk = kafka.disks.get(&(self.port.machine, running.id()));
            let stored = disk.into_iter().flat_map(|disk| &disk.rows);
            let stored = stored.filter(|(key, _)| !newer.contains(&key_hash(key)));
            open.extend(stored.map(|(key, row)| (key.clone(), row.clone())));
        }
        let decoded = |(key, row): (Vec<u8>, Vec<u8>)| {
            let row = decode_row(ShardId(0), &row).expect("rows of this process can be read");
            (key, row)
        };
        open.into_iter().map(decoded).filter(|(_, row)| !row.is_finished()).collect()
    }
}

/// Makes the process the only member of the group.
fn join(port: &Port, partitions: NonZeroU32) -> Authority {
    let group = &mut port.lock().cluster.group;
    let others: Vec<_> = group.members().filter(|(_, of)| *of != port.machine).collect();
    for (member, _) in others {
        group.remove(member);
    }
    let member = group.join(port.machine);
    group.rebalance(&shards(partitions).map(|shard| (shard, member)).collect());
    Authority { member, generation: group.generation() }
}

/// Returns the plan of a new process, which knows nothing of the inputs' partitioner yet.
fn plan_of(script: &Script) -> Plan {
    let plan = script.plan.clone();
    let partitioning = plan.placement.partitioning();
    let placement = Placement::new(partitioning, plan.topics.clone(), script.partitions);
    Plan { placement: Arc::new(placement), ..plan }
}

fn open(plan: &Arc<Plan>, port: &Port, shard: ShardId) -> Result<Shard> {
    let opening = Opening {
        plan,
        shard,
        tenure: Tenure(1),
        owner: transactional_id_of(port.machine, 0).into(),
        limits: Limits { dirty_rows_max: DIRTY_ROWS_MAX, ..Limits::default() },
        wall_ms: &|| port.lock().now_ms,
        progress: &Progress::default(),
    };
    let running = opening.open(port, Disk::new(port.clone(), shard))?;
    let cursor = running.next_offsets().to_vec();
    Ok(Shard { running, cursor })
}

impl Shard {
    fn fetch(&mut self, port: &Port, fetch: Fetch) -> Result<bool> {
        let (mut fetched, mut ends) = (Vec::<Fetched>::new(), Vec::new());
        let mut kafka = port.lock();
        kafka.step("fetch records")?;
        let read_at_ms: Timestamp = kafka.now_ms;
        let id = self.running.id();
        for (input, cursor) in self.cursor.iter_mut().enumerate() {
            let log = kafka.cluster.log(TopicPartition { topic: Topic::Input(input), shard: id });
            log.replicate();
            let most = match fetch {
                Fetch::Everything => usize::MAX,
                Fetch::One { shard, input: of } => usize::from(shard == id && of == input),
            };
            for (offset, message) in log.read(*cursor).take(most) {
                fetched.push((input, offset, Arc::clone(message)));
                *cursor = offset + 1;
            }
            if *cursor >= log.served() {
                ends.push((input, *cursor, log.bounds().end));
            }
        }
        drop(kafka);
        let records: Vec<Record<'_>> = fetched
            .iter()
            .map(|(input, offset, message)| message.record(*input, *offset, read_at_ms))
            .collect();
        let done = self.running.process(&records)?;
        if done < records.len() {
            // The rest is fetched again after the overlay has been taken.
            self.cursor.copy_from_slice(self.running.next_offsets());
            return Ok(done > 0);
        }
        for (input, position, end) in ends {
            self.running.reached_end(input, position);
            self.running.ends_at(input, end, read_at_ms);
        }
        Ok(!records.is_empty())
    }
}
