//! What happens to the shards of a worker that is told to stop.
//!
//! A worker cannot know whether it is stopped for good, as when it is scaled down, or is back in a
//! moment, as when it is restarted. In the first case others should get its shards at once; in the
//! second the shards should stay where their stores are.

use std::{str::FromStr, time::Duration};

use rollcall_service::{http::client::Client, state_api::RestartAnswer};

/// Waiting longer would delay the worker's own end.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
const ANSWER_BYTES_MAX: usize = 4 << 10;

/// What to do when told to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShutdownPolicy {
    /// Always the same departure.
    Always(Departure),
    /// The answer at this URL decides, a [`RestartAnswer`]. Without an answer the worker leaves.
    Ask(String),
}

/// How a worker departs from its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// Others take over its shards at once.
    Leave,
    /// It stays a member until its session ends: if it is back before that, it gets its shards
    /// again, and no other worker is affected.
    Stay,
}

impl FromStr for ShutdownPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "leave" => Ok(Self::Always(Departure::Leave)),
            "stay" => Ok(Self::Always(Departure::Stay)),
            url if url.starts_with("http://") => Ok(Self::Ask(url.to_owned())),
            _ => Err("say leave, stay, or an http:// URL to ask".to_owned()),
        }
    }
}

impl ShutdownPolicy {
    /// Decides within a second.
    pub(super) async fn decide(&self) -> Departure {
        match self {
            Self::Always(departure) => *departure,
            Self::Ask(url) => match ask(url).await {
                Ok(RestartAnswer { wanted: true }) => Departure::Stay,
                Ok(RestartAnswer { wanted: false }) => Departure::Leave,
                Err(why) => {
                    tracing::warn!(url, "nobody says whether this worker comes back: {why}");
                    Departure::Leave
                }
            },
        }
    }
}

async fn ask(url: &str) -> Result<RestartAnswer, String> {
    let answer = Client::plain(ANSWER_TIMEOUT, ANSWER_BYTES_MAX).get(url).await;
    let answer = answer.map_err(|failure| failure.to_string())?;
    if !answer.status.is_success() {
        return Err(format!("it answers {}", answer.status));
    }
    serde_json::from_slice(&answer.body).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, http::StatusCode, routing::get};

    use super::*;
    use rollcall_service::http;

    #[test]
    fn an_option_says_what_it_may_be() {
        assert_eq!("leave".parse(), Ok(ShutdownPolicy::Always(Departure::Leave)));
        assert_eq!("stay".parse(), Ok(ShutdownPolicy::Always(Departure::Stay)));
        let url = "http://rollcall:8080/v1";
        assert_eq!(url.parse(), Ok(ShutdownPolicy::Ask(url.to_owned())));
        assert!("go".parse::<ShutdownPolicy>().is_err());
    }

    #[tokio::test]
    async fn only_who_is_wanted_stays() {
        let wanted = |wanted| get(move || async move { Json(RestartAnswer { wanted }) });
        let router = Router::new()
            .route("/back", wanted(true))
            .route("/gone", wanted(false))
            .route("/unwell", get(|| async { (StatusCode::SERVICE_UNAVAILABLE, "true") }))
            .route("/other", get(|| async { "welcome" }));
        let any = "127.0.0.1:0".parse().expect("an address");
        let listener = http::listen(any).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let server = http::serve(listener, router, http::Hosts::all());
        let decided = async |path: &str| {
            ShutdownPolicy::Ask(format!("http://{address}{path}")).decide().await
        };
        assert_eq!(decided("/back").await, Departure::Stay);
        for path in ["/gone", "/unwell", "/other", "/unknown"] {
            assert_eq!(decided(path).await, Departure::Leave, "{path}");
        }
        server.abort();
        let _ = server.await;
        assert_eq!(decided("/back").await, Departure::Leave, "nobody is there");
    }
}
