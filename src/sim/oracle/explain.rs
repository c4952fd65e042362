//! Searches for an order of events in which the pure core does what a transaction did to one key.

use std::collections::BTreeSet;

use super::{
    super::kafka::Message,
    OUTPUTS, encoded,
    facts::{Fact, Says},
    text,
};
use rollcall_core::{
    codec::{Reason, output::Time},
    matching::{Emitted, Event, Phase, Row, step, step_keeping},
    record::{Output, Sink, Timestamp},
    shard::Plan,
};

/// The effect of a transaction on one key.
pub struct Case<'a> {
    pub plan: &'a Plan,
    pub key: Vec<u8>,
    /// The row before the transaction.
    pub first: Row,
    /// The row after it.
    pub last: Row,
    /// The input records with the key, by input.
    pub facts: Vec<Vec<Fact>>,
    /// The output records with the key, by output topic.
    pub outputs: [Vec<Message>; OUTPUTS.len()],
    /// Latest time at which a deadline may have fired.
    pub tick_until_ms: Timestamp,
    /// When the transaction was taken, according to its outputs.
    pub commit_ms: Timestamp,
}

/// A point on the way from the first row to the last.
#[derive(Clone)]
struct Point {
    row: Row,
    /// Facts used, by input.
    used: Vec<usize>,
    /// Outputs accounted for, by topic.
    told: [usize; OUTPUTS.len()],
}

impl Case<'_> {
    /// Finds an order that explains the transaction.
    ///
    /// # Errors
    /// If there is none, a description of what was to be explained.
    pub fn explain(&self) -> Result<(), String> {
        let used = vec![0; self.facts.len()];
        let mut left = vec![Point { row: self.first.clone(), used, told: [0; OUTPUTS.len()] }];
        let mut seen = BTreeSet::new();
        while let Some(point) = left.pop() {
            if self.is_the_end(&point) {
                return Ok(());
            }
            if seen.insert((point.used.clone(), point.told, encoded(&point.row))) {
                left.extend(self.tick(&point));
                left.extend((0..point.used.len()).flat_map(|input| self.take(&point, input)));
            }
        }
        Err(format!(
            "no order of its records explains what a transaction did to {}: \nbefore {:?}\nafter \
             {:?}\nrecords {:#?}\noutputs {:#?}\ndeadlines until {}",
            text(&self.key),
            self.first,
            self.last,
            self.facts,
            self.outputs,
            self.tick_until_ms
        ))
    }

    fn is_the_end(&self, point: &Point) -> bool {
        let used = point.used.iter().zip(&self.facts).all(|(used, facts)| *used == facts.len());
        let told = point.told.iter().zip(&self.outputs).all(|(told, all)| *told == all.len());
        used && told && point.row == self.last
    }

    /// Returns the points after the next record of `input`, one for each time that may count for
    /// it.
    fn take(&self, point: &Point, input: usize) -> Vec<Point> {
        let Some(fact) = self.facts[input].get(point.used[input]) else { return Vec::new() };
        let times = fact.counts_ms.iter();
        let ways = |at_ms: &Timestamp| {
            let refused = fact.misplaced.as_ref();
            let refused = refused.and_then(|why| self.refuse(point, input, fact, (why, *at_ms)));
            self.take_at(point, input, fact, *at_ms).into_iter().chain(refused)
        };
        times.flat_map(ways).collect()
    }

    fn refuse(
        &self,
        point: &Point,
        input: usize,
        fact: &Fact,
        (reason, at_ms): (&Reason, Timestamp),
    ) -> Option<Point> {
        let mut next = point.clone();
        next.used[input] += 1;
        self.tell(next, fact.dead_letter(self.plan, reason, at_ms))
    }

    fn take_at(&self, point: &Point, input: usize, fact: &Fact, at_ms: Timestamp) -> Option<Point> {
        let mut next = point.clone();
        next.used[input] += 1;
        let Some(event) = fact.event() else {
            let Says::Refused(reason) = &fact.says else { return Some(next) };
            return self.tell(next, fact.dead_letter(self.plan, reason, at_ms));
        };
        let event = (event, fact.kept.as_str());
        let step = step_keeping(&self.plan.rules, point.row.clone(), event, at_ms);
        next.row = step.row;
        if step.changed {
            next.row.touched_by(step.outcome, fact.origin(input));
        }
        if let Some(reason) = Reason::of(step.outcome) {
            next = self.tell(next, fact.dead_letter(self.plan, &reason, at_ms))?;
        }
        let time = Time { at_ms, source_ms: fact.source_ms };
        self.emit(next, step.emitted.as_ref(), time, Some(fact))
    }

    /// Returns the points after the row's earliest deadline has fired, one for each possible time.
    fn tick(&self, point: &Point) -> Vec<Point> {
        let Some(due) = point.row.due(&self.plan.rules) else { return Vec::new() };
        let mut times = if point.row.phase == Phase::Open {
            let Some(overdue) = self.outputs[1].get(point.told[1]) else { return Vec::new() };
            match overdue.source_timestamp() {
                Some(at) => vec![at],
                // The clock may have been set back before the transaction was taken.
                None => {
                    let told = overdue.timestamp_ms;
                    vec![told, told.max(due), self.last.changed_at]
                }
            }
        } else {
            vec![due]
        };
        times.retain(|at| (due..=self.tick_until_ms).contains(at));
        times.into_iter().filter_map(|at| self.tick_at(point, at)).collect()
    }

    fn tick_at(&self, point: &Point, at: Timestamp) -> Option<Point> {
        let step = step(&self.plan.rules, point.row.clone(), Event::Tick, at);
        let next = Point { row: step.row, ..point.clone() };
        self.emit(next, step.emitted.as_ref(), Time::of(at), None)
    }

    /// Accounts for what the core has emitted; `cause` is the record that caused it.
    fn emit(
        &self,
        next: Point,
        emitted: Option<&Emitted>,
        time: Time,
        cause: Option<&Fact>,
    ) -> Option<Point> {
        let Some(emitted) = emitted else { return Some(next) };
        let mut output = self.plan.outputs.emitted(&self.key, emitted, time);
        output.carried = cause.and_then(|fact| fact.carried(self.plan)).map(Box::new);
        self.tell(next, output)
    }

    /// Accounts for `output` if it is the next one of its topic.
    fn tell(&self, mut next: Point, mut output: Output) -> Option<Point> {
        self.plan.outputs.stamp(std::slice::from_mut(&mut output), self.commit_ms);
        let index = match output.sink {
            Sink::Completed => 0,
            Sink::Overdue => 1,
            Sink::DeadLetter => 2,
            Sink::Failed => 3,
            Sink::Cancelled => 4,
        };
        debug_assert_eq!(OUTPUTS[index], output.sink.into());
        let message = self.outputs[index].get(next.told[index])?;
        next.told[index] += 1;
        (*message == Message::from(&output)).then_some(next)
    }
}
