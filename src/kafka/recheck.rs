//! Checks how the topics have changed since a worker started with them.

use super::{
    Connection, Topics, Wanted,
    admin::{Admin, Answer},
    survey::{Role, View},
    topic_problem::{Gravity, TopicProblem},
    topics::topics,
};
use rollcall_core::shard::Result;

/// Checks the topics again and returns their problems, the most important first: those that are
/// checked at a start, and changes since.
///
/// # Errors
/// When no broker answers.
pub async fn recheck(
    connection: &Connection,
    wanted: &Wanted,
    started: &Topics,
) -> Result<Vec<TopicProblem>> {
    let admin = Admin::connect(connection)?;
    let view = View::take(&admin, connection, wanted).await?;
    Ok(problems(&view, connection, wanted, started))
}

fn problems(
    view: &View,
    connection: &Connection,
    wanted: &Wanted,
    started: &Topics,
) -> Vec<TopicProblem> {
    let mut problems = changed(view, started);
    let lost = problems.len();
    problems.extend(grown(view, started));
    let is_told = |problem: &TopicProblem| match problem {
        // Reported as deleted.
        TopicProblem::Missing { .. } => true,
        // The changelog was not extended when the inputs grew.
        TopicProblem::Repartitioned { .. } => problems.len() > lost,
        _ => false,
    };
    let survey = view.survey(connection, wanted);
    let found = survey.problems().filter(|problem| problem.gravity() != Gravity::Advises);
    let found: Vec<TopicProblem> = found.filter(|problem| !is_told(problem)).cloned().collect();
    problems.extend(found);
    problems.extend(lowered(view, connection, wanted, started));
    problems
}

/// Topics that were deleted or recreated since the worker started. Nothing of outputs is stored, so
/// their ids do not matter.
fn changed(view: &View, started: &Topics) -> Vec<TopicProblem> {
    let inputs = started.inputs.iter().zip(&started.input_ids);
    let id = |topic: &str, role| match role {
        Role::Changelog => Some(started.changelog_id.as_str()),
        _ => inputs.clone().find(|(input, _)| *input == topic).map(|(_, id)| id.as_str()),
    };
    let problem = |seen: &super::survey::Seen| {
        let (topic, role) = (seen.topic.clone(), seen.role);
        match &seen.answer {
            Answer::Missing => Some(TopicProblem::Deleted { topic, role }),
            Answer::Forbidden => None,
            Answer::There(described) => {
                let is_other = id(&topic, role).is_some_and(|id| id != described.id);
                is_other.then(|| TopicProblem::Recreated { topic, role, id: described.id.clone() })
            }
        }
    };
    view.topics.iter().filter_map(problem).collect()
}

/// Inputs that have grown together; those that differ are reported by the survey.
fn grown(view: &View, started: &Topics) -> Option<TopicProblem> {
    let inputs = view.topics.iter().filter(|seen| seen.role.is_input());
    let mut counts = inputs.filter_map(|seen| Some(seen.there()?.partitions));
    let count = counts.next()?;
    let have_all = counts.all(|other| other == count);
    (have_all && count != started.partitions).then(|| TopicProblem::Grown {
        first: started.inputs[0].clone(),
        count,
        started_with: started.partitions,
    })
}

/// Limits that the worker read from the topics at its start and that are lower now.
fn lowered(
    view: &View,
    connection: &Connection,
    wanted: &Wanted,
    started: &Topics,
) -> Vec<TopicProblem> {
    // A missing topic has already been reported.
    let Ok(now) = topics(view, connection, wanted, String::new()) else { return Vec::new() };
    let changelog = &view.of(Role::Changelog).topic;
    let limits = [
        (changelog, "max.message.bytes", now.row_bytes_max < started.row_bytes_max),
        (
            &started.dead_letter,
            "max.message.bytes",
            now.dead_letter_bytes_max < started.dead_letter_bytes_max,
        ),
        (changelog, "delete.retention.ms", now.tombstones_kept < started.tombstones_kept),
    ];
    let carrying = started
        .carrying
        .iter()
        .zip(&now.carrying)
        .map(|((topic, then), (_, now))| (topic, "max.message.bytes", now < then));
    let problem = |(topic, setting, is_lower): (&String, &'static str, bool)| {
        is_lower.then(|| TopicProblem::Lowered { topic: topic.clone(), setting })
    };
    limits.into_iter().chain(carrying).filter_map(problem).collect()
}
