//! Every bound of the object, defined once: validation, schema and documentation read it here.

use std::time::Duration;

/// The smallest and the largest value that a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds<T> {
    pub min: T,
    pub max: T,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TEN_YEARS: Duration = Duration::from_secs(3650 * 24 * 60 * 60);
const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// `overdue.after`, `orphans.after`, `expire.after`.
pub const DEADLINE: Bounds<Duration> = Bounds { min: Duration::from_secs(1), max: TEN_YEARS };
/// `memory`.
pub const MEMORY: Bounds<Duration> = Bounds { min: Duration::from_secs(1), max: TEN_YEARS };
/// `commitInterval`.
pub const COMMIT_INTERVAL: Bounds<Duration> =
    Bounds { min: Duration::from_millis(1), max: Duration::from_secs(10) };
/// `commitBudget`.
pub const COMMIT_BUDGET: Bounds<i32> = Bounds { min: 1, max: 1_000_000 };
/// `topics.changelog.deleteRetention`. A store that was away for longer is not trusted, and neither
/// is a restore that took longer. Half of the smallest value is held back for clocks that differ.
pub const DELETE_RETENTION: Bounds<Duration> =
    Bounds { min: Duration::from_secs(60 * 60), max: Duration::from_secs(90 * DAY.as_secs()) };

/// `limits.timestampMin`, in milliseconds since the epoch: from there to 2100.
pub const TIMESTAMP_MIN: Bounds<i64> = Bounds { min: 0, max: 4_102_444_800_000 };
/// `limits.timestampAhead`.
pub const TIMESTAMP_AHEAD: Bounds<Duration> =
    Bounds { min: Duration::from_secs(1), max: TEN_YEARS };

/// `limits.rowBytes`, in bytes.
pub const ROW_BYTES: Bounds<u64> = Bounds { min: KIB, max: 16 * MIB };
/// `limits.keyBytes`, in bytes.
pub const KEY_BYTES: Bounds<u64> = Bounds { min: 16, max: 32 * KIB };
/// `topics.changelog.segmentBytes`, in bytes; brokers refuse segments below 1 MiB.
pub const SEGMENT_BYTES: Bounds<u64> = Bounds { min: MIB, max: GIB };
/// `memoryBudget`, in bytes.
pub const MEMORY_BUDGET: Bounds<u64> = Bounds { min: 16 * MIB, max: 1024 * GIB };
/// `storage.size`, in bytes.
pub const STORAGE: Bounds<u64> = Bounds { min: 64 * MIB, max: 1024 * 1024 * GIB };

/// `limits.itemsPerExpectation`.
pub const ITEMS: Bounds<i32> = Bounds { min: 1, max: 1_000_000 };
/// `replicas`.
pub const REPLICAS: Bounds<i32> = Bounds { min: 0, max: 1000 };
/// `console.replicas`.
pub const CONSOLES: Bounds<i32> = Bounds { min: 0, max: 10 };
/// `topics.partitions`.
pub const PARTITIONS: Bounds<i32> = Bounds { min: 1, max: 10_000 };
/// `topics.replicationFactor`.
pub const REPLICATION: Bounds<i32> = Bounds { min: 1, max: 100 };

/// Most entries of `observed`.
pub const OBSERVED_MAX: u32 = 16;
/// Most entries of `kafka.properties`.
pub const PROPERTIES_MAX: u32 = 100;
/// Most entries of `kafka.sasl.oauth.extensions`.
pub const EXTENSIONS_MAX: u32 = 20;
/// Most entries of `registry.urls`.
pub const REGISTRY_URLS_MAX: u32 = 8;
/// Longest schema in the object, in bytes.
pub const SCHEMA_BYTES_MAX: u32 = 65_536;
/// Longest JSON path, in bytes.
pub const PATH_BYTES_MAX: u32 = 1024;
/// Most conditions of a `where`.
pub const CONDITIONS_MAX: u32 = 16;
/// Most texts of a condition.
pub const TEXTS_MAX: u32 = 100;
/// Longest text of a condition, and longest fixed item, in bytes.
pub const TEXT_BYTES_MAX: u32 = 255;
/// Longest name of a header in a condition.
pub const HEADER_NAME_MAX: u32 = 255;
/// Maximum length of a time zone's name, in bytes.
pub const ZONE_BYTES_MAX: u32 = 64;
/// Most fixed items.
pub const FIXED_ITEMS_MAX: u32 = 1_000;
/// Most values that are kept of a record.
pub const KEEP_MAX: u32 = 32;
/// Most constants of an output.
pub const CONSTANTS_MAX: u32 = 32;
/// Longest name of a field of outputs, in bytes.
pub const FIELD_NAME_MAX: u32 = 255;
/// Most bytes that the constants of an output take as JSON.
pub const CONSTANTS_BYTES_MAX: usize = 4096;
/// Longest name of a Kafka topic.
pub const TOPIC_LENGTH_MAX: u32 = 249;
/// Longest consumer group: the changelog topic adds a suffix to it.
pub const GROUP_LENGTH_MAX: u32 = TOPIC_LENGTH_MAX - 10;
/// Longest `metadata.name`: Kubernetes appends a hash and puts it into labels of 63 characters.
pub const NAME_LENGTH_MAX: u32 = 52;
