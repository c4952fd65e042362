//! The last outputs: `GET /v1/recent`.

use serde::{Deserialize, Serialize};

/// The kind of an output record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecentKind {
    Completions,
    Overdue,
    DeadLetters,
    Failed,
    Cancelled,
}

impl RecentKind {
    pub const ALL: [Self; 5] =
        [Self::Completions, Self::Overdue, Self::DeadLetters, Self::Failed, Self::Cancelled];
}

/// The last output records, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentPage {
    pub kind: RecentKind,
    /// The last 50 of each shard since its worker got it, but no more than the last 1,000 of each
    /// worker, or 2 MiB of them.
    pub records: Vec<RecentRecord>,
}

/// An output record that was committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentRecord {
    pub shard: u32,
    /// As text; invalid bytes are replaced.
    pub key: Option<String>,
    /// The key in hexadecimal, if it is not text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_hex: Option<String>,
    /// The record's own timestamp: RFC 3339, UTC.
    pub timestamp: String,
    pub committed_at: String,
    /// `rollcall-reason` and similar ones.
    pub headers: Vec<(String, String)>,
    /// The value as text, if it was asked for; of dead letters the first 4 KiB.
    pub value: Option<String>,
    /// The first KiB of the value in hexadecimal, if the value was asked for and is not text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_hex: Option<String>,
    /// Size of the emitted value in bytes; `None` if it has none.
    pub value_bytes: Option<u64>,
}
