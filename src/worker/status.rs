//! `GET /v1/status`: what the worker knows about itself, for operator and console.
//!
//! Promise: answers at once, whatever Kafka, lanes and disk are doing.

use std::sync::Arc;

use axum::{Json, Router, extract::State as Extract, routing::get};

use super::{
    query::time,
    view::{ShardView, State, View},
};
use rollcall_core::{
    record::ShardId,
    shard::{Counters, Partitioning, Placement, Progress},
};
use rollcall_object::Settings;
use rollcall_service::state_api::{
    InputStatus, RestoreStatus, ShardState, ShardStatus, ShardTotals, WorkerStatus,
};

/// What does not change while the worker runs.
pub(super) struct About {
    view: Arc<View>,
    reconciliation: String,
    instance: String,
    inputs: Vec<String>,
}

/// Returns the route of the status.
pub fn router(view: Arc<View>, settings: &Settings, instance: &str) -> Router {
    let about = About {
        view,
        reconciliation: settings.name.clone(),
        instance: instance.to_owned(),
        inputs: settings.inputs().into_iter().map(str::to_owned).collect(),
    };
    Router::new().route("/v1/status", get(status)).with_state(Arc::new(about))
}

async fn status(Extract(about): Extract<Arc<About>>) -> Json<WorkerStatus> {
    Json(about.status())
}

impl About {
    fn status(&self) -> WorkerStatus {
        let ours = self.view.shards().into_iter().filter(|(_, view)| view.is_ours());
        WorkerStatus {
            reconciliation: self.reconciliation.clone(),
            instance: self.instance.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: self.view.state(),
            partitions: self.view.partitions(),
            partitioner: self.view.placement().and_then(partitioner),
            trouble: self.view.troubles.first(),
            troubles: self.view.troubles.all(),
            shards: ours.map(|(id, view)| self.shard(id, &view)).collect(),
        }
    }

    fn shard(&self, id: ShardId, view: &ShardView) -> ShardStatus {
        ShardStatus {
            shard: id.0.unsigned_abs(),
            state: phase(&view.state),
            reason: view.reason().map(str::to_owned),
            inputs: self.inputs(view),
            totals: view.counters().map(|counters| totals(&counters)),
            rows: view.report.as_ref().map(|report| report.rows),
            restore: match &view.state {
                State::Opening(progress) => restore(progress),
                State::Running | State::Waiting { .. } | State::Stopped { .. } => None,
            },
            last_completion_at: view.commits().last_completion_ms.map(time),
        }
    }

    fn inputs(&self, view: &ShardView) -> Vec<InputStatus> {
        let report = view.report.as_ref();
        let counters = view.counters();
        let skipped = |input: usize| Some(*counters.as_ref()?.skipped.get(input)?);
        let input = |(input, topic): (usize, &String)| InputStatus {
            topic: topic.clone(),
            next_offset: report.and_then(|report| report.next.get(input).copied()),
            lag_records: report.and_then(|report| report.lag.get(input).copied().flatten()),
            lag_seconds: report.and_then(|report| {
                let lag_ms = report.lag_ms.get(input).copied().flatten();
                lag_ms.map(|lag_ms| lag_ms as f64 / 1e3)
            }),
            open_transaction_since: report.and_then(|report| {
                let hidden = report.hidden.get(input).copied().flatten()?;
                Some(time(hidden.since_ms))
            }),
            skipped: skipped(input).unwrap_or_default(),
        };
        self.inputs.iter().enumerate().map(input).collect()
    }
}

/// Returns the name of the inputs' partitioner; `None` while it is unknown.
fn partitioner(placement: &Placement) -> Option<String> {
    let name = match (placement.partitioning(), placement.partitioner()) {
        (Partitioning::Unchecked, _) => "unchecked",
        (_, known) => known?.name(),
    };
    Some(name.to_owned())
}

fn phase(state: &State) -> ShardState {
    match state {
        State::Opening(_) => ShardState::Opening,
        State::Running => ShardState::Running,
        State::Waiting { .. } => ShardState::Waiting,
        State::Stopped { .. } => ShardState::Stopped,
    }
}

