//! `rollcall reset`: starts a reconciliation from scratch.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{ask, exit_with, failed, print};
use rollcall_core::shard::{Error, Result};
use rollcall_core::text::escape::printable_lines;
use rollcall_kafka::{Connection, Remains};
use rollcall_object::Settings;
use rollcall_object::resource::StartFrom;
use rollcall_store::{Budget, Identity, Kept, Snapshot, Stores};

/// Start a reconciliation from scratch: delete its changelog and its committed offsets
///
/// Open keys and the memory of finished ones are lost. Inputs and outputs stay. All workers have to
/// be stopped first.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file with the Reconciliation object; - for standard input
    #[arg(short, long)]
    file: PathBuf,
    /// Also delete what a worker has left in this directory. If it is kept, it does no harm: the
    /// worker notices that it is out of date
    #[arg(long)]
    state_dir: Option<PathBuf>,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

/// Asks for confirmation, then deletes.
pub fn run(args: Args) -> ExitCode {
    let Args { file, state_dir, yes } = args;
    let settings = match rollcall_object::load(&file) {
        Ok(settings) => settings,
        Err(error) => return failed(&error),
    };
    let answer = if yes { Answer::Given } else { Answer::Asked };
    match reset(&settings, state_dir.as_deref(), answer) {
        Ok(done) => exit_with(&printable_lines(&(done + "\n")), ExitCode::SUCCESS),
        Err(error) => failed(&error),
    }
}

/// Where the confirmation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Given,
    Asked,
}

fn reset(settings: &Settings, state_dir: Option<&Path>, answer: Answer) -> Result<String> {
    let connection = Connection::of(settings, "reset")?;
    let inputs: Vec<String> = settings.inputs().into_iter().map(str::to_owned).collect();
    let remains = rollcall_kafka::remains(&connection, &inputs)?;
    let local = match state_dir {
        Some(dir) => LocalState::find(dir, &connection, &remains)?,
        None => None,
    };
    if remains.is_empty() && local.is_none() {
        return Ok(format!("{} has nothing to delete", settings.name));
    }
    let plan = plan(settings, &remains, local.as_ref()) + "\n";
    print(&printable_lines(&plan)).map_err(Error::Misconfigured)?;
    if answer == Answer::Asked {
        confirm()?;
    }
    ask(rollcall_kafka::reset(&connection, &inputs, &remains))?;
    if let Some(local) = local {
        local.delete()?;
    }
    Ok(outcome(settings))
}

/// What a worker has left on disk; while this is held, no worker can start on it.
struct LocalState {
    dir: PathBuf,
    stores: Stores,
    kept: Vec<Kept>,
}

impl LocalState {
    /// Returns `None` for a directory without state.
    fn find(dir: &Path, connection: &Connection, remains: &Remains) -> Result<Option<Self>> {
        if !dir.is_dir() || Snapshot::identity(dir)?.is_none() {
            return Ok(None);
        }
        let identity = Identity {
            cluster_id: remains.cluster_id.clone(),
            group: connection.group.clone(),
            changelog: connection.changelog(),
        };
        let stores = Stores::open(dir, &identity, &Budget::of_process(None))?;
        let kept = stores.kept()?;
        Ok((!kept.is_empty()).then(|| Self { dir: dir.to_owned(), stores, kept }))
    }

    fn bytes(&self) -> u64 {
        self.kept.iter().map(|kept| kept.bytes).sum()
    }

    fn delete(&self) -> Result<()> {
        self.kept.iter().try_for_each(|kept| self.stores.forget(kept.shard))
    }
}

