//! A spill as one sorted file, ready to be taken in by the database.

use std::cmp::Ordering;
use std::path::Path;

use rocksdb::{Options, SstFileWriter};

use super::{failure, keys};
use crate::shard::{Due, Error, Result, Spill, row_of};

/// The file a spill is built in, inside the database's directory so that it can be linked.
/// RocksDB leaves names alone that are not its own.
pub(super) const FILE: &str = "spill.building";

/// Tells whether a spill would change nothing.
pub(super) fn is_empty(spill: &Spill) -> bool {
    spill.checkpoint.is_none()
        && spill.rows.is_empty()
        && spill.due.is_empty()
        && spill.not_due.is_empty()
}

/// Writes the spill to `file` and syncs it.
pub(super) fn write(spill: &Spill, options: &Options, file: &Path) -> Result<()> {
    let mut writer = SstFileWriter::create(options);
    let failed = |error| failure::reaction(&error, file);
    writer.open(file).map_err(failed)?;
    write_deadlines(&mut writer, &spill.due, &spill.not_due).map_err(failed)?;
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

/// Merges two sorted lists, since the file takes its keys in order only.
fn write_deadlines<'a>(
    writer: &mut SstFileWriter<'_>,
    mut added: &'a [Due],
    mut removed: &'a [Due],
) -> std::result::Result<(), rocksdb::Error> {
    let mut name = Vec::new();
    loop {
        let add_first = match (added.first(), removed.first()) {
            (None, None) => return Ok(()),
            (Some(add), Some(remove)) => add.cmp(remove) == Ordering::Less,
            (add, _) => add.is_some(),
        };
        let list = if add_first { &mut added } else { &mut removed };
        let (due, rest) = list.split_first().expect("the list that was chosen has a first entry");
        *list = rest;
        name.clear();
        keys::push_due(&mut name, due.at_ms, &due.key);
        if add_first {
            writer.put(&name, b"")?;
        } else {
            writer.delete(&name)?;
        }
    }
}