fn totals(counters: &Counters) -> ShardTotals {
    ShardTotals {
        records: counters.records.iter().sum(),
        skipped: counters.skipped.iter().sum(),
        completions: counters.completions,
        late_completions: counters.late_completions,
        dead_letters: counters.dead_letters.iter().sum(),
        failures: counters.failures,
        cancellations: counters.cancellations,
    }
}

/// Returns the progress of a restore; `None` before it begins.
fn restore(progress: &Progress) -> Option<RestoreStatus> {
    let (remaining_offsets, restored_records) = (progress.remaining(), progress.restored());
    (remaining_offsets > 0 || restored_records > 0)
        .then_some(RestoreStatus { remaining_offsets, restored_records })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        troubles::{Concern, Severity},
        view::Change,
    };
    use rollcall_service::state_api::{Trouble, WorkerState};

    fn about(view: &Arc<View>) -> About {
        About {
            view: Arc::clone(view),
            reconciliation: "shipping".to_owned(),
            instance: "shipping-0".to_owned(),
            inputs: vec!["orders".to_owned(), "manufactured".to_owned()],
        }
    }

    #[test]
    fn a_worker_that_waits_for_its_topics_says_why() {
        let view = Arc::new(View::default());
        let trouble = Trouble {
            reason: "TopicsNotCoPartitioned".to_owned(),
            message: "orders has 3".to_owned(),
            severity: Severity::Unready,
        };
        let Trouble { reason, message, .. } = &trouble;
        view.troubles.report(Concern::Start, Severity::Unready, reason, message);
        let status = about(&view).status();
        assert_eq!(status.state, WorkerState::Joining);
        assert_eq!((status.trouble, status.partitions), (Some(trouble), None));
        view.troubles.resolve(Concern::Start);
        view.set_partitions(4);
        view.joined(Change::Gained);
        let status = about(&view).status();
        assert_eq!((status.state, status.partitions), (WorkerState::Joined, Some(4)));
        assert_eq!(status.trouble, None);
    }

    #[test]
    fn shards_that_were_given_up_are_not_told() {
        let view = Arc::new(View::default());
        view.set_state(ShardId(1), State::Running);
        view.set_state(ShardId(2), State::Stopped { reason: "fix it".to_owned() });
        view.given_up(ShardId(1));
        let shards = about(&view).status().shards;
        assert_eq!(shards.len(), 1);
        assert_eq!((shards[0].shard, shards[0].state), (2, ShardState::Stopped));
        assert_eq!(shards[0].reason.as_deref(), Some("fix it"));
        assert_eq!(shards[0].inputs[1].topic, "manufactured");
    }

    #[test]
    fn a_paused_worker_is_told_from_one_that_has_joined() {
        let view = Arc::new(View::default());
        view.paused();
        assert_eq!(about(&view).status().state, WorkerState::Paused);
        view.stopping();
        assert_eq!(about(&view).status().state, WorkerState::Stopping);
    }

    #[test]
    fn why_a_shard_failed_is_told_until_it_runs_and_before_shards_that_only_open() {
        let view = Arc::new(View::default());
        view.joined(Change::Gained);
        let opening = || State::Opening(Arc::default());
        view.set_state(ShardId(0), opening());
        view.set_state(ShardId(1), opening());
        assert_eq!(view.unready().expect("it opens"), "shard 0 is opening");
        view.set_state(ShardId(1), State::Stopped { reason: "fix it".to_owned() });
        assert_eq!(view.unready().expect("it is stopped"), "shard 1 is stopped: fix it");
        view.set_state(ShardId(1), opening());
        let shards = about(&view).status().shards;
        assert_eq!(
            (shards[1].state, shards[1].reason.as_deref()),
            (ShardState::Opening, Some("fix it"))
        );
        view.set_state(ShardId(0), State::Running);
        assert_eq!(view.unready().expect("it opens"), "shard 1 is opening: fix it");
        view.set_state(ShardId(1), State::Running);
        assert_eq!(view.unready(), None);
    }
}
