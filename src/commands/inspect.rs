//! `rollcall inspect`: what running workers know of a key, or what a state directory holds, also
//! while a worker is using it.

mod live;
mod report;
mod story;
mod table;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::failed;
use crate::codec::row::RowError;
use crate::escape::printable;
use crate::shard::{self, ShardId};
use crate::store::{self, Identity, OpenError, Snapshot};

/// Show what is known of a key, or what a worker's state directory holds: rows, sizes, positions
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The key to ask running workers about
    #[arg(value_name = "KEY", requires = "file", conflicts_with_all = ["state", "key"])]
    asked: Option<String>,
    /// The file with the Reconciliation object, with KEY; - for standard input
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// Workers to ask, with KEY, as host:port; a name may stand for several
    #[arg(long = "server", value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    servers: Vec<String>,
    /// A worker's state directory, to be looked at instead
    #[arg(long, value_name = "DIR", required_unless_present = "asked")]
    state: Option<PathBuf>,
    /// Tell what the state directory has of one key
    #[arg(long)]
    key: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints what the directory holds. Fails when a store cannot be read or the key is not there.
pub fn run(args: Args) -> ExitCode {
    let Args { asked, file, servers, state, key, json } = args;
    let form = if json { Form::Json } else { Form::Text };
    let text = match (asked, file, state) {
        (Some(asked), Some(file), _) => live::tell(&asked, &file, &servers, form),
        (_, _, Some(state)) => tell(&state, key, form).map_err(|error| error.to_string()),
        _ => Err("name a KEY with -f FILE, or --state DIR".to_owned()),
    };
    match text {
        Ok((text, exit)) => {
            // Whoever reads may have seen enough, as `head` has.
            let _ = io::stdout().write_all(text.as_bytes());
            exit
        }
        Err(error) => failed(&error),
    }
}

/// How an answer is printed.
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
    #[error("{}: {source}", dir.display())]
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

/// A state directory that somebody has claimed.
struct Directory {
    owner: Identity,
    /// The process that works in it; 0 when it has not said its id.
    used_by: Option<u32>,
    shards: Vec<ShardId>,
}

impl Directory {
    fn look(dir: &Path) -> Result<Self, Error> {
        let owner = Snapshot::identity(dir)?.ok_or_else(|| Error::NoState(dir.to_owned()))?;
        let unreadable = |source| Error::Unreadable { dir: dir.to_owned(), source };
        Ok(Self {
            owner,
            used_by: store::holder(dir).map_err(unreadable)?,
            shards: store::shards(dir).map_err(unreadable)?,
        })
    }
}

/// Returns a time as people and programs read it.
fn time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .map_or_else(|_| format!("{at_ms} ms"), |time| format!("{time:.3}"))
}

/// Returns a key as the first line of its story: text of others, which may be nothing at all.
fn heading(key: &str) -> Cow<'_, str> {
    let is_bare = key.trim() == key && !key.is_empty();
    if is_bare { printable(key) } else { Cow::Owned(format!("\"{}\"", printable(key))) }
}

/// Returns a key as text; bytes that are none are replaced.
fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}
