//! Shard time: the progress of a shard's inputs.

use crate::record::InputIndex;
use crate::record::Timestamp;

/// Computes shard time: the minimum over the inputs of the wall time, if the input has been read to
/// its end, or otherwise the timestamp of its last record.
///
/// So an idle shard still reports on time, and a shard that catches up after days does not report
/// orders as overdue whose items come later in the backlog. Shard time never goes backwards.
///
/// An input whose log continues past what can be read is not at its end: its next records are
/// hidden by an open transaction, and shard time stands still until they become visible.
///
/// Records with unusable timestamps (S30) say nothing about the progress of their input.
#[derive(Debug)]
pub struct Clock {
    inputs: Vec<Reading>,
    now_ms: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
enum Reading {
    /// Nothing is known of the input yet.
    Unknown,
    /// More records follow; the last one had this timestamp.
    Behind(Timestamp),
    AtEnd,
    /// As [`Self::AtEnd`], but the log has continued since this wall time.
    Hidden(Timestamp),
}

impl Clock {
    pub fn new(inputs: usize) -> Self {
        Self { inputs: vec![Reading::Unknown; inputs], now_ms: None }
    }

    /// Takes in a processed record; `None` if its timestamp cannot be used. Shard time then stands
    /// still until the input's end or another record gives more information.
    pub fn record(&mut self, input: InputIndex, timestamp_ms: Option<Timestamp>) {
        match (timestamp_ms, &mut self.inputs[input]) {
            (Some(timestamp_ms), reading) => *reading = Reading::Behind(timestamp_ms),
            (None, reading @ (Reading::AtEnd | Reading::Hidden(_))) => *reading = Reading::Unknown,
            (None, Reading::Unknown | Reading::Behind(_)) => {}
        }
    }

    /// Records that every record of the input has been processed.
    pub fn reached_end(&mut self, input: InputIndex) {
        self.inputs[input] = Reading::AtEnd;
    }

    /// Records whether the log continues past what could be read of an input that is read to its
    /// end, and since which wall time.
    pub fn goes_on(&mut self, input: InputIndex, since_ms: Option<Timestamp>) {
        if let reading @ (Reading::AtEnd | Reading::Hidden(_)) = &mut self.inputs[input] {
            *reading = since_ms.map_or(Reading::AtEnd, Reading::Hidden);
        }
    }

    /// Returns since which wall time the log of an input has continued past what can be read.
    pub fn hidden_since(&self, input: InputIndex) -> Option<Timestamp> {
        match self.inputs[input] {
            Reading::Hidden(since_ms) => Some(since_ms),
            Reading::Unknown | Reading::Behind(_) | Reading::AtEnd => None,
        }
    }

    /// Records that the ends of the inputs are unknown, for example when no broker answers.
    pub fn lost_sight(&mut self) {
        for reading in &mut self.inputs {
            if matches!(reading, Reading::AtEnd) {
                *reading = Reading::Unknown;
            }
        }
    }

    /// Returns whether every input has been read to its end.
    pub fn at_end(&self) -> bool {
        self.inputs.iter().all(|reading| matches!(reading, Reading::AtEnd))
    }

    /// Returns the age of the last record of each input: 0 if the input has been read to its end,
    /// `None` if nothing is known about it; if the rest is hidden, for how long it has been.
    pub fn lag_ms(&self, wall_ms: Timestamp) -> Vec<Option<i64>> {
        let lag = |reading: &Reading| match *reading {
            Reading::Unknown => None,
            Reading::Behind(since) | Reading::Hidden(since) => {
                Some(wall_ms.saturating_sub(since).max(0))
            }
            Reading::AtEnd => Some(0),
        };
        self.inputs.iter().map(lag).collect()
    }

    /// Returns shard time, or `None` while the clock has seen neither a record nor the end of some
    /// input.
    pub fn now(&mut self, wall_ms: Timestamp) -> Option<Timestamp> {
        let mut now = wall_ms;
        for reading in &self.inputs {
            match *reading {
                Reading::Unknown | Reading::Hidden(_) => return self.now_ms,
                Reading::Behind(timestamp) => now = now.min(timestamp),
                Reading::AtEnd => {}
            }
        }
        self.now_ms = Some(self.now_ms.map_or(now, |before| before.max(now)));
        self.now_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_shard_follows_the_wall() {
        let mut clock = Clock::new(2);
        assert_eq!(clock.now(10), None);
        clock.reached_end(0);
        assert_eq!(clock.now(10), None);
        clock.reached_end(1);
        assert_eq!(clock.now(10), Some(10));
    }

    #[test]
    fn a_backlog_holds_time_at_its_slowest_input() {
        let mut clock = Clock::new(2);
        clock.record(0, Some(7));
        clock.record(1, Some(3));
        assert_eq!(clock.now(100), Some(3));
        clock.reached_end(1);
        assert_eq!(clock.now(100), Some(7));
    }

    #[test]
    fn lag_is_the_age_of_the_last_record_and_nothing_at_the_end() {
        let mut clock = Clock::new(2);
        assert_eq!(clock.lag_ms(100), [None, None]);
        clock.record(0, Some(30));
        clock.record(1, Some(120));
        assert_eq!(clock.lag_ms(100), [Some(70), Some(0)]);
        clock.reached_end(0);
        assert_eq!(clock.lag_ms(200), [Some(0), Some(80)]);
    }

    #[test]
    fn a_record_without_a_usable_time_neither_holds_time_back_nor_moves_it() {
        let mut clock = Clock::new(1);
        clock.record(0, None);
        assert_eq!((clock.now(50), clock.lag_ms(50)), (None, vec![None]));
        clock.record(0, Some(20));
        clock.record(0, None);
        assert_eq!((clock.now(50), clock.lag_ms(50)), (Some(20), vec![Some(30)]));
        clock.reached_end(0);
        assert_eq!(clock.now(60), Some(60));
        clock.record(0, None);
        assert_eq!(clock.now(70), Some(60), "more may follow");
        clock.reached_end(0);
        assert_eq!(clock.now(80), Some(80));
    }

    #[test]
    fn an_input_that_goes_on_behind_what_can_be_read_holds_time_and_ages() {
        let mut clock = Clock::new(1);
        clock.goes_on(0, Some(5));
        assert_eq!((clock.now(10), clock.hidden_since(0)), (None, None), "its end is not known");
        clock.reached_end(0);
        assert_eq!(clock.now(10), Some(10));
        clock.goes_on(0, Some(20));
        assert_eq!((clock.now(30), clock.hidden_since(0)), (Some(10), Some(20)));
        assert_eq!(clock.lag_ms(50), [Some(30)]);
        clock.goes_on(0, None);
        assert_eq!((clock.now(60), clock.hidden_since(0)), (Some(60), None));
        clock.goes_on(0, Some(60));
        clock.record(0, Some(25));
        assert_eq!((clock.now(70), clock.lag_ms(70)), (Some(60), vec![Some(45)]));
    }

    #[test]
    fn time_never_runs_backwards() {
        let mut clock = Clock::new(1);
        clock.reached_end(0);
        assert_eq!(clock.now(50), Some(50));
        clock.record(0, Some(20));
        assert_eq!(clock.now(60), Some(50));
        clock.lost_sight();
        assert_eq!(clock.now(40), Some(50));
    }
}
