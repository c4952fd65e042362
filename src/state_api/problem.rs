//! Why there is no answer, after RFC 9457: `application/problem+json`.

use serde::{Deserialize, Serialize};

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The same for the same kind of problem: `UnknownKey`, `Misdirected`, `NotRunning` …
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened and what to do about it.
    pub detail: String,
    /// The shard that the request is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
}
