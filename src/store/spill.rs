//! Writes a spill as one sorted file, ready for ingestion by the database.

use std::path::Path;

use rocksdb::{Options, SstFileWriter};

use super::{failure, keys};
use rollcall_core::shard::{Error, Result, Spill, row_of};

/// The file in which a spill is built, inside the database's directory so that it can be linked.
/// RocksDB ignores file names that are not its own.
pub(super) const FILE: &str = "spill.building";

/// Writes the spill to `file` and syncs it.
pub(super) fn write(spill: &Spill, options: &Options, file: &Path) -> Result<()> {
    let mut writer = SstFileWriter::create(options);
    let failed = |error| failure::reaction(&error, file);
    writer.open(file).map_err(failed)?;
    write_deadlines(&mut writer, spill).map_err(failed)?;
    if let Some(checkpoint) = &spill.checkpoint {
        let bytes = serde_json::to_vec(checkpoint).map_err(Error::store)?;
        writer.put(keys::CHECKPOINT, bytes).map_err(failed)?;
    }
    let mut name = Vec::new();
    for (key, value) in spill.rows.iter() {
        name.clear();
        keys::push_row(&mut name, key);
        match row_of(value) {
            Some(row) => writer.put(&name, row),
            None => writer.delete(&name),
        }
        .map_err(failed)?;
    }
    writer.finish().map_err(failed)
}

/// Merges two sorted lists, since the file requires its keys in order.
fn write_deadlines(
    writer: &mut SstFileWriter<'_>,
    spill: &Spill,
) -> std::result::Result<(), rocksdb::Error> {
    let (mut added, mut removed) = (spill.due().peekable(), spill.not_due().peekable());
    let mut name = Vec::new();
    loop {
        let add_first = match (added.peek(), removed.peek()) {
            (None, None) => return Ok(()),
            (Some(add), Some(remove)) => add < remove,
            (add, _) => add.is_some(),
        };
        let next = if add_first { added.next() } else { removed.next() };
        let (at_ms, key) = next.expect("the list that was chosen has a first entry");
        name.clear();
        keys::push_due(&mut name, at_ms, key);
        if add_first {
            writer.put(&name, b"")?;
        } else {
            writer.delete(&name)?;
        }
    }
}
