//! Looks for an order of events in which the pure core does what a transaction did to one key.

use std::collections::BTreeSet;

use super::{
    super::kafka::Message,
    OUTPUTS, encoded,
    facts::{Fact, Says},
    text,
};
use crate::{
    codec::Reason,
    matching::{Emitted, Event, Phase, Row, Timestamp, step},
    shard::{Output, Plan, Sink},
};

/// What a transaction did to one key.
pub struct Case<'a> {
    pub plan: &'a Plan,
    pub key: Vec<u8>,
    /// The row before the transaction.
    pub first: Row,
    /// The row after it.
    pub last: Row,
    /// The records about the key, by input.
    pub facts: Vec<Vec<Fact>>,
    /// The records about the key, by output topic.
    pub outputs: [Vec<Message>; 3],
    /// Latest time at which a deadline may have fired.
    pub tick_until_ms: Timestamp,
}

/// A point on the way from the first row to the last.
#[derive(Clone)]
struct Point {
    row: Row,
    /// Facts used, by input.
    used: Vec<usize>,
    /// Outputs accounted for, by topic.
    told: [usize; 3],
}

impl Case<'_> {
    /// Finds an order that explains the transaction.
    ///
    /// # Errors
    /// What there is to explain, when there is none.
    pub fn explain(&self) -> Result<(), String> {
        let used = vec![0; self.facts.len()];
        let mut left = vec![Point { row: self.first.clone(), used, told: [0; 3] }];
        let mut seen = BTreeSet::new();
        while let Some(point) = left.pop() {
            if self.is_the_end(&point) {
                return Ok(());
            }
            if seen.insert((point.used.clone(), point.told, encoded(&point.row))) {
                left.extend(self.tick(&point));
                left.extend((0..point.used.len()).filter_map(|input| self.take(&point, input)));
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

    /// Returns the point after the next record of `input`.
    fn take(&self, point: &Point, input: usize) -> Option<Point> {
        let fact = self.facts[input].get(point.used[input])?;
        let mut next = point.clone();
        next.used[input] += 1;
        let Some(event) = fact.event() else {
            let Says::Refused(output) = &fact.says else { return None };
            return self.tell(next, output);
        };
        let step = step(&self.plan.rules, point.row.clone(), event, fact.timestamp_ms);
        next.row = step.row;
        if step.changed {
            next.row.touched_by(step.outcome, fact.origin(input));
        }
        if let Some(reason) = Reason::of(step.outcome) {
            next = self.tell(next, &fact.dead_letter(self.plan, &reason))?;
        }
        self.emit(next, step.emitted.as_ref(), fact.timestamp_ms, Some(fact))
    }

    /// Returns the point after the row's earliest deadline has fired.
    fn tick(&self, point: &Point) -> Option<Point> {
        let due = point.row.due(&self.plan.rules).filter(|due| *due <= self.tick_until_ms)?;
        let at = if point.row.phase == Phase::Open {
            // When it fired is told by the record that it made.
            let overdue = self.outputs[1].get(point.told[1])?;
            Some(overdue.timestamp_ms).filter(|at| (due..=self.tick_until_ms).contains(at))?
        } else {
            due
        };
        let step = step(&self.plan.rules, point.row.clone(), Event::Tick, at);
        let next = Point { row: step.row, ..point.clone() };
        self.emit(next, step.emitted.as_ref(), at, None)
    }

    /// Accounts for what the core has emitted; `cause` is the record that made it do so.
    fn emit(
        &self,
        next: Point,
        emitted: Option<&Emitted>,
        at: Timestamp,
        cause: Option<&Fact>,
    ) -> Option<Point> {
        let Some(emitted) = emitted else { return Some(next) };
        let mut output = self.plan.outputs.emitted(&self.key, emitted, at);
        output.carried = cause.and_then(|fact| fact.carried(self.plan)).map(Box::new);
        self.tell(next, &output)
    }

    /// Accounts for `output`, if it is the next one of its topic.
    fn tell(&self, mut next: Point, output: &Output) -> Option<Point> {
        let index = match output.sink {
            Sink::Completed => 0,
            Sink::Overdue => 1,
            Sink::DeadLetter => 2,
        };
        debug_assert_eq!(OUTPUTS[index], output.sink.into());
        let message = self.outputs[index].get(next.told[index])?;
        next.told[index] += 1;
        (*message == Message::from(output)).then_some(next)
    }
}
