//! What is known about keys: `GET /v1/key?key=`, `GET /v1/keys`, `GET /v1/missing`.

use serde::{Deserialize, Serialize};

use rollcall_core::text::escape;

/// The state of a key (docs/semantics.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyState {
    /// Expected and not complete.
    Open,
    /// Open, and reported as overdue.
    Overdue,
    /// Observed and not expected yet.
    Unexpected,
    Completed,
    Cancelled,
    Failed,
}

/// The key that a request is about. It is in the query because in a path `.`, `..` and the empty
/// key would mean something else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyQuery {
    pub key: String,
}

impl KeyQuery {
    /// Returns path and query for asking a worker about `key`.
    pub fn path(key: &str) -> String {
        format!("/v1/key?key={}", escape::url(key))
    }

    /// Returns the path for asking workers before version 0.2; some keys had none.
    pub fn old_path(key: &str) -> Option<String> {
        let is_segment = !matches!(key, "" | "." | "..");
        is_segment.then(|| format!("/v1/keys/{}", escape::url(key)))
    }
}

/// Everything that is known about one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyStory {
    pub key: String,
    pub shard: u32,
    pub state: KeyState,
    /// When the expectation arrived, by its record's timestamp: RFC 3339, UTC.
    pub expected_at: Option<String>,
    /// The expectation that counts; `None` without one.
    pub expectation: Option<InputRecord>,
    /// What outputs carry of the expectation: the text of a JSON object, with values as they came.
    /// Left out if nothing is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// The time of the last change; for a finished key, when it finished.
    pub changed_at: String,
    /// The last record that changed the key; duplicates and late records change nothing.
    pub changed_by: Option<InputRecord>,
    /// What happens next if nothing arrives; `None` if nothing does.
    pub deadline: Option<Deadline>,
    /// The deadlines that the expectation names itself; left out if it names none.
    #[serde(default, skip_serializing_if = "NamedDeadlines::is_none")]
    pub named_deadlines: NamedDeadlines,
    /// How many different items are expected, and how many of them are still missing; of a count,
    /// how much.
    pub expected_total: u64,
    pub missing_total: u64,
    /// What the key waits for; left out if it is the items that are needed.
    #[serde(default, skip_serializing_if = "AwaitsStory::is_items")]
    pub awaits: AwaitsStory,
    /// How many items are known, `expected_total` included; a finished key has none.
    pub items_total: u64,
    /// The first thousand, missing ones first.
    pub items: Vec<ItemStory>,
}

/// What a key waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AwaitsStory {
    /// Each item that is needed.
    #[default]
    Items,
    /// A number of items, whichever they are.
    Count,
    /// The rest of a list that comes record by record; what is missing is not known before.
    OpenList,
}

impl AwaitsStory {
    fn is_items(&self) -> bool {
        *self == Self::Items
    }
}

/// A record of an input topic, in the key's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InputRecord {
    pub topic: String,
    pub partition: u32,
    pub offset: i64,
}

/// What happens to a key when shard time reaches `at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deadline {
    pub at: String,
    pub then: Then,
}

/// Deadlines that an expectation names itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedDeadlines {
    /// When the key is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue: Option<String>,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<String>,
}

impl NamedDeadlines {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What a deadline does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Then {
    /// The key is reported as overdue and stays open.
    Overdue,
    /// The key is reported as expired and cancelled.
    Expired,
    /// The key was never expected: it is reported and forgotten.
    Orphan,
    /// The finished key is forgotten.
    Forgotten,
}

/// One item of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemStory {
    pub item: String,
    /// How often it is needed; 0 if it is not expected.
    pub needed: u32,
    pub observed: u32,
    /// A failed item is not missing.
    pub missing: u32,
    /// Whether the last record about it reported that it failed; left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// What outputs carry of its observation, as for [`KeyStory::kept`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

/// A page of keys, the oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyPage {
    /// Each key as it was when this page was made.
    pub keys: Vec<KeyEntry>,
    /// The `after` of the next page; `None` if this is the last one.
    pub next: Option<String>,
    pub census: CensusFacts,
}

/// A key in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyEntry {
    pub key: String,
    pub shard: u32,
    pub state: KeyState,
    /// Since when it waits: the expectation's arrival, or the last change of an unexpected key.
    pub since: String,
    pub deadline: Option<Deadline>,
    pub expected_total: u64,
    pub missing_total: u64,
    /// The first few missing items; for an unexpected key, those that have arrived.
    pub items: Vec<String>,
}

/// The items that most open keys wait for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MissingPage {
    pub items: Vec<MissingItem>,
    /// `false` if there are more different items than are counted.
    pub all_items_counted: bool,
    pub census: CensusFacts,
}

/// An item that keys wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MissingItem {
    pub item: String,
    /// How many open keys wait for it.
    pub keys: u64,
    /// How many units of it they need.
    pub units: u64,
    /// Since when the oldest of them has waited.
    pub oldest_since: String,
}

/// The scan of the worker's keys that an answer is based on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CensusFacts {
    /// When the scan was made; later changes may not be listed.
    pub at: String,
    /// Whether all keys of the shards were scanned. If not, time ran out, and older keys may exist.
    pub complete: bool,
    pub rows_seen: u64,
    pub open: u64,
    pub overdue: u64,
    pub unexpected: u64,
    /// Shards of this worker that could not be asked because they are not running.
    pub shards_not_asked: Vec<u32>,
}
