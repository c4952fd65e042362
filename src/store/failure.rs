//! How a shard must react to a failure of the local disk.

use std::fmt::Display;
use std::path::Path;

use rocksdb::ErrorKind;

use rollcall_core::shard::Error;
use rollcall_core::text::plain::without_number;

/// The system's messages when a disk, a quota or a file is full.
const FULL: [&str; 3] = ["No space left on device", "Disk quota exceeded", "File too large"];
/// The system's messages when the process may not write.
const FORBIDDEN: [&str; 3] =
    ["Permission denied", "Read-only file system", "Operation not permitted"];
/// A file that the database needs and that only the database may delete.
const GONE: &str = "No such file or directory";

/// Returns the reaction to a failure of a database at or below `path`.
///
/// RocksDB's C interface passes on only the text of an error, not its code.
pub(super) fn reaction(error: &rocksdb::Error, path: &Path) -> Error {
    match error.kind() {
        _ if says(error, &FULL) || says(error, &FORBIDDEN) => io(error, path),
        ErrorKind::Corruption | ErrorKind::NotSupported | ErrorKind::InvalidArgument => {
            corrupt(error, path)
        }
        ErrorKind::IOError if says(error, &[GONE]) => corrupt(error, path),
        _ => io(error, path),
    }
}

/// Returns the reaction to a failed file operation at or below `path`.
pub(super) fn io(error: impl Display, path: &Path) -> Error {
    let path = path.display();
    let error = error.to_string();
    let error = without_number(&error);
    if says(&error, &FULL) {
        Error::store(format!("{error}: free space in {path}; nothing is lost meanwhile"))
    } else if says(&error, &FORBIDDEN) {
        Error::Misconfigured(format!(
            "local store: {error}: give the user this process runs as write access to {path}"
        ))
    } else {
        Error::store(format!("{error} ({path})"))
    }
}

/// Returns the reaction to invalid contents of `path`.
pub(super) fn corrupt(reason: impl Display, path: &Path) -> Error {
    Error::Corrupt(format!("{reason} ({})", path.display()))
}

fn says(error: &impl Display, texts: &[&str]) -> bool {
    let error = error.to_string();
    texts.iter().any(|text| error.contains(text))
}
