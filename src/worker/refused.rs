//! Observes the inputs' records as a whole: warns of dead letters, once a minute for each topic and
//! reason, and reports problems that have a single object or producer as their cause.
//!
//! Promise: no cost per record: it reads what shards report, once a second.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    query::Recent,
    troubles::{Concern, Severity},
    view::View,
};
use rollcall_core::{
    codec::{REASONS, WRONG_PARTITION},
    shard::Counters,
};

const INTERVAL: Duration = Duration::from_secs(1);
/// The same warning is repeated after this time, if there are new dead letters.
const WARNED_FOR: Duration = Duration::from_secs(60);
/// Number of consecutive records unusable for the same reason before the whole topic is reported as
/// unusable.
const RUN_MIN: u64 = 100;
/// Records in partitions that their keys do not belong to are reported for this long.
const MISPLACED_FOR: Duration = Duration::from_secs(600);

/// Watches the inputs until it is aborted.
pub async fn watch(view: Arc<View>, recent: Arc<Recent>, topics: Vec<String>) {
    let mut inputs = Inputs::new(topics);
    loop {
        tokio::time::sleep(INTERVAL).await;
        let shards = view.shards();
        let counters = shards.into_values().filter_map(|shard| shard.counters());
        let Some(sum) = counters.reduce(|sum, more| sum.plus(&more)) else { continue };
        let now = Instant::now();
        for (input, reason, letters) in inputs.look(&sum, now) {
            let (topic, reason) = (&inputs.topics[input], REASONS[reason]);
            warn(topic, reason, letters, &recent.letter(topic, reason));
        }
        report(&view, &inputs, now, |topic, reason| recent.letter(topic, reason));
    }
}

/// What was observed of the inputs.
struct Inputs {
    topics: Vec<String>,
    seen: Vec<Seen>,
}

#[derive(Clone, Default)]
struct Seen {
    records: u64,
    refused: [u64; REASONS.len()],
    /// The number of consecutive dead letters with the same reason, and the reason.
    run: u64,
    run_reason: usize,
    /// When each reason was last warned of, and its number of dead letters then.
    warned: [(Option<Instant>, u64); REASONS.len()],
    misplaced_at: Option<Instant>,
}

impl Inputs {
    fn new(topics: Vec<String>) -> Self {
        let seen = vec![Seen::default(); topics.len()];
        Self { topics, seen }
    }

    /// Takes in the counts, and returns what to warn of: input, reason, dead letters since the last
    /// warning.
    fn look(&mut self, counters: &Counters, now: Instant) -> Vec<(usize, usize, u64)> {
        let mut found = Vec::new();
        let counts = counters.records.iter().zip(&counters.refused);
        for (input, (seen, (&records, refused))) in self.seen.iter_mut().zip(counts).enumerate() {
            seen.count(records, refused, now);
            for (reason, (at, told)) in seen.warned.iter_mut().enumerate() {
                let letters = refused[reason].saturating_sub(*told);
                let is_due = at.is_none_or(|at| now.duration_since(at) >= WARNED_FOR);
                if letters > 0 && is_due {
                    (*at, *told) = (Some(now), refused[reason]);
                    found.push((input, reason, letters));
                }
            }
        }
        found
    }

    /// Returns the topics that are unusable as a whole, with the number of consecutive records and
    /// the reason.
    fn useless(&self) -> impl Iterator<Item = (&str, u64, &'static str)> {
        let seen = self.topics.iter().zip(&self.seen).filter(|(_, seen)| seen.run >= RUN_MIN);
        seen.map(|(topic, seen)| (topic.as_str(), seen.run, REASONS[seen.run_reason]))
    }

    /// Returns the topics that recently had records in partitions that their keys do not belong to.
    fn misplaced(&self, now: Instant) -> impl Iterator<Item = &str> {
        let lately = move |seen: &Seen| {
            seen.misplaced_at.is_some_and(|at| now.duration_since(at) < MISPLACED_FOR)
        };
        let seen = self.topics.iter().zip(&self.seen).filter(move |(_, seen)| lately(seen));
        seen.map(|(topic, _)| topic.as_str())
    }
}

impl Seen {
    fn count(&mut self, records: u64, refused: &[u64; REASONS.len()], now: Instant) {
        let new_records = records.saturating_sub(self.records);
        let new_of = |reason: usize| refused[reason].saturating_sub(self.refused[reason]);
        let of_all = (0..REASONS.len()).find(|&reason| new_of(reason) == new_records);
        match of_all {
            _ if new_records == 0 => {}
            Some(reason) if reason == self.run_reason => self.run += new_records,
            Some(reason) => (self.run, self.run_reason) = (new_records, reason),
            None => self.run = 0,
        }
        if new_of(WRONG_PARTITION) > 0 {
            self.misplaced_at = Some(now);
        }
        (self.records, self.refused) = (records, *refused);
    }
}

