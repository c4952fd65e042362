//! Which reconciliation a state directory belongs to, and why a directory is rejected.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::directory::{self, LOCK};
use super::failure;
use rollcall_core::shard::Error;
use rollcall_core::text::plain::sentence;

const FILE: &str = "rollcall.json";
const UNFINISHED: &str = "rollcall.json.new";
/// The format of directories and databases that this version writes and reads.
const FORMAT: u32 = 1;

/// What a state directory belongs to. A store belongs to one cluster, group and changelog and is
/// never mixed with another's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The Kafka cluster's id.
    pub cluster_id: String,
    /// The consumer group.
    pub group: String,
    /// The changelog topic.
    pub changelog: String,
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cluster_id, group, changelog } = self;
        write!(f, "group `{group}` with changelog `{changelog}` on cluster `{cluster_id}`")
    }
}

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "state directory {} is in use by process {holder}: stop that process, or give this one \
         another directory by --state-dir", dir.display()
    )]
    Locked {
        dir: PathBuf,
        /// The process id that the holder has written, or that it has written none.
        holder: String,
    },
    #[error(
        "state directory {} holds the state of {found}, not of {expected}: use another directory \
         by --state-dir; if that reconciliation is gone, delete {} (a state directory is rebuilt \
         from the changelog)", dir.display(), dir.display()
    )]
    Foreign { dir: PathBuf, found: Box<Identity>, expected: Box<Identity> },
    #[error(
        "state directory {} is in format {found}, this version of rollcall knows format {FORMAT}: \
         run the version that wrote it, or delete {} (it is rebuilt from the changelog)",
        dir.display(), dir.display()
    )]
    Format { dir: PathBuf, found: u32 },
    #[error(
        "{} does not say whose state it holds ({reason}): delete {} (it is rebuilt from the \
         changelog)", file.display(), dir.display()
    )]
    Unreadable { dir: PathBuf, file: PathBuf, reason: String },
    #[error(
        "{} is not a state directory, it holds {found}: name an empty or a new directory by \
         --state-dir", dir.display()
    )]
    NotAStateDirectory { dir: PathBuf, found: String },
    #[error("state directory {}: {}: {}", dir.display(), sentence(source), remedy(source))]
    Io { dir: PathBuf, source: io::Error },
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free space there",
        _ => "give the user this process runs as a directory it can write to by --state-dir",
    }
}

impl From<OpenError> for Error {
    /// A full disk may have space again later; everything else needs someone to fix it.
    fn from(error: OpenError) -> Self {
        match &error {
            OpenError::Io { dir, source } => failure::io(source, dir),
            _ => Self::Misconfigured(error.to_string()),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Contents {
    format: u32,
    #[serde(flatten)]
    identity: Identity,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

/// Checks that the directory belongs to `expected`, or claims it if it is empty.
pub(super) fn claim(dir: &Path, expected: &Identity) -> Result<(), OpenError> {
    match read(dir)? {
        Some(found) if found == *expected => Ok(()),
        Some(found) => Err(OpenError::Foreign {
            dir: dir.to_owned(),
            found: Box::new(found),
            expected: Box::new(expected.clone()),
        }),
        None => {
            refuse_strangers(dir)?;
            write(dir, expected).map_err(|source| OpenError::Io { dir: dir.to_owned(), source })
        }
    }
}

/// Returns what the directory belongs to; `None` if it has not been claimed.
pub(super) fn read(dir: &Path) -> Result<Option<Identity>, OpenError> {
    let file = dir.join(FILE);
    let bytes = match fs::read(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(OpenError::Io { dir: dir.to_owned(), source }),
        Ok(bytes) => bytes,
    };
    let unreadable = |error: serde_json::Error| OpenError::Unreadable {
        dir: dir.to_owned(),
        file: file.clone(),
        reason: error.to_string(),
    };
    // The format first: another format may store the rest differently.
    let FormatOnly { format } = serde_json::from_slice(&bytes).map_err(unreadable)?;
    if format != FORMAT {
        return Err(OpenError::Format { dir: dir.to_owned(), found: format });
    }
    let contents: Contents = serde_json::from_slice(&bytes).map_err(unreadable)?;
    Ok(Some(contents.identity))
}

/// We delete stores, so a directory with unknown files is not taken over.
fn refuse_strangers(dir: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Io { dir: dir.to_owned(), source };
    for entry in fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        // A fresh volume contains the last one.
        let known = [LOCK, UNFINISHED, "lost+found"];
        if !known.iter().any(|known| name == **known) {
            let found = format!("`{}`", name.display());
            return Err(OpenError::NotAStateDirectory { dir: dir.to_owned(), found });
        }
    }
    Ok(())
}

fn write(dir: &Path, identity: &Identity) -> io::Result<()> {
    let contents = Contents { format: FORMAT, identity: identity.clone() };
    let unfinished = dir.join(UNFINISHED);
    let mut file = File::create(&unfinished)?;
    serde_json::to_writer_pretty(&mut file, &contents)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(unfinished, dir.join(FILE))?;
    directory::sync(dir)
}
