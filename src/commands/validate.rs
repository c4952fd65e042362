//! `rollcall validate`: reports every mistake in an object, or what would run.

mod against_broker;
mod explain;
mod meaning;
mod tally;

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{exit_with, failed, print};
use rollcall_core::record::Sink;
use rollcall_object::{Settings, duration};

/// Check a Reconciliation object and show what would run
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file with the object; - for standard input
    #[arg(short, long)]
    file: PathBuf,
    #[command(flatten)]
    record: explain::Record,
    #[command(flatten)]
    records: against_broker::LastRecords,
}

/// Prints what would run, or every mistake.
pub fn run(args: Args) -> ExitCode {
    let Args { file, record, records } = args;
    match rollcall_object::load(&file) {
        Ok(settings) if record.explain.is_some() => explain::run(&settings, &record),
        Ok(settings) => {
            if let Err(error) = rollcall_kafka::check_settings(&settings) {
                return failed(&error);
            }
            let summary = summary(&settings) + "\n";
            if !records.against_broker {
                return exit_with(&summary, ExitCode::SUCCESS);
            }
            match print(&(summary + "\n")) {
                Ok(()) => against_broker::run(&settings, &records),
                Err(problem) => failed(&problem),
            }
        }
        Err(error) => failed(&error),
    }
}

/// Returns what would run, one fact per line.
fn summary(settings: &Settings) -> String {
    let Settings { kafka, deadlines, .. } = settings;
    let optional = |after: Option<_>| after.map_or("never".to_owned(), duration::format);
    let secured = match (&kafka.tls, &kafka.sasl) {
        (None, None) => "not encrypted".to_owned(),
        (Some(_), None) => "TLS".to_owned(),
        (None, Some(sasl)) => format!("not encrypted, {}", sasl.mechanism().name()),
        (Some(_), Some(sasl)) => format!("TLS, {}", sasl.mechanism().name()),
    };
    let lines = [
        ("kafka", format!("{} ({secured})", kafka.bootstrap_servers)),
        ("group", settings.group_id().to_owned()),
        ("expected", settings.lead_topic().to_owned()),
        ("observed", observed(settings).join(", ")),
        ("completed", settings.completed.topic.clone()),
        ("overdue", settings.overdue_topic.clone()),
        ("failed", settings.output(Sink::Failed).unwrap_or("no key fails").to_owned()),
        ("cancelled", settings.output(Sink::Cancelled).unwrap_or("not reported").to_owned()),
        ("dead letters", settings.dead_letter_topic.clone()),
        ("changelog", settings.changelog_topic()),
        ("overdue after", optional(deadlines.overdue_after)),
        ("orphans after", duration::format(deadlines.orphans_after)),
        ("expire after", optional(deadlines.expire_after)),
        ("memory", duration::format(deadlines.memory)),
        ("commits every", duration::format(settings.commit_interval)),
    ];
    let mut text = format!("{} is valid", settings.name);
    for (what, value) in lines {
        write!(text, "\n  {what:<14} {value}").expect("a String takes every text");
    }
    if settings.paused {
        text += "\n  paused: no record would be processed";
    }
    text
}

/// Returns the topics of the observations, which may be those of the expectations, too.
fn observed(settings: &Settings) -> Vec<&str> {
    let mut topics: Vec<&str> = settings.observed.iter().map(|it| it.topic.as_str()).collect();
    topics.dedup();
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_is_observed_and_expected_is_told_as_both() {
        let text = include_str!("../../manifests/local/shipping.yaml")
            .replace("topic: orders", "topic: orders\n    where: [{ header: type, in: [order] }]")
            .replace("topic: manufactured", "topic: orders");
        let settings = rollcall_object::parse(&text).expect("a valid object");
        let summary = summary(&settings);
        assert!(summary.contains("\n  observed       orders\n"), "{summary}");
    }

    #[test]
    fn the_summary_tells_topics_group_and_deadlines() {
        let settings = rollcall_object::parse(include_str!("../../manifests/local/shipping.yaml"))
            .expect("the demo's object is valid");
        assert_eq!(
            summary(&settings),
            "shipping is valid
  kafka          localhost:9092 (not encrypted)
  group          shipping
  expected       orders
  observed       manufactured
  completed      shipping
  overdue        shipping-overdue
  failed         no key fails
  cancelled      not reported
  dead letters   shipping-dead-letter
  changelog      shipping-changelog
  overdue after  3d
  orphans after  7d
  expire after   never
  memory         7d
  commits every  100ms"
        );
    }
}
