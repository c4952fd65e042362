//! Checks the topics periodically while the worker runs, and reports what no longer fits.
//!
//! Topics belong to others: they grow, are deleted and recreated, and get other settings, and none
//! of that causes an error if records merely stop arriving. It runs on a separate thread, since
//! librdkafka's queries block; the thread ends with the process.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{
    troubles::{Concern, Severity},
    view::View,
};
use rollcall_core::shard::{Error, Result};
use rollcall_kafka::{Connection, TopicProblem, Topics, Wanted};

/// A change is checked again after this time before it is reported: a broker that restarts may not
/// know all topics for a moment, and topics are often changed in steps.
const CONFIRM: Duration = Duration::from_secs(5);

/// What to check, and how often.
pub struct TopicWatch {
    pub connection: Arc<Connection>,
    pub wanted: Wanted,
    pub started: Topics,
    pub view: Arc<View>,
    pub interval: Duration,
}

impl TopicWatch {
    /// Checks at once and then at every interval, on a separate thread.
    ///
    /// # Errors
    /// When the system refuses the thread.
    pub fn start(self) -> Result<()> {
        let builder = thread::Builder::new().name("topic-watch".to_owned());
        let started = builder.spawn(move || self.run());
        started.map(drop).map_err(|error| {
            Error::Misconfigured(format!("no thread for the check of the topics: {error}"))
        })
    }

    fn run(mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, "the topics are not checked while this worker runs");
                return;
            }
        };
        let mut findings = Findings::default();
        loop {
            let look = rollcall_kafka::recheck(&self.connection, &self.wanted, &self.started);
            let start = Instant::now();
            let next = match runtime.block_on(look) {
                Ok(problems) => match findings.take(problems) {
                    Next::Confirm => CONFIRM.min(self.interval),
                    Next::Report(problems) => {
                        self.report(problems);
                        self.interval
                    }
                    Next::Nothing => self.interval,
                },
                // Brokers that do not answer are reported elsewhere; the known state of the topics
                // stays.
                Err(error) => {
                    tracing::debug!(%error, "the topics could not be checked");
                    self.interval
                }
            };
            thread::sleep(next.saturating_sub(start.elapsed()));
        }
    }

    fn report(&mut self, problems: &[TopicProblem]) {
        self.reopen(problems);
        let Some(first) = problems.first() else {
            tracing::info!("the topics fit again");
            self.view.troubles.resolve(Concern::Topics);
            return;
        };
        let is_deleted =
            problems.iter().any(|problem| matches!(problem, TopicProblem::Deleted { .. }));
        let severity = if is_deleted { Severity::Unready } else { Severity::Degraded };
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let message = texts.join("; ");
        tracing::warn!(reason = first.name(), "the topics do not fit: {message}");
        self.view.troubles.report(Concern::Topics, severity, first.name(), &message);
    }
}

impl TopicWatch {
    /// Opens all shards again if an input was recreated: opening compares its id with the committed
    /// one, and does what the object says.
    fn reopen(&mut self, problems: &[TopicProblem]) {
        for problem in problems {
            let TopicProblem::Recreated { topic, id, .. } = problem else { continue };
            let Some(input) = self.started.inputs.iter().position(|input| input == topic) else {
                continue;
            };
            self.started.input_ids[input].clone_from(id);
            self.view.reopen(format!("topic {topic} was deleted and recreated"));
        }
    }
}

/// What was found, and how much of it has been reported.
#[derive(Debug, Default)]
struct Findings {
    seen: Vec<TopicProblem>,
    reported: Vec<TopicProblem>,
}

/// What to do after a check.
#[derive(Debug, PartialEq, Eq)]
enum Next<'a> {
    Nothing,
    /// Check again soon.
    Confirm,
    /// Report this, replacing everything that was reported before.
    Report(&'a [TopicProblem]),
}

impl Findings {
    fn take(&mut self, found: Vec<TopicProblem>) -> Next<'_> {
        let is_new = found != self.reported;
        // A recovery needs no confirmation.
        let is_sure = found.is_empty() || found == self.seen;
        self.seen = found;
        match (is_new, is_sure) {
            (false, _) => Next::Nothing,
            (true, false) => Next::Confirm,
            (true, true) => {
                self.reported.clone_from(&self.seen);
                Next::Report(&self.reported)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaderless(topic: &str) -> Vec<TopicProblem> {
        vec![TopicProblem::Leaderless { topic: topic.to_owned(), partitions: vec![1] }]
    }

    #[test]
    fn what_is_found_twice_is_reported_once() {
        let mut findings = Findings::default();
        assert_eq!(findings.take(Vec::new()), Next::Nothing);
        assert_eq!(findings.take(leaderless("orders")), Next::Confirm);
        assert_eq!(findings.take(leaderless("orders")), Next::Report(&leaderless("orders")));
        assert_eq!(findings.take(leaderless("orders")), Next::Nothing);
        assert_eq!(findings.take(Vec::new()), Next::Report(&[]));
        assert_eq!(findings.take(Vec::new()), Next::Nothing);
    }

    #[test]
    fn what_is_gone_at_the_second_look_is_not_reported() {
        let mut findings = Findings::default();
        assert_eq!(findings.take(leaderless("orders")), Next::Confirm);
        assert_eq!(findings.take(Vec::new()), Next::Nothing);
        assert_eq!(findings.take(leaderless("orders")), Next::Confirm);
        assert_eq!(findings.take(leaderless("made")), Next::Confirm);
        assert_eq!(findings.take(leaderless("made")), Next::Report(&leaderless("made")));
    }
}
