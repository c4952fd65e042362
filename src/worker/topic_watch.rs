//! Looks at the topics again and again while the worker runs, and reports what no longer fits.
//!
//! Topics are other people's: they grow, are deleted and recreated, and get other settings, and
//! none of it comes as an error where records only stay away. A thread of its own, since
//! librdkafka's questions block; it ends with the process.

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

/// What looks different is looked at again after this time before it is reported: a broker that
/// restarts may not know of all topics for a moment, and whoever changes topics does so in steps.
const CONFIRM: Duration = Duration::from_secs(5);

/// What to look at, and how often.
pub struct TopicWatch {
    pub connection: Arc<Connection>,
    pub wanted: Wanted,
    pub started: Topics,
    pub view: Arc<View>,
    pub interval: Duration,
}

impl TopicWatch {
    /// Looks at once and then at every interval, on a thread of its own.
    ///
    /// # Errors
    /// When the system has no thread for it.
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
                // Others report brokers that do not answer; what is known of the topics stays.
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
    /// Has all shards opened again where an input was made again: opening compares its id with the
    /// committed one, and does what the object says.
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

/// What was found, and how much of it is reported.
#[derive(Debug, Default)]
struct Findings {
    seen: Vec<TopicProblem>,
    reported: Vec<TopicProblem>,
}

/// What to do about a look.
#[derive(Debug, PartialEq, Eq)]
enum Next<'a> {
    Nothing,
    /// Look again soon.
    Confirm,
    /// Report this, in place of all that was reported before.
    Report(&'a [TopicProblem]),
}

impl Findings {
    fn take(&mut self, found: Vec<TopicProblem>) -> Next<'_> {
        let is_new = found != self.reported;
        // What is well again needs no second look.
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
