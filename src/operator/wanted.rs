//! Tells workers that are told to stop whether they are started again.
//!
//! A worker that is scaled away hands its shards over at once; one that is restarted stays in its
//! group, so that they stay where their stores are. Only the StatefulSet knows which of the two it
//! is. Any operator answers, also one that does not lead: it is a question.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::{Api, Client};

use super::names;
use crate::worker::Wanted;

/// A worker does not wait for longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Returns the URL at which the pod of this name asks, `$(POD_NAME)` for itself.
pub fn url(operator: &str, namespace: &str, pod: &str) -> String {
    format!("{}/v1/namespaces/{namespace}/workers/{pod}", operator.trim_end_matches('/'))
}

/// Answers there.
pub fn routes(client: Client) -> Router {
    Router::new().route("/v1/namespaces/{namespace}/workers/{pod}", get(answer)).with_state(client)
}

async fn answer(
    State(client): State<Client>,
    Path((namespace, pod)): Path<(String, String)>,
) -> Response {
    let Some((name, ordinal)) = parts(&pod) else {
        return (StatusCode::NOT_FOUND, "no name of a worker\n").into_response();
    };
    let sets: Api<StatefulSet> = Api::namespaced(client, &namespace);
    match tokio::time::timeout(PATIENCE, sets.get_opt(name)).await {
        Ok(Ok(Some(set))) if names::is_managed(&set) => {
            Json(Wanted { wanted: is_wanted(&set, ordinal) }).into_response()
        }
        Ok(Ok(_)) => (StatusCode::NOT_FOUND, "no workers of that name\n").into_response(),
        Ok(Err(error)) => {
            tracing::warn!(namespace, pod, %error, "it is not known whether a worker comes back");
            (StatusCode::SERVICE_UNAVAILABLE, "the API server refuses\n").into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "no answer in time\n").into_response(),
    }
}

/// Returns the StatefulSet's name and the pod's number in it.
fn parts(pod: &str) -> Option<(&str, i32)> {
    let (name, ordinal) = pod.rsplit_once('-')?;
    Some((name, ordinal.parse().ok()?))
}

fn is_wanted(set: &StatefulSet, ordinal: i32) -> bool {
    let replicas = set.spec.replicas.unwrap_or(1);
    set.metadata.deletion_timestamp.is_none() && ordinal < replicas
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::StatefulSetSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    #[test]
    fn pods_are_told_apart_by_their_numbers() {
        assert_eq!(parts("shipping-eu-12"), Some(("shipping-eu", 12)));
        assert_eq!(parts("shipping"), None);
        assert_eq!(parts("shipping-console-7d9f"), None);
    }

    #[test]
    fn who_is_scaled_away_or_deleted_with_all_others_is_not_wanted() {
        let spec = StatefulSetSpec { replicas: Some(2), ..StatefulSetSpec::default() };
        let set = StatefulSet { spec, ..StatefulSet::default() };
        assert!(is_wanted(&set, 0) && is_wanted(&set, 1));
        assert!(!is_wanted(&set, 2));
        let deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        let metadata = ObjectMeta { deletion_timestamp, ..ObjectMeta::default() };
        assert!(!is_wanted(&StatefulSet { metadata, ..set }, 0));
    }
}