/// Rollcall's own headers of a dead letter; empty if none is kept any more.
type Letter = Vec<(&'static str, String)>;

fn header<'l>(letter: &'l [(&'static str, String)], name: &str) -> &'l str {
    let found = letter.iter().find(|(own, _)| *own == name);
    found.map_or("", |(_, value)| value)
}

/// Returns a reason with the detail of the last dead letter that had it.
fn with_detail(reason: &str, letter: &[(&'static str, String)]) -> String {
    match header(letter, "rollcall-detail") {
        "" => reason.to_owned(),
        detail => format!("{reason}: {detail}"),
    }
}

fn warn(topic: &str, reason: &str, letters: u64, letter: &[(&'static str, String)]) {
    let partition = header(letter, "rollcall-source-partition");
    let offset = header(letter, "rollcall-source-offset");
    let text = with_detail(reason, letter);
    tracing::warn!(topic, reason, letters, partition, offset, "dead letters: {text}");
}

/// Reports the problems that need attention, and resolves those that are gone.
fn report(view: &View, inputs: &Inputs, now: Instant, letter: impl Fn(&str, &str) -> Letter) {
    let troubles = &view.troubles;
    let conflict = view.placement().and_then(|placement| placement.conflict());
    let placing = Concern::Partitioners;
    match conflict {
        Some(why) => troubles.report(placing, Severity::Unready, "PartitionersDiffer", why),
        None => troubles.resolve(placing),
    }
    let useless = inputs.useless().map(|(topic, run, reason)| {
        let why = with_detail(reason, &letter(topic, reason));
        format!("nothing on {topic} is usable, its last {run} records are dead letters: {why}")
    });
    let useless: Vec<_> = useless.collect();
    if useless.is_empty() {
        troubles.resolve(Concern::DeadLetters);
    } else {
        let message = useless.join("; ") + "; if a path of the object is wrong, nothing is lost";
        troubles.report(Concern::DeadLetters, Severity::Degraded, "DeadLetters", &message);
    }
    let misplaced = inputs.misplaced(now).map(|topic| {
        let letter = letter(topic, REASONS[WRONG_PARTITION]);
        with_detail(&format!("records of {topic} are not where their keys belong"), &letter)
    });
    let misplaced: Vec<_> = misplaced.collect();
    if misplaced.is_empty() {
        troubles.resolve(Concern::Placement);
    } else {
        let message = misplaced.join("; ");
        troubles.report(Concern::Placement, Severity::Degraded, "WrongPartition", &message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_core::codec::Reason;

    /// Two inputs, with the number of records of each and their outcomes.
    struct Told(Inputs, Counters, Instant);

    impl Told {
        fn new() -> Self {
            let topics = vec!["orders".to_owned(), "scans".to_owned()];
            Self(Inputs::new(topics), Counters::new(2), Instant::now())
        }

        fn record(&mut self, input: usize, reason: Option<&Reason>, times: u64) {
            for _ in 0..times {
                self.1.records[input] += 1;
                if let Some(reason) = reason {
                    self.1.dead_letter(input, reason);
                }
            }
        }

        fn look(&mut self, seconds: u64) -> Vec<(usize, usize, u64)> {
            self.2 += Duration::from_secs(seconds);
            self.0.look(&self.1, self.2)
        }

        fn useless(&self) -> Vec<(&str, u64, &'static str)> {
            self.0.useless().collect()
        }
    }

    fn missing() -> Reason {
        Reason::MissingField { path: "$.parcel".into() }
    }

    #[test]
    fn a_flood_of_dead_letters_is_a_line_a_minute_for_each_topic_and_reason() {
        let (mut told, missing) = (Told::new(), missing());
        told.record(1, Some(&missing), 60_000);
        assert_eq!(told.look(1), [(1, missing.index(), 60_000)]);
        told.record(1, Some(&missing), 40_000);
        told.record(1, Some(&Reason::NullKey), 1);
        told.record(0, None, 5);
        assert_eq!(told.look(1), [(1, Reason::NullKey.index(), 1)]);
        assert_eq!(told.look(58), []);
        assert_eq!(told.look(1), [(1, missing.index(), 40_000)]);
        assert_eq!(told.look(600), []);
    }

    #[test]
    fn nothing_is_usable_after_a_run_of_one_reason_until_one_record_is() {
        let (mut told, missing) = (Told::new(), missing());
        told.record(1, Some(&missing), RUN_MIN - 1);
        told.record(0, None, 1);
        told.look(1);
        assert_eq!(told.useless(), []);
        told.look(1);
        told.record(1, Some(&missing), 1);
        told.look(1);
        assert_eq!(told.useless(), [("scans", RUN_MIN, "missing-field")]);
        told.look(1_000);
        assert_eq!(told.useless().len(), 1, "no record has come since");
        told.record(1, Some(&missing), 10);
        told.record(1, None, 1);
        told.look(1);
        assert_eq!(told.useless(), []);
        told.record(1, Some(&missing), RUN_MIN - 1);
        told.look(1);
        told.record(1, Some(&Reason::NullKey), RUN_MIN - 1);
        told.look(1);
        assert_eq!(told.useless(), [], "two causes");
    }

    #[test]
    fn records_elsewhere_are_told_for_a_while() {
        let mut told = Told::new();
        let partitioner = rollcall_core::codec::Partitioner::Crc32;
        let reason = Reason::WrongPartition { partition: 1, belongs: 2, partitioner };
        assert_eq!(reason.index(), WRONG_PARTITION);
        told.record(0, Some(&reason), 1);
        told.look(1);
        assert_eq!(told.0.misplaced(told.2).collect::<Vec<_>>(), ["orders"]);
        told.look(599);
        assert_eq!(told.0.misplaced(told.2).count(), 1);
        told.look(1);
        assert_eq!(told.0.misplaced(told.2).count(), 0);
    }
}
