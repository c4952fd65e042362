//! The state API's routes: their parameters and bounds. `docs/openapi.yaml` documents the same.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State, rejection::QueryRejection},
    routing::get,
};
use serde::Deserialize;

use super::{recent::Payload, scan_totals::KeyPosition, state_reader::StateReader, story};
use rollcall_service::http;
use rollcall_service::state_api::{
    KeyPage, KeyQuery, KeyState, KeyStory, MissingPage, Problem, RecentKind, RecentPage,
};

/// Most keys or records on a page; there may be more ranked items.
const PAGE_MAX: usize = 200;
const PAGE_DEFAULT: usize = 50;
const RANKED_MAX: usize = 1_000;
/// Keys that are looked up again for one page: most of them may have completed meanwhile.
const LOOKED_UP_MAX: usize = 1_000;
/// Kafka's own limit on a record is far lower; a longer key cannot exist.
const KEY_BYTES_MAX: usize = 64 << 10;

type Answer<T> = Result<Json<T>, Problem>;

/// Returns the routes under `/v1` that `reader` serves.
pub fn router(reader: Arc<StateReader>) -> Router {
    Router::new()
        .route("/v1/key", get(key))
        .route("/v1/keys/{key}", get(key_in_path))
        .route("/v1/keys", get(keys))
        .route("/v1/missing", get(missing))
        .route("/v1/recent", get(recent))
        .with_state(reader)
}

async fn key(
    State(reader): State<Arc<StateReader>>,
    query: Result<Query<KeyQuery>, QueryRejection>,
) -> Answer<KeyStory> {
    let Query(KeyQuery { key }) = query.map_err(|error| rejected(&error))?;
    story_of(&reader, key).await
}

/// The route from before keys moved into the query; consoles of an older version still use it.
async fn key_in_path(
    State(reader): State<Arc<StateReader>>,
    Path(key): Path<String>,
) -> Answer<KeyStory> {
    story_of(&reader, key).await
}

async fn story_of(reader: &StateReader, key: String) -> Answer<KeyStory> {
    if key.len() > KEY_BYTES_MAX {
        return Err(bad_request("the key is longer than any record's"));
    }
    let bytes = key.into_bytes();
    let (shard, row) = reader.find(&bytes).await?;
    let number = shard.0.unsigned_abs();
    let story = story::story(&bytes, number, &row, &reader.rules, &reader.inputs);
    Ok(Json(story.expect("the row is one of which something is known")))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(default = "open")]
    state: KeyState,
    #[serde(default, rename = "order")]
    _order: Order,
    limit: Option<usize>,
    after: Option<String>,
}

fn open() -> KeyState {
    KeyState::Open
}

/// The only order there is, which may be named.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Order {
    #[default]
    Oldest,
}

async fn keys(
    State(reader): State<Arc<StateReader>>,
    query: Result<Query<Keys>, QueryRejection>,
) -> Answer<KeyPage> {
    let Query(Keys { state, limit, after, .. }) = query.map_err(|error| rejected(&error))?;
    let limit = limit_of(limit, PAGE_MAX)?;
    let parse =
        |text: String| KeyPosition::parse(&text).ok_or_else(|| bad_request("after is no cursor"));
    let after = after.map(parse).transpose()?;
    if matches!(state, KeyState::Completed | KeyState::Cancelled | KeyState::Failed) {
        return Err(bad_request("only open, overdue and unexpected keys are listed"));
    }
    let scan = reader.scan(state, after.clone()).await?;
    let list = scan.list(state).expect("the state is one that is listed");
    let start = list.keys.partition_point(|(place, _)| Some(place) <= after.as_ref());
    let rest = &list.keys[start..list.keys.len().min(start + LOOKED_UP_MAX)];
    let (mut keys, mut seen, mut bytes) = (Vec::new(), 0, 0_usize);
    'page: for chunk in rest.chunks(limit) {
        let wanted = chunk.iter().map(|(place, shard)| (*shard, place.key.clone()));
        let rows = reader.rows_of(wanted).await;
        for (place, shard) in chunk {
            let row = rows.get(&(*shard, place.key.clone()));
            let number = shard.0.unsigned_abs();
            let told = row.and_then(|row| story::entry(&place.key, number, row, &reader.rules));
            // Keys that have completed since the scan are no longer waiting.
            if let Some(entry) = told.filter(|entry| is_listed(entry.state, state)) {
                bytes = bytes.saturating_add(http::json_bytes(&entry));
                if bytes > http::PAGE_BYTES_MAX && !keys.is_empty() {
                    break 'page;
                }
                keys.push(entry);
            }
            seen += 1;
            if keys.len() == limit {
                break 'page;
            }
        }
    }
    let more = list.more || start + seen < list.keys.len();
    let last = list.keys[..start + seen].last().filter(|_| more && seen > 0);
    let next = last.map(|(place, _)| place.to_string());
    Ok(Json(KeyPage { keys, next, census: scan.facts() }))
}

/// Returns whether a key now in state `now` belongs on the list of `state`.
fn is_listed(now: KeyState, state: KeyState) -> bool {
    now == state || (state, now) == (KeyState::Open, KeyState::Overdue)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Missing {
    limit: Option<usize>,
}

async fn missing(
    State(reader): State<Arc<StateReader>>,
    query: Result<Query<Missing>, QueryRejection>,
) -> Answer<MissingPage> {
    let Query(Missing { limit }) = query.map_err(|error| rejected(&error))?;
    let limit = limit_of(limit, RANKED_MAX)?;
    let scan = reader.scan(KeyState::Open, None).await?;
    Ok(Json(MissingPage {
        items: scan.totals.missing.iter().take(limit).cloned().collect(),
        all_items_counted: scan.totals.all_items_counted,
        census: scan.facts(),
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recent {
    kind: RecentKind,
    limit: Option<usize>,
    #[serde(default)]
    payload: bool,
}

async fn recent(
    State(reader): State<Arc<StateReader>>,
    query: Result<Query<Recent>, QueryRejection>,
) -> Answer<RecentPage> {
    let Query(Recent { kind, limit, payload }) = query.map_err(|error| rejected(&error))?;
    let limit = limit_of(limit, PAGE_MAX)?;
    let payload = if payload { Payload::Told } else { Payload::Withheld };
    Ok(Json(reader.recent.page(kind, limit, payload)))
}

fn limit_of(limit: Option<usize>, limit_max: usize) -> Result<usize, Problem> {
    match limit.unwrap_or(PAGE_DEFAULT) {
        0 => Err(bad_request("limit is at least 1")),
        limit if limit > limit_max => Err(bad_request(&format!("limit is at most {limit_max}"))),
        limit => Ok(limit),
    }
}

fn bad_request(detail: &str) -> Problem {
    Problem::new(400, "BadRequest", detail, None)
}

fn rejected(error: &QueryRejection) -> Problem {
    bad_request(&error.body_text())
}
