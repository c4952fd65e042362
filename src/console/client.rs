//! Asks one worker over HTTP, bounded in time and size.

use std::{net::SocketAddr, time::Duration};

use hyper::StatusCode;
use serde::de::DeserializeOwned;

use rollcall_service::{
    http::{
        ANSWER_BYTES_MAX,
        client::{self, Client},
    },
    state_api::Problem,
};

/// Why a worker has not answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Unanswered(#[from] client::Failure),
    #[error("it answers {0}")]
    Failed(StatusCode),
    /// The worker reports why it cannot answer.
    #[error("{}", .0.detail)]
    Refused(Problem),
    #[error("the answer is not one of this version's: {0}")]
    Unreadable(String),
}

/// Requests `path` from `address` and returns the answer.
///
/// # Errors
/// When there is no answer within `patience`, or it is not the expected type.
pub async fn get<T: DeserializeOwned>(
    address: SocketAddr,
    path: &str,
    patience: Duration,
) -> Result<T, Failure> {
    let client = Client::plain(patience, ANSWER_BYTES_MAX);
    let answer = client.get(&format!("http://{address}{path}")).await?;
    if answer.status == StatusCode::OK {
        let read = serde_json::from_slice(&answer.body);
        return read.map_err(|error| Failure::Unreadable(error.to_string()));
    }
    let refused = serde_json::from_slice(&answer.body);
    Err(refused.map_or(Failure::Failed(answer.status), Failure::Refused))
}
