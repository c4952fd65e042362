//! Watches the commits as a whole: slow ones, and throttling by brokers.

use std::time::Duration;

use super::{
    troubles::{Concern, Severity},
    view::View,
};

/// A commit is slow after the time that its transaction may last.
const SLOW_AFTER: Duration = Duration::from_secs(10);

/// Reports a problem with this worker's commits, or that there is none.
pub fn commits(view: &View) {
    let slow = view.slowest_commit().filter(|(_, took)| *took > SLOW_AFTER);
    let (severity, reason, message) = match (slow, view.throttled()) {
        (None, None) => return view.troubles.resolve(Concern::Commits),
        (None, Some(throttled)) => (
            Severity::Degraded,
            "Throttled",
            format!(
                "the brokers hold this client back for {:.1} s at a time because of its quota, so \
                 that it commits less at a time, and slowly: raise producer_byte_rate of its user \
                 or client id",
                throttled.as_secs_f64()
            ),
        ),
        (Some((shard, took)), throttled) => (
            Severity::Unready,
            "CommitsSlow",
            format!(
                "a commit of shard {shard} has been under way for {} s: {}",
                took.as_secs(),
                if throttled.is_some() {
                    "the brokers hold this client back because of its quota"
                } else {
                    "the brokers do not answer, or are slow"
                }
            ),
        ),
    };
    view.troubles.report(Concern::Commits, severity, reason, &message);
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::{
        commits::Commits,
        view::{Change, Report, State},
    };
    use rollcall_core::{
        record::ShardId,
        shard::{CachedRows, Counters, RowCounts},
    };

    fn report(view: &View, committing_since: Option<Instant>, throttled: Option<Duration>) {
        let report = Report {
            counters: Counters::new(1),
            next: vec![0],
            lag: vec![None],
            lag_ms: vec![None],
            hidden: vec![None],
            rows: RowCounts::default(),
            oldest_open_ms: None,
            cache_bytes: 0,
            cached: CachedRows::default(),
            commits: Commits::default(),
            committing_since,
            throttled,
        };
        view.report(ShardId(3), report);
        commits(view);
    }

    #[test]
    fn a_commit_that_does_not_come_back_makes_the_worker_unready_until_it_does() {
        let view = View::default();
        view.joined(Change::Gained);
        view.set_state(ShardId(3), State::Running);
        report(&view, Some(Instant::now()), None);
        assert_eq!(view.unready(), None);
        let Some(long_ago) = Instant::now().checked_sub(Duration::from_secs(25)) else { return };
        report(&view, Some(long_ago), None);
        let why = view.unready().expect("it is not ready");
        assert!(why.contains("CommitsSlow") && why.contains("shard 3"), "{why}");
        report(&view, None, None);
        assert_eq!(view.unready(), None);
    }

    #[test]
    fn a_quota_is_reported_and_leaves_the_worker_ready() {
        let view = View::default();
        view.joined(Change::Gained);
        view.set_state(ShardId(3), State::Running);
        report(&view, None, Some(Duration::from_millis(2_500)));
        assert_eq!(view.unready(), None);
        let trouble = view.troubles.first().expect("a trouble");
        assert_eq!(trouble.reason, "Throttled");
        assert!(trouble.message.contains("2.5 s"), "{}", trouble.message);
    }
}
