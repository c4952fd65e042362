//! Answers workers that are being stopped whether they will be started again.
//!
//! A worker that is scaled away hands its shards over at once; one that is restarted stays in its
//! group, so that its shards stay where their stores are. Only the StatefulSet knows which of the
//! two it is. Any operator answers, even one that is not the leader: answering changes nothing.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::{Api, Client};

use super::names;
use rollcall_service::state_api::RestartAnswer;

/// Workers do not wait longer than this for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Returns the URL at which the pod of this name asks; pass `$(POD_NAME)` for the pod itself.
pub fn url(operator: &str, namespace: &str, pod: &str) -> String {
    format!("{}/v1/namespaces/{namespace}/workers/{pod}", operator.trim_end_matches('/'))
}

/// Returns the routes that answer at that URL.
pub fn routes(client: Client) -> Router {
    Router::new().route("/v1/namespaces/{namespace}/workers/{pod}", get(answer)).with_state(client)
}

async fn answer(
    State(client): State<Client>,
    Path((namespace, pod)): Path<(String, String)>,
) -> Response {
    let Some((name, ordinal)) = parts(&pod).filter(|_| names::is_label(&namespace)) else {
        return (StatusCode::NOT_FOUND, "no name of a worker\n").into_response();
    };
    let sets: Api<StatefulSet> = Api::namespaced(client, &namespace);
    match tokio::time::timeout(ANSWER_TIMEOUT, sets.get_opt(name)).await {
        Ok(Ok(Some(set))) if names::is_managed(&set) => {
            Json(RestartAnswer { wanted: is_wanted(&set, ordinal) }).into_response()
        }
        Ok(Ok(_)) => (StatusCode::NOT_FOUND, "no workers of that name\n").into_response(),
        Ok(Err(error)) => {
            tracing::warn!(namespace, pod, %error, "it is not known whether a worker comes back");
            (StatusCode::SERVICE_UNAVAILABLE, "the API server refuses\n").into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "no answer in time\n").into_response(),
    }
}

/// Returns the StatefulSet's name and the pod's ordinal; `None` if this is no pod of a StatefulSet.
fn parts(pod: &str) -> Option<(&str, i32)> {
    let (name, ordinal) = pod.rsplit_once('-').filter(|(name, _)| names::is_label(name))?;
    let is_number = ordinal.bytes().all(|b| b.is_ascii_digit());
    Some((name, ordinal.parse().ok().filter(|_| is_number)?))
}

fn is_wanted(set: &StatefulSet, ordinal: i32) -> bool {
    let replicas = set.spec.replicas.unwrap_or(1);
    set.metadata.deletion_timestamp.is_none() && ordinal < replicas
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::http::Uri;
    use k8s_openapi::api::apps::v1::StatefulSetSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
    use k8s_openapi::jiff::Timestamp;
    use tokio::net::TcpListener;

    use super::*;
    use rollcall_service::http;

    #[test]
    fn pods_are_told_apart_by_their_numbers() {
        assert_eq!(parts("shipping-eu-12"), Some(("shipping-eu", 12)));
        assert_eq!(parts("shipping"), None);
        assert_eq!(parts("shipping-console-7d9f"), None);
        assert_eq!(parts("../../secrets/a-0"), None);
        assert_eq!(parts("a-+1"), None);
    }

    async fn served(router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn a_name_that_is_a_path_never_reaches_the_api_server() {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&asked);
        let api_server = Router::new().fallback(move |url: Uri| async move {
            log.lock().expect("nothing panics here").push(url.path().to_owned());
            StatusCode::NOT_FOUND
        });
        let config = kube::Config::new(served(api_server).await.parse().expect("a URL"));
        let operator = served(routes(Client::try_from(config).expect("no TLS"))).await;
        let client = http::client::Client::plain(ANSWER_TIMEOUT * 10, 1 << 20);
        let ask = async |path: &str| client.get(&format!("{operator}{path}")).await;
        for path in [
            "/v1/namespaces/..%2f..%2f..%2fapi%2fv1%2fnamespaces%2fshop%2fsecrets/workers/a-0",
            "/v1/namespaces/shop/workers/..%2f..%2fsecrets%2fa-0",
            "/v1/namespaces/shop%3fwatch=1/workers/a-0",
            "/v1/namespaces/%2e%2e/workers/a-0",
            "/v1/namespaces/shop%0a/workers/a-0",
        ] {
            let answer = ask(path).await.expect("it answers");
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
        assert!(asked.lock().expect("as above").is_empty(), "{asked:?}");
        ask("/v1/namespaces/shop/workers/shipping-0").await.expect("it answers");
        let wanted = ["/apis/apps/v1/namespaces/shop/statefulsets/shipping"];
        assert_eq!(*asked.lock().expect("as above"), wanted);
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
