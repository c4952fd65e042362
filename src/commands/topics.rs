//! `rollcall topics`: shows the state of a reconciliation's topics, and what is wrong with them.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{ask, complain, failed, print};
use rollcall_core::shard::Result;
use rollcall_core::text::escape::printable_lines;
use rollcall_kafka::{Connection, Gravity, Role, Survey, Surveyed, TopicProblem, Wanted};
use rollcall_object::Settings;

/// Check the topics of a reconciliation, and create missing ones if asked to
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file with the Reconciliation object; - for standard input
    #[arg(short, long)]
    file: PathBuf,
    /// Create missing outputs and state topics, whatever spec.topics.manage says; inputs only if
    /// spec.topics.createInputs is true
    #[arg(long)]
    create: bool,
    /// Create all missing topics, inputs included, whatever the object says
    #[arg(long)]
    create_inputs: bool,
}

/// Prints the topics; fails when something is wrong with them.
pub fn run(args: Args) -> ExitCode {
    let Args { file, create: shall_create, create_inputs } = args;
    let settings = match rollcall_object::load(&file) {
        Ok(settings) => settings,
        Err(error) => return failed(&error),
    };
    let mut wanted = rollcall_worker::wanted(&settings);
    wanted.create_inputs |= create_inputs;
    let shall_create = shall_create || create_inputs;
    let created = if shall_create { create(&settings, wanted) } else { Ok(()) };
    // Even if creating topics has failed: their state may explain why.
    let mut wrong: Vec<String> = created.err().iter().map(ToString::to_string).collect();
    match look(&settings) {
        Ok(survey) => {
            wrong.extend(print(&printable_lines(&table(&survey.topics))).err());
            let is_advice = |problem: &&TopicProblem| problem.gravity() == Gravity::Advises;
            for problem in survey.problems().filter(is_advice) {
                eprintln!("note: {}", printable_lines(&problem.to_string()));
            }
            let problems = survey.problems().filter(|problem| !is_advice(problem));
            wrong.extend(problems.map(ToString::to_string));
        }
        Err(error) => wrong.push(error.to_string()),
    }
    // Creating topics may have reported the same problem.
    wrong.sort_unstable();
    wrong.dedup();
    for text in &wrong {
        complain(text);
    }
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn create(settings: &Settings, wanted: Wanted) -> Result<()> {
    let wanted = Wanted { manage: true, ..wanted };
    let connection = Connection::of(settings, "topics")?;
    let ensured =
        async { rollcall_kafka::ensure(&connection, &wanted).await.map_err(|unfit| unfit.error) };
    ask(ensured).map(|_| ())
}

fn look(settings: &Settings) -> Result<Survey> {
    let connection = Connection::of(settings, "topics")?;
    ask(rollcall_kafka::survey(&connection, &rollcall_worker::wanted(settings)))
}

fn table(topics: &[Surveyed]) -> String {
    let head = ["TOPIC", "ROLE", "PARTITIONS", "REPLICATION", "CLEANUP.POLICY", "STATE"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(topics.iter().map(cells));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let padded = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        text += padded.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

fn cells(surveyed: &Surveyed) -> [String; 6] {
    let Surveyed { topic, role, found, problems } = surveyed;
    let fits = problems.iter().all(|problem| problem.gravity() == Gravity::Advises);
    let state = match (found, fits) {
        (Some(_), true) => "ok",
        (Some(_), false) => "wrong",
        (None, true) => "missing, made by the worker",
        (None, false) => "missing",
    };
    let unknown = || "-".to_owned();
    let (partitions, replication, policy) = match found {
        None => (unknown(), unknown(), unknown()),
        Some(found) => (
            found.partitions.to_string(),
            found.replication.to_string(),
            found.cleanup_policy.clone().unwrap_or_else(unknown),
        ),
    };
    [topic.clone(), name(*role).to_owned(), partitions, replication, policy, state.to_owned()]
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Expected => "expected",
        Role::Observed => "observed",
        Role::Completed => "completed",
        Role::Overdue => "overdue",
        Role::DeadLetter => "dead letters",
        Role::Failed => "failed",
        Role::Cancelled => "cancelled",
        Role::Changelog => "changelog",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_kafka::Found;

    #[test]
    fn the_table_tells_each_topic_and_its_state() {
        let found = |partitions, policy: Option<&str>| {
            let cleanup_policy = policy.map(str::to_owned);
            Some(Found { partitions, replication: 3, cleanup_policy })
        };
        let topic = |topic: &str, role, found, problems| Surveyed {
            topic: topic.to_owned(),
            role,
            found,
            problems,
        };
        let compacted =
            TopicProblem::ObservationsCompacted { topic: "made".into(), policy: "compact".into() };
        let missing =
            TopicProblem::Missing { topic: "late".into(), role: Role::Overdue, near: None };
        let table = table(&[
            topic("orders", Role::Expected, found(12, None), vec![]),
            topic("made", Role::Observed, found(12, Some("compact")), vec![compacted]),
            topic("late", Role::Overdue, None, vec![missing]),
            topic("shipping-changelog", Role::Changelog, None, vec![]),
        ]);
        assert_eq!(
            table,
            "\
TOPIC               ROLE       PARTITIONS  REPLICATION  CLEANUP.POLICY  STATE
orders              expected   12          3            -               ok
made                observed   12          3            compact         wrong
late                overdue    -           -            -               missing
shipping-changelog  changelog  -           -            -               missing, made by the worker
"
        );
    }
}
