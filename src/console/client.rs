//! Asks one worker over HTTP, bounded in time and size.

use std::{net::SocketAddr, time::Duration};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::state_api::Problem;

/// The largest answer that is taken: a page of two hundred keys is a tenth of that.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Why a worker has not answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error("{0}")]
    Unreachable(String),
    /// The worker says why it cannot answer.
    #[error("{}", .0.detail)]
    Refused(Problem),
    #[error("the answer is not one of this version's: {0}")]
    Unreadable(String),
}

/// Asks `address` for `path` and returns the answer.
///
/// # Errors
/// When there is none within `patience`, or it is something else.
pub async fn get<T: DeserializeOwned>(
    address: SocketAddr,
    path: &str,
    patience: Duration,
) -> Result<T, Failure> {
    let (status, body) = tokio::time::timeout(patience, fetch(address, path))
        .await
        .map_err(|_| Failure::TimedOut(patience))??;
    let unreadable = |error: serde_json::Error| Failure::Unreadable(error.to_string());
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(unreadable);
    }
    let refused = serde_json::from_slice(&body);
    Err(refused.map_or(Failure::Unreachable(format!("it answers {status}")), Failure::Refused))
}

async fn fetch(address: SocketAddr, path: &str) -> Result<(StatusCode, Bytes), Failure> {
    let unreachable = |error: &dyn std::fmt::Display| Failure::Unreachable(error.to_string());
    let stream = TcpStream::connect(address).await.map_err(|error| unreachable(&error))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(&error))?;
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| unreachable(&error))?;
    // Ends with the answer; dropped with this future when there is none in time.
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok((status, body.map_err(|error| unreachable(&error))?.to_bytes()))
    };
    tokio::pin!(exchange);
    tokio::select! {
        answered = &mut exchange => answered,
        ended = connection => {
            ended.map_err(|error| unreachable(&error))?;
            exchange.await
        }
    }
}
