//! Asks workers for their status.
//!
//! Promise: one question takes at most a few seconds and a few megabytes, however the worker
//! behaves.

use std::time::Duration;

use futures::StreamExt;
use hyper::StatusCode;

use rollcall_service::http::ANSWER_BYTES_MAX;
use rollcall_service::http::client::Client;
use rollcall_service::state_api::WorkerStatus;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
const AT_ONCE: usize = 32;

/// Asks all workers that have an address; the answers are in the same order, with `None` for those
/// that do not answer.
pub async fn ask_all(addresses: &[Option<String>]) -> Vec<Option<WorkerStatus>> {
    let client = &Client::plain(REQUEST_TIMEOUT, ANSWER_BYTES_MAX);
    let questions = addresses.iter().cloned().map(|address| async move {
        let address = address?;
        let status = ask(client, &address).await;
        status.inspect_err(|why| tracing::debug!(worker = address, error = why, "no status")).ok()
    });
    futures::stream::iter(questions).buffered(AT_ONCE).collect().await
}

async fn ask(client: &Client, address: &str) -> Result<WorkerStatus, String> {
    let answer = client.get(&format!("http://{address}/v1/status")).await;
    let answer = answer.map_err(|failure| failure.to_string())?;
    if answer.status != StatusCode::OK {
        return Err(format!("it answers {}", answer.status));
    }
    serde_json::from_slice(&answer.body).map_err(|error| error.to_string())
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
        // Nobody listens on a port that was free a moment ago.
        let held = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let gone = held.local_addr().expect("it is bound").to_string();
        drop(held);
        let asked = [None, Some(old), Some(garbled), Some(gone), Some(well)];
        let answers = ask_all(&asked).await;
        assert_eq!(answers.len(), asked.len());
        assert!(answers[..4].iter().all(Option::is_none), "{answers:?}");
        let status = answers[4].as_ref().expect("an answer");
        assert_eq!((status.instance.as_str(), status.partitions), ("shipping-1", Some(4)));
    }
}