/// Returns what would be deleted and what that means.
fn plan(settings: &Settings, remains: &Remains, local: Option<&LocalState>) -> String {
    let mut text = format!("starting {} over deletes", settings.name);
    if let Some(changelog) = &remains.changelog {
        text += &format!(
            "\n  changelog topic    {} ({} partitions, at most {} records)",
            changelog.topic, changelog.partitions, changelog.records_max
        );
    }
    if !remains.offsets.is_empty() {
        let offsets = remains.offsets.iter();
        let offsets = offsets.map(|(input, partitions)| format!("{input} in {partitions}"));
        text += &format!(
            "\n  committed offsets  of group {} ({} partitions)",
            settings.group_id(),
            offsets.collect::<Vec<_>>().join(", ")
        );
    }
    if let Some(local) = local {
        text += &format!(
            "\n  local state        {} ({} shards, {} bytes)",
            local.dir.display(),
            local.kept.len(),
            local.bytes()
        );
    }
    text += "\nopen keys and the memory of finished ones are lost; ";
    text += match settings.start_from {
        StartFrom::Earliest => {
            "all input that Kafka still has is read again, so keys that are complete in it are \
             sent again"
        }
        StartFrom::Latest => "only input that arrives after the next start is read",
    };
    text += &format!(" (spec.startFrom: {})", start_from(settings));
    text + "\ninputs and outputs stay as they are"
}

fn start_from(settings: &Settings) -> &'static str {
    match settings.start_from {
        StartFrom::Earliest => "earliest",
        StartFrom::Latest => "latest",
    }
}

fn confirm() -> Result<()> {
    let refused = |text: &str| Err(Error::Misconfigured(text.to_owned()));
    if !std::io::stdin().is_terminal() {
        return refused(
            "nothing was deleted: there is no terminal to ask at; say --yes if it shall be",
        );
    }
    print("delete all of this? [y/N] ").map_err(Error::Misconfigured)?;
    let mut said = String::new();
    let asked = std::io::stdin().read_line(&mut said);
    match (asked, said.trim()) {
        (Ok(_), "y" | "Y" | "yes") => Ok(()),
        _ => refused("nothing was deleted"),
    }
}

/// Returns what was done and how to continue.
fn outcome(settings: &Settings) -> String {
    let mut text = format!(
        "deleted; the next worker starts from spec.startFrom: {} with an empty changelog",
        start_from(settings)
    );
    if !settings.topics.manage {
        text += &format!(
            "\nspec.topics.manage is false: create {} again with as many partitions as the inputs \
             and cleanup.policy=compact, or let `rollcall topics --create` do it",
            settings.changelog_topic()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use rollcall_kafka::Changelog;

    const DEMO: &str = include_str!("../../manifests/local/shipping.yaml");

    fn settings(more: &str) -> Settings {
        let text = DEMO.replacen("spec:\n", &format!("spec:\n{more}"), 1);
        rollcall_object::parse(&text).expect("a valid object")
    }

    #[test]
    fn the_plan_tells_what_is_deleted_and_what_that_means() {
        let topic = "shipping-changelog".to_owned();
        let remains = Remains {
            cluster_id: "c".to_owned(),
            changelog: Some(Changelog { topic, partitions: 4, records_max: 120 }),
            offsets: vec![("orders".to_owned(), 4), ("manufactured".to_owned(), 3)],
            owners: BTreeSet::new(),
        };
        assert_eq!(
            plan(&settings(""), &remains, None),
            "starting shipping over deletes
  changelog topic    shipping-changelog (4 partitions, at most 120 records)
  committed offsets  of group shipping (orders in 4, manufactured in 3 partitions)
open keys and the memory of finished ones are lost; all input that Kafka still has is read again, \
             so keys that are complete in it are sent again (spec.startFrom: earliest)
inputs and outputs stay as they are"
        );
        let latest = plan(&settings("  startFrom: latest\n"), &remains, None);
        assert!(
            latest.contains("only input that arrives after the next start is read"),
            "{latest}"
        );
    }

    #[test]
    fn who_makes_topics_by_hand_is_told_to_make_the_changelog_again() {
        assert!(!outcome(&settings("")).contains("create"));
        // The demo's object has its own section for topics.
        let manual = Settings {
            topics: rollcall_object::TopicCreation { manage: false, ..settings("").topics },
            ..settings("")
        };
        assert!(outcome(&manual).contains("create shipping-changelog again"));
    }
}
