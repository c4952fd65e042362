//! Judges what processes do to the cluster and to their disks as it happens.

use std::collections::BTreeSet;

use super::{Request, World};
use crate::{
    Situation,
    client::{Answer, Authority},
    disk::Contents,
    kafka::{Decision, Offsets, TransactionId},
};
use rollcall_core::{
    record::ShardId,
    shard::{Record, Spill},
};

/// The numbers of a shard's commits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Numbers {
    last: u64,
    /// That of the last one with offsets of records: one that is more than a claim.
    records: u64,
}

impl World {
    /// Ends a shard's transaction; if it commits, it is judged.
    pub fn end_transaction(&mut self, request: Request) -> Answer<()> {
        let Request { process, owner: (producer, epoch), decision } = request;
        let Some(transaction) = self.cluster.end(producer, epoch, decision)? else {
            return Ok(());
        };
        self.tell(|| format!("p{process} ends {transaction:?} of {producer:?}: {decision:?}"));
        if decision == Decision::Commit {
            self.judge_transaction(process, transaction);
        }
        Ok(())
    }

    /// Judges a transaction as it commits, shard by shard.
    fn judge_transaction(&mut self, process: usize, transaction: TransactionId) {
        let held = self.cluster.group.held(transaction);
        let shards: BTreeSet<ShardId> = held.iter().map(|(shard, ..)| *shard).collect();
        for place in self.cluster.written(transaction) {
            if !shards.contains(&place.shard) {
                self.fail(format!("R-3: {place:?} is written without offsets of its shard"));
            }
        }
        for shard in shards {
            let is_claim =
                held.iter().filter(|(of, ..)| *of == shard).all(|(_, input, _)| *input == 0);
            if self.cluster.group.is_superseded(transaction, shard) {
                // Only a claim can be late: it holds nothing, and another owner's counts.
                if !is_claim {
                    self.fail(format!("R-4: p{process} commits for {shard} after a newer owner"));
                }
                self.seen.count(Situation::ClaimPassed);
                continue;
            }
            let offset = held.iter().find(|(of, input, _)| *of == shard && *input == 0);
            let number = offset.map_or(0, |(.., offset)| offset.metadata.commit);
            if is_claim {
                self.seen.count(Situation::Claimed);
            }
            self.judge_number(process, shard, (number, is_claim));
            let verdict = self.oracle.transaction(
                &self.setting,
                &mut self.cluster,
                (shard, transaction),
                self.wall_max_ms,
            );
            self.judge(verdict);
        }
    }

    /// a shard's owner must have read the offsets of the last commit, and no one can commit
    /// since. Otherwise it goes on from rows that are not the shard's. Only a claim need not have
    /// seen the last one, if that was a claim, too: nobody waits for what holds nothing.
    fn judge_number(&mut self, process: usize, shard: ShardId, (number, is_claim): (u64, bool)) {
        let Numbers { last, records } = self.commits.get(&shard).copied().unwrap_or_default();
        let first = if is_claim { records } else { last };
        let numbers = match (is_claim, number) {
            // An older version does not number its commits: who reads this one begins again.
            (true, 0) => Numbers { last, records: 0 },
            (true, _) => Numbers { last: number, records },
            (false, _) => Numbers { last: number, records: number },
        };
        self.commits.insert(shard, numbers);
        if number > 0 && !(first..=last).contains(&(number - 1)) {
            self.fail(format!(
                "R-5: p{process} makes commit {number} of {shard}, where {last} was the last"
            ));
        }
    }

    /// Makes a request reach the coordinator after `steps`, or never.
    pub fn lose_request(&mut self, request: Request, steps: Option<i64>) {
        let process = request.process;
        if let Some(steps) = steps {
            self.seen.count(Situation::RequestDelayed);
            self.tell(|| format!("p{process}'s request to end its transaction is delayed"));
            let at = self.step + u64::try_from(steps).expect("it is positive");
            self.delayed.insert(at, request);
        } else {
            self.seen.count(Situation::RequestLost);
            self.tell(|| format!("p{process}'s request to end its transaction is lost"));
        }
    }

    /// Commits offsets outside any transaction.
    pub fn commit_offsets(&mut self, shard: ShardId, offsets: Offsets) {
        let verdict = self.oracle.offsets(
            &self.setting,
            &mut self.cluster,
            shard,
            &offsets,
            self.wall_max_ms,
        );
        self.judge(verdict);
        self.cluster.group.commit(offsets);
    }

    /// the broker checks member and generation; the shard's owner must check that the member
    /// was given the shard in that generation.
    pub fn judge_authority(&mut self, shard: ShardId, authority: Authority) {
        let Authority { member, generation } = authority;
        let given = self.given.get(&(member, generation));
        if !given.is_some_and(|shards| shards.contains(&shard)) {
            self.fail(format!(
                "R-4: {member:?} commits for shard {shard} in generation {generation}, which did \
                 not give it the shard"
            ));
        }
    }

    /// Records which records a process was given, and when: the time that counts for some (S30).
    pub fn note_read(&mut self, shard: ShardId, records: &[Record<'_>]) {
        for record in records {
            let Record { input, offset, timestamp_ms, read_at_ms, .. } = *record;
            if self.setting.plan.times.usable(timestamp_ms, read_at_ms).is_none() {
                self.seen.count(Situation::UnusableTime);
                self.oracle.note_read((shard, input, offset), read_at_ms);
            }
        }
    }

    /// judges what a process's store of `shard` is about to become.
    pub fn judge_spill(&mut self, process: usize, shard: ShardId, spill: &Spill, after: &Contents) {
        let wall_ms = self.wall_ms(process);
        let verdict = self.oracle.spill(&self.setting, shard, (spill, after), wall_ms);
        self.judge(verdict);
    }
}
