//! The endpoints that the page calls, under `/api`.

use std::{sync::Arc, time::Instant};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::{
        HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};

use super::{
    ask::{self, Gathered},
    assets,
    history::Rates,
    records::{Page, RecordQuery, Seek, Topic, TopicReader},
    token::{Token, Verdict},
    worker_directory::{ShardView, WorkerDirectory, WorkerView},
};
use rollcall_core::text::escape;
use rollcall_object::Settings;
use rollcall_service::{
    http::Peer,
    state_api::{KeyPage, KeyQuery, KeyStory, MissingPage, Problem, RecentPage},
};

const LIMIT_MAX: usize = 200;

struct Shared {
    reconciliation: String,
    counting: &'static str,
    overdue_after_ms: Option<i64>,
    directory: Arc<WorkerDirectory>,
    topics: TopicReader,
    token: Option<Token>,
}

type Answer<T> = Result<Json<T>, Problem>;

/// Returns all routes of the console.
pub fn router(
    settings: &Settings,
    directory: Arc<WorkerDirectory>,
    topics: TopicReader,
    token: Option<Token>,
) -> Router {
    let rules = settings.rules();
    let shared = Arc::new(Shared {
        reconciliation: settings.name.clone(),
        counting: match rules.counting {
            rollcall_core::matching::Counting::Distinct => "distinct",
            rollcall_core::matching::Counting::Quantity => "quantity",
        },
        overdue_after_ms: rules.overdue_after_ms,
        directory,
        topics,
        token,
    });
    Router::new()
        .route("/api/overview", get(overview))
        .route("/api/key", get(key))
        .route("/api/keys/{key}", get(key_in_path))
        .route("/api/keys", get(keys))
        .route("/api/missing", get(missing))
        .route("/api/recent", get(recent))
        .route("/api/topics", get(topics_all))
        .route("/api/topics/{topic}/records", get(records))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), admit))
        .route("/healthz", get(|| async { "ok\n" }))
        .merge(assets::router())
        .with_state(shared)
}

async fn admit(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let Some(token) = &shared.token else { return next.run(request).await };
    let peer = request.extensions().get::<Peer>().map(|Peer(peer)| *peer);
    let (status, title, detail, header) = match token.judge(request.headers(), peer, Instant::now())
    {
        Verdict::Admitted => return next.run(request).await,
        Verdict::Refused => {
            let detail = "give the token of --token-file as Authorization: Bearer TOKEN".to_owned();
            (401, "Unauthorized", detail, (WWW_AUTHENTICATE, "Bearer"))
        }
        Verdict::TooMany => {
            let detail = "too many wrong tokens from this address: wait a few seconds".to_owned();
            (429, "TooManyAttempts", detail, (RETRY_AFTER, "10"))
        }
        Verdict::Unusable(why) => (503, "TokenUnusable", why, (RETRY_AFTER, "10")),
    };
    let mut refused = Problem::new(status, title, &detail, None).into_response();
    refused.headers_mut().insert(header.0, HeaderValue::from_static(header.1));
    refused
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Overview {
    reconciliation: String,
    version: &'static str,
    counting: &'static str,
    overdue_after_ms: Option<i64>,
    partitions: Option<u32>,
    workers: Vec<WorkerView>,
    shards: Vec<ShardView>,
    history: Vec<Rates>,
}

async fn overview(State(shared): State<Arc<Shared>>) -> Json<Overview> {
    let directory = &shared.directory;
    Json(Overview {
        reconciliation: shared.reconciliation.clone(),
        version: env!("CARGO_PKG_VERSION"),
        counting: shared.counting,
        overdue_after_ms: shared.overdue_after_ms,
        partitions: directory.partitions(),
        workers: directory.worker_views(),
        shards: directory.shard_views(),
        history: directory.history(super::history::History::samples),
    })
}

async fn key(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<KeyQuery>, QueryRejection>,
) -> Answer<KeyStory> {
    let Query(KeyQuery { key }) = accepted(query)?;
    ask::key(&shared.directory, &key).await.map(Json)
}

/// The path that the page used before keys were in the query: an old page may still be open.
async fn key_in_path(
    State(shared): State<Arc<Shared>>,
    Path(key): Path<String>,
) -> Answer<KeyStory> {
    ask::key(&shared.directory, &key).await.map(Json)
}

#[derive(Deserialize)]
struct Keys {
    state: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

async fn keys(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Keys>, QueryRejection>,
) -> Answer<Gathered<KeyPage>> {
    let Query(Keys { state, after, limit }) = accepted(query)?;
    let limit = limit_of(limit);
    let mut query =
        format!("limit={limit}&state={}", escape::url(state.as_deref().unwrap_or("open")));
    if let Some(after) = after {
        query += &format!("&after={}", escape::url(&after));
    }
    ask::keys(&shared.directory, &query, limit).await.map(Json)
}

#[derive(Deserialize)]
struct Limit {
    limit: Option<usize>,
}

async fn missing(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Limit>, QueryRejection>,
) -> Answer<Gathered<MissingPage>> {
    let Query(Limit { limit }) = accepted(query)?;
    ask::missing(&shared.directory, limit_of(limit)).await.map(Json)
}

#[derive(Deserialize)]
struct Recent {
    kind: String,
    limit: Option<usize>,
    #[serde(default)]
    payload: bool,
}

async fn recent(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Recent>, QueryRejection>,
) -> Answer<Gathered<RecentPage>> {
    let Query(Recent { kind, limit, payload }) = accepted(query)?;
    let limit = limit_of(limit);
    let query = format!("kind={}&limit={limit}&payload={payload}", escape::url(&kind));
    ask::recent(&shared.directory, &query, limit).await.map(Json)
}

async fn topics_all(State(shared): State<Arc<Shared>>) -> Json<Vec<Topic>> {
    Json(shared.topics.all().to_vec())
}

#[derive(Deserialize)]
struct Records {
    partition: Option<i32>,
    /// Only together with a partition.
    offset: Option<i64>,
    limit: Option<usize>,
    text: Option<String>,
}

async fn records(
    State(shared): State<Arc<Shared>>,
    Path(topic): Path<String>,
    query: Result<Query<Records>, QueryRejection>,
) -> Answer<Page> {
    let Query(Records { partition, offset, text, limit }) = accepted(query)?;
    let seek = match (partition, offset) {
        (None, None) => Seek::Last,
        (Some(partition), None) => Seek::LastOf(partition),
        (Some(partition), Some(offset)) => Seek::From(partition, offset),
        (None, Some(_)) => {
            return Err(Problem::new(400, "BadRequest", "an offset needs its partition", None));
        }
    };
    let text = text.filter(|text| !text.is_empty());
    let query = RecordQuery { seek, limit: limit_of(limit), text };
    shared.topics.page(&topic, query).await.map(Json)
}

fn accepted<T>(query: Result<Query<T>, QueryRejection>) -> Result<Query<T>, Problem> {
    query.map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST.as_u16(), "BadRequest", &error.body_text(), None)
    })
}

fn limit_of(limit: Option<usize>) -> usize {
    limit.unwrap_or(50).clamp(1, LIMIT_MAX)
}
