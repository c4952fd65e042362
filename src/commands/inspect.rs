//! `rollcall inspect`: shows what running workers know about a key, or what a state directory
//! holds, even while a worker is using it.

mod live;
mod report;
mod story;
mod table;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{exit_with, failed, server};
use rollcall_core::codec::row::RowError;
use rollcall_core::text::escape::printable;
use rollcall_core::text::plain::sentence;
use rollcall_core::{record::ShardId, shard};
use rollcall_service::state_api::NamedDeadlines;
use rollcall_store::{Identity, OpenError, Snapshot};

/// Show what is known about a key, or what a worker's state directory holds: rows, sizes, positions
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The key: with -f, running workers are asked about it; with --state, a state directory is
    /// read
    #[arg(value_name = "KEY")]
    asked: Option<String>,
    /// The file with the Reconciliation object whose workers to ask; - for standard input
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// Workers to ask, as host:port or http://host:port; a name may stand for several workers
    #[arg(
        long = "server",
        value_name = "HOST:PORT",
        value_parser = server,
        value_delimiter = ',',
        default_value = "127.0.0.1:8080"
    )]
    servers: Vec<String>,
    /// A worker's state directory to read, with or without KEY; needs no -f, and works while the
    /// worker is running
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The same as KEY, for keys that begin with -
    #[arg(long, conflicts_with = "asked")]
    key: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints the answer. Fails when a store cannot be read or the key is unknown.
pub fn run(args: Args) -> ExitCode {
    match answer(args) {
        Ok((text, exit)) => exit_with(&text, exit),
        Err(error) => failed(&error),
    }
}

/// Returns the text to print, and the exit code.
fn answer(args: Args) -> Result<(String, ExitCode), String> {
    let Args { asked, file, servers, state, key, json } = args;
    let form = if json { Form::Json } else { Form::Text };
    match (asked.or(key), file, state) {
        // Reads the disk, whether or not a worker is running.
        (key, _, Some(state)) => tell(&state, key, form).map_err(|error| error.to_string()),
        (Some(key), Some(file), None) => live::tell(&key, &file, &servers, form),
        (Some(_), None, None) => Err("where to look is not said: give -f FILE to ask the running \
             workers of that Reconciliation, or --state DIR to look into a worker's --state-dir"
            .to_owned()),
        (None, _, None) => Err("what to look for is not said: give KEY with -f FILE, or --state \
             DIR for all that a worker has on disk"
            .to_owned()),
    }
}

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Text,
}

fn tell(state: &Path, key: Option<String>, form: Form) -> Result<(String, ExitCode), Error> {
    match (key, form) {
        (None, Form::Json) => report::gather(state).map(|report| (as_json(&report), report.exit())),
        (None, Form::Text) => {
            report::gather(state).map(|report| (report.to_string(), report.exit()))
        }
        (Some(key), Form::Json) => story::of(state, &key).map(|story| (as_json(&story), SUCCESS)),
        (Some(key), Form::Text) => story::of(state, &key).map(|story| (story.to_string(), SUCCESS)),
    }
}

const SUCCESS: ExitCode = ExitCode::SUCCESS;

fn as_json(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_string_pretty(value).expect("reports are plain values");
    json + "\n"
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{} holds no state: name the directory that a worker has as --state-dir", .0.display())]
    NoState(PathBuf),
    #[error(transparent)]
    Directory(#[from] OpenError),
    #[error("cannot read {}: {}; name a directory that a worker has as --state-dir, and that this \
             user may read", dir.display(), sentence(source))]
    Unreadable { dir: PathBuf, source: io::Error },
    #[error("shard {shard}: {error}")]
    Store { shard: ShardId, error: shard::Error },
    #[error("shard {shard}: row of key `{}`: {error}", printable(key))]
    Row { shard: ShardId, key: String, error: RowError },
    #[error(
        "no row of key `{}` on disk: it was never seen, is forgotten, or the worker has not \
         written it down yet",
        printable(.0)
    )]
    UnknownKey(String),
}

/// A state directory that a process has claimed.
struct Directory {
    owner: Identity,
    /// The process that uses it; 0 if it has not written its id.
    used_by: Option<u32>,
    shards: Vec<ShardId>,
}

impl Directory {
    fn look(dir: &Path) -> Result<Self, Error> {
        let owner = Snapshot::identity(dir)?.ok_or_else(|| Error::NoState(dir.to_owned()))?;
        let unreadable = |source| Error::Unreadable { dir: dir.to_owned(), source };
        Ok(Self {
            owner,
            used_by: rollcall_store::holder(dir).map_err(unreadable)?,
            shards: rollcall_store::shards(dir).map_err(unreadable)?,
        })
    }
}

/// Formats a time for people and programs.
fn time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .map_or_else(|_| format!("{at_ms} ms"), |time| format!("{time:.3}"))
}

/// Returns a key as the first line of its story. A key is untrusted text and may be empty.
fn heading(key: &str) -> Cow<'_, str> {
    let is_bare = key.trim() == key && !key.is_empty();
    if is_bare { printable(key) } else { Cow::Owned(format!("\"{}\"", printable(key))) }
}

/// Returns the deadlines that an expectation names itself, if it does.
fn named(deadlines: &NamedDeadlines) -> Option<String> {
    let told = |at: &Option<String>, then: &str| at.as_ref().map(|at| format!("{then} at {at}"));
    let all = [told(&deadlines.overdue, "overdue"), told(&deadlines.expired, "expires")];
    let all: Vec<String> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// Returns an item with what is kept of its observation.
fn with_kept(item: &str, kept: Option<&str>) -> String {
    kept.map_or_else(|| item.to_owned(), |kept| format!("{item}  {kept}"))
}

/// Returns a key as text; invalid bytes are replaced.
fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}
