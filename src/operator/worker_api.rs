//! Asks workers for their status.
//!
//! Promise: one question takes at most a few seconds and a few megabytes, however the other side
//! behaves.

use std::time::Duration;

use futures::StreamExt;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::state_api::WorkerStatus;

const TIMEOUT: Duration = Duration::from_secs(3);
/// A worker with 10,000 shards says about 3 MB.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
const AT_ONCE: usize = 32;

/// Asks all workers that have an address; `None` for those that do not answer, in the same order.
pub async fn ask_all(addresses: &[Option<String>]) -> Vec<Option<WorkerStatus>> {
    let questions = addresses.iter().cloned().map(|address| async move { ask(&address?).await });
    futures::stream::iter(questions).buffered(AT_ONCE).collect().await
}

async fn ask(address: &str) -> Option<WorkerStatus> {
    match tokio::time::timeout(TIMEOUT, get(address)).await {
        Ok(Ok(status)) => Some(status),
        Ok(Err(error)) => {
            tracing::debug!(worker = address, %error, "no status");
            None
        }
        Err(_) => {
            tracing::debug!(worker = address, "no status in time");
            None
        }
    }
}

async fn get(address: &str) -> Result<WorkerStatus, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get("/v1/status")
        .header(header::HOST, address)
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let answer = async move {
        let answer = sender.send_request(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answers {}", answer.status()).into());
        }
        Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await
    };
    // The connection has to be driven, and dropping it closes it.
    let (body, ()) = tokio::join!(answer, async {
        let _ = connection.await;
    });
    Ok(serde_json::from_slice(&body?.to_bytes())?)
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, routing::get};
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    async fn serve(router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    #[tokio::test]
    async fn every_answer_stands_where_its_question_stood() {
        let status = json!({
            "reconciliation": "shipping", "instance": "shipping-1", "version": "1",
            "state": "joined", "partitions": 4, "trouble": null, "shards": [],
        });
        let router = Router::new().route("/v1/status", get(|| async move { Json(status) }));
        let well = serve(router).await;
        let old = serve(Router::new()).await;
        let garbled = serve(Router::new().route("/v1/status", get(|| async { "{" }))).await;
        // Nobody listens at a port that was free a moment ago.
        let gone = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let gone = gone.local_addr().expect("it was bound").to_string();
        let asked = [None, Some(old), Some(garbled), Some(gone), Some(well)];
        let answers = ask_all(&asked).await;
        assert_eq!(answers.len(), asked.len());
        assert!(answers[..4].iter().all(Option::is_none), "{answers:?}");
        let status = answers[4].as_ref().expect("an answer");
        assert_eq!((status.instance.as_str(), status.partitions), ("shipping-1", Some(4)));
    }
}
