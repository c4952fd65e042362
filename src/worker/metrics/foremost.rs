//! Gauges of a worker's shards: of each one while there are few, otherwise of those with the
//! highest values, and one for all others together.
//!
//! Promise: maxima, and sums of what can be added up, are the same either way. So dashboards and
//! alerts that aggregate over shards, or show the highest few, do not depend on the number of
//! shards, while a scrape of a thousand stays below a megabyte.

use rollcall_service::metrics::Family;

/// The number of shards that each have a sample of their own in such a family.
pub(super) const FOREMOST_MAX: usize = 100;
/// Takes the place of a shard's number.
pub(super) const OTHERS: &str = "others";

/// How the values of the other shards become one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Others {
    Sum,
    Highest,
}

/// Adds a gauge for each shard; `labels` follow the shard's.
pub(super) fn tell(
    family: &mut Family<'_>,
    labels: &[&str],
    mut values: Vec<(String, f64)>,
    others: Others,
) {
    let rest = split(&mut values, |(_, value)| *value).into_iter().map(|(_, value)| value);
    let rest = match others {
        Others::Sum => rest.reduce(|sum, value| sum + value),
        Others::Highest => rest.reduce(f64::max),
    };
    let rest = rest.map(|value| (OTHERS.to_owned(), value));
    for (shard, value) in values.into_iter().chain(rest) {
        let labels: Vec<&str> = std::iter::once(&shard[..]).chain(labels.iter().copied()).collect();
        family.sample(&labels, value);
    }
}

/// Leaves the highest in `values`, and returns the rest. Among equals the first ones are left, so
/// that shards without differences have the same samples in every scrape.
pub(super) fn split<T>(values: &mut Vec<T>, value: impl Fn(&T) -> f64) -> Vec<T> {
    if values.len() <= FOREMOST_MAX {
        return Vec::new();
    }
    values.sort_by(|one, other| value(other).total_cmp(&value(one)));
    values.split_off(FOREMOST_MAX)
}
