//! How a worker's memory is divided.

use std::path::Path;

use super::cgroup;

const MIB: u64 = 1 << 20;

/// Used when nothing limits the process and nothing is set.
const DEFAULT: u64 = 160 * MIB;
/// The minimum that a worker can run with.
const LEAST: u64 = 16 * MIB;
/// Memory that a worker takes in addition to its budget, whatever the budget: code, threads, and
/// the client library's connections and producers.
const BESIDES: u64 = 80 * MIB;

/// How a worker's memory is divided, in bytes. The parts add up to `total_bytes`.
///
/// | part | share | what happens when it is too small |
/// | --- | --- | --- |
/// | row cache | 3/5 | open rows are spilled and looked up again |
/// | block cache | 1/10 | look-ups read indexes, filters and blocks from disk |
/// | fetch | 3/20 | consumers wait for the broker |
/// | in flight | 3/20 | commits and spills are cut smaller |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub source: Source,
    pub total_bytes: usize,
    /// Committed rows, cached in front of the stores.
    pub row_cache_bytes: usize,
    /// RocksDB's blocks, indexes and filters, for all shards together.
    pub block_cache_bytes: usize,
    /// Records fetched but not yet processed, for all consumers together.
    pub fetch_bytes: usize,
    /// Transactions and spills being written, for all shards together.
    pub in_flight_bytes: usize,
}

/// Where a budget comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The setting, in bytes.
    Setting,
    /// The control group's memory limit, in bytes.
    Cgroup { limit_bytes: u64 },
    /// Neither a setting nor a limit.
    Default,
}

impl Budget {
    /// Returns the budget of this process.
    pub fn of_process(setting_bytes: Option<u64>) -> Self {
        Self::new(setting_bytes, cgroup::memory_limit(Path::new("/")))
    }

    /// Returns the budget from `setting_bytes` if set, else from the memory limit, else the default
    /// of 160 MiB.
    ///
    /// Of a limit, the memory that a worker takes in any case is set aside, and a quarter of the
    /// rest is left for fragmentation: 256 MiB give a budget of 132 MiB.
    pub fn new(setting_bytes: Option<u64>, limit_bytes: Option<u64>) -> Self {
        let (source, total) = match (setting_bytes, limit_bytes) {
            (Some(setting), _) => (Source::Setting, setting),
            (None, Some(limit_bytes)) => {
                let rest = limit_bytes.saturating_sub(BESIDES);
                (Source::Cgroup { limit_bytes }, rest / 4 * 3)
            }
            (None, None) => (Source::Default, DEFAULT),
        };
        let total = usize::try_from(total.max(LEAST)).unwrap_or(usize::MAX);
        let block_cache_bytes = total / 10;
        let fetch_bytes = total / 20 * 3;
        let in_flight_bytes = total / 20 * 3;
        Self {
            source,
            total_bytes: total,
            row_cache_bytes: total - block_cache_bytes - fetch_bytes - in_flight_bytes,
            block_cache_bytes,
            fetch_bytes,
            in_flight_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total_mib(setting: Option<u64>, limit: Option<u64>) -> usize {
        let mib = |value: u64| value * MIB;
        Budget::new(setting.map(mib), limit.map(mib)).total_bytes / MIB as usize
    }

    #[test]
    fn a_setting_wins_over_the_limit_and_the_limit_over_the_default() {
        assert_eq!(total_mib(Some(200), Some(256)), 200);
        assert_eq!(total_mib(None, Some(256)), 132);
        assert_eq!(total_mib(None, Some(1024)), 708);
        assert_eq!(total_mib(None, None), 160);
        assert_eq!(Budget::new(None, None).source, Source::Default);
        assert_eq!(
            Budget::new(None, Some(7)).source,
            Source::Cgroup { limit_bytes: 7 },
            "the limit is what the operator sees in the log"
        );
    }

    #[test]
    fn a_tiny_limit_still_gives_the_least_that_works() {
        assert_eq!(total_mib(None, Some(40)), 16);
        assert_eq!(total_mib(Some(1), None), 16);
    }

    #[test]
    fn the_parts_add_up_to_the_total() {
        for setting in [0, 16 * MIB + 7, 128 * MIB, 5000 * MIB + 1] {
            let budget = Budget::new(Some(setting), None);
            let parts = budget.row_cache_bytes
                + budget.block_cache_bytes
                + budget.fetch_bytes
                + budget.in_flight_bytes;
            assert_eq!(parts, budget.total_bytes);
            assert!(budget.row_cache_bytes >= budget.total_bytes / 2);
        }
    }
}
