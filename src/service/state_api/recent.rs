//! What was emitted last: `GET /v1/recent`.

use serde::{Deserialize, Serialize};

/// What a record was emitted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecentKind {
    Completions,
    Overdue,
    DeadLetters,
}

/// Records that were emitted last, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentPage {
    pub kind: RecentKind,
    /// Of each shard, the last 50 since its worker has it.
    pub records: Vec<RecentRecord>,
}

/// A record that was emitted and committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentRecord {
    pub shard: u32,
    /// As text; bytes that are none are replaced.
    pub key: Option<String>,
    /// The key in hexadecimal, where it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_hex: Option<String>,
    /// The record's own timestamp: RFC 3339, UTC.
    pub timestamp: String,
    pub committed_at: String,
    /// `rollcall-reason` and the like.
    pub headers: Vec<(String, String)>,
    /// The value as text, where it was asked for; of dead letters the first 4 KiB.
    pub value: Option<String>,
    /// The first kibibyte of the value in hexadecimal, where it is told and no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_hex: Option<String>,
    /// Bytes of the value as it was emitted; `None` when it has none.
    pub value_bytes: Option<u64>,
}
