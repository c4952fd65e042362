//! Sends questions to the workers that can answer them.

use std::{net::SocketAddr, num::NonZeroU32, time::Duration};

use futures::{StreamExt, stream};
use hyper::StatusCode;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    client::{self, Failure},
    merge,
    worker_directory::WorkerDirectory,
};
use rollcall_service::state_api::{
    KeyPage, KeyQuery, KeyStory, MissingPage, Problem, RecentPage, WorkerStatus,
};

/// A key is looked up at once; a list may have to wait for a census.
const KEY_TIMEOUT: Duration = Duration::from_secs(5);
const LIST_TIMEOUT: Duration = Duration::from_secs(15);
const ASKED_MAX: usize = 16;

/// The answers of several workers, and which workers did not answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gathered<T> {
    #[serde(flatten)]
    pub page: T,
    /// Workers whose answer is missing, with the reason.
    pub unanswered: Vec<String>,
}

/// Returns what is known about `key`: from the worker that has the key's shard, or else from any
/// other. The key may be in another shard as long as the partitioning of the inputs is not known.
pub async fn key(directory: &WorkerDirectory, key: &str) -> Result<KeyStory, Problem> {
    let partitions = directory.partitions().and_then(NonZeroU32::new);
    let partitions = partitions.ok_or_else(|| {
        Problem::new(503, "NoWorker", "no worker has told yet how many partitions there are", None)
    })?;
    let partitioner = directory.partitioner();
    let belongs = partitioner.map(|partitioner| partitioner.partition(key.as_bytes(), partitions));
    let ask = |(address, status): (SocketAddr, WorkerStatus)| async move {
        (status, ask_about(address, key).await)
    };
    let (owners, others): (Vec<_>, Vec<_>) = directory
        .up()
        .into_iter()
        .partition(|(_, status)| status.shards.iter().any(|owned| Some(owned.shard) == belongs));
    let mut refusals = Vec::new();
    for workers in [owners, others] {
        let mut answers = stream::iter(workers).map(ask).buffer_unordered(ASKED_MAX);
        while let Some((status, answer)) = answers.next().await {
            match answer {
                Ok(story) => return Ok(story),
                Err(Failure::Refused(problem)) => refusals.push(problem),
                Err(failure) => {
                    let detail = format!("{} does not answer: {failure}", status.instance);
                    refusals.push(Problem::new(502, "NoAnswer", &detail, belongs));
                }
            }
        }
    }
    Err(refusal(&refusals, belongs, || directory.is_whole(partitions)))
}

/// Returns why no worker knows the key. What keeps a worker from answering comes first, then the
/// fact that the key's own shard does not know it.
fn refusal(refusals: &[Problem], belongs: Option<u32>, whole: impl Fn() -> bool) -> Problem {
    let unknown = |problem: &Problem| problem.status == 404;
    let misdirected = |problem: &Problem| problem.status == 421;
    let known = belongs.is_some() && refusals.iter().any(unknown);
    let failed = refusals.iter().find(|problem| !unknown(problem) && !misdirected(problem));
    if let Some(failed) = failed.filter(|_| !known) {
        return failed.clone();
    }
    if known || (belongs.is_none() && whole()) {
        let detail = "nothing is known of the key: it was never seen, or it is forgotten";
        return Problem::new(404, "UnknownKey", detail, belongs);
    }
    let detail = match belongs {
        Some(shard) => {
            format!("no worker has shard {shard}, which the key belongs to: it is on its way")
        }
        None => "none of the shards that workers have now knows the key, and some shards are on \
                 their way: ask again"
            .to_owned(),
    };
    Problem::new(503, "NoOwner", &detail, belongs)
}

async fn ask_about(address: SocketAddr, key: &str) -> Result<KeyStory, Failure> {
    let answer = client::get(address, &KeyQuery::path(key), KEY_TIMEOUT).await;
    match (answer, KeyQuery::old_path(key)) {
        // While workers are being updated, some still know only the old path.
        (Err(Failure::Failed(StatusCode::NOT_FOUND)), Some(path)) => {
            client::get(address, &path, KEY_TIMEOUT).await
        }
        (answer, _) => answer,
    }
}

/// Returns a page of keys, from all workers.
pub async fn keys(
    directory: &WorkerDirectory,
    query: &str,
    limit: usize,
) -> Result<Gathered<KeyPage>, Problem> {
    let (pages, unanswered) = all::<KeyPage>(directory, &format!("/v1/keys?{query}")).await?;
    Ok(Gathered { page: merge::keys(pages, limit), unanswered })
}

/// Returns the items that keys wait for, from all workers.
pub async fn missing(
    directory: &WorkerDirectory,
    limit: usize,
) -> Result<Gathered<MissingPage>, Problem> {
    // More than asked for: an item may be common overall and rare on each worker.
    let (pages, unanswered) = all::<MissingPage>(directory, "/v1/missing?limit=1000").await?;
    Ok(Gathered { page: merge::missing(pages, limit), unanswered })
}

/// Returns the last outputs of all workers.
pub async fn recent(
    directory: &WorkerDirectory,
    query: &str,
    limit: usize,
) -> Result<Gathered<RecentPage>, Problem> {
    let (pages, unanswered) = all::<RecentPage>(directory, &format!("/v1/recent?{query}")).await?;
    let page = merge::recent(pages, limit);
    let page = page.ok_or_else(|| Problem::new(503, "NoWorker", "no worker answers", None))?;
    Ok(Gathered { page, unanswered })
}

/// Asks every worker that is up. If none can answer, the first refusal is returned.
async fn all<T: DeserializeOwned>(
    directory: &WorkerDirectory,
    path: &str,
) -> Result<(Vec<T>, Vec<String>), Problem> {
    let ask = |(address, status): (SocketAddr, WorkerStatus)| async move {
        (status.instance, client::get::<T>(address, path, LIST_TIMEOUT).await)
    };
    let answers = stream::iter(directory.up()).map(ask).buffer_unordered(ASKED_MAX);
    let answers: Vec<_> = answers.collect().await;
    let (mut pages, mut unanswered) = (Vec::new(), Vec::new());
    for (instance, answer) in answers {
        match answer {
            Ok(page) => pages.push(page),
            Err(Failure::Refused(problem)) if problem.status == 400 => return Err(problem),
            Err(failure) => unanswered.push(format!("{instance}: {failure}")),
        }
    }
    if pages.is_empty() {
        let detail = match &unanswered[..] {
            [] => "no worker answers".to_owned(),
            all => all.join("; "),
        };
        return Err(Problem::new(503, "NoWorker", &detail, None));
    }
    Ok((pages, unanswered))
}
