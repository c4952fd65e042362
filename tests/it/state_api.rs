//! What workers answer about themselves and their keys, and what the console makes of it.

use std::sync::Arc;

use serde_json::Value;

use super::eventually::eventually;
use super::kafka::{Broker, PATIENCE};
use super::reconciliation::{PARTITIONS, Reconciliation};
use super::worker::Worker;

/// Asks the worker and returns the status and the answer.
fn ask(worker: &Worker, path: &str) -> (u16, Value) {
    let (status, body) = worker.get(path).expect("the worker answers");
    let body = serde_json::from_str(&body);
    (status, body.unwrap_or_else(|error| panic!("{path} is not JSON: {error}")))
}

/// Asks until the answer is as it should be.
fn ask_until(worker: &Worker, path: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("{path} is as it should be"), PATIENCE, || {
        let (_, body) = ask(worker, path);
        is(&body).then_some(body)
    })
}

/// Waits until the worker tells this trouble, and returns its message.
fn trouble(worker: &Worker, reason: &str) -> String {
    let what = format!("the worker tells {reason}");
    let found = eventually(&what, PATIENCE, || {
        let (_, body) = worker.get("/v1/status")?;
        let status: Value = serde_json::from_str(&body).ok()?;
        (status["trouble"]["reason"] == reason).then(|| status["trouble"]["message"].clone())
    });
    found.as_str().expect("a message").to_owned()
}

fn keys(page: &Value) -> Vec<&str> {
    let keys = page["keys"].as_array().expect("a page has keys");
    keys.iter().map(|entry| entry["key"].as_str().expect("a key is text")).collect()
}

#[test]
fn a_worker_that_waits_for_its_broker_says_so_and_is_not_started() {
    let shop = Reconciliation::without_topics(&Arc::new(Broker::absent()), "waiting");
    let worker = Worker::start(&shop, "w-1");
    let message = trouble(&worker, "BrokerUnreachable");
    assert!(message.contains(&shop.broker.bootstrap_servers()), "{message}");
    let (_, status) = ask(&worker, "/v1/status");
    assert_eq!((&status["state"], &status["partitions"]), (&"joining".into(), &Value::Null));
    assert_eq!(worker.get("/startupz").map(|(status, _)| status), Some(503));
    assert_eq!(worker.get("/healthz").map(|(status, _)| status), Some(200));
    let (status, problem) = ask(&worker, "/v1/keys/a");
    assert_eq!((status, &problem["title"]), (503, &"NotStarted".into()));
    shop.broker.begin();
    let worker = worker.ready();
    let (_, status) = ask(&worker, "/v1/status");
    assert_eq!((&status["trouble"], &status["partitions"]), (&Value::Null, &PARTITIONS.into()));
}

#[test]
fn a_worker_that_keeps_trying_tells_what_is_wrong_and_starts_once_it_is_mended() {
    let shop = Reconciliation::without_topics(&Broker::shared(), "mended");
    shop.broker.create_topic(&shop.orders(), 4, &[]);
    shop.broker.create_topic(&shop.manufactured(), 2, &[]);
    let worker = Worker::start_with(&shop, "w-1", &["--keep-trying"]);
    let message = trouble(&worker, "TopicsNotCoPartitioned");
    assert!(message.contains(&shop.manufactured()), "{message}");
    assert_eq!(worker.get("/startupz").map(|(status, _)| status), Some(503));
    shop.broker.delete_topic(&shop.manufactured());
    shop.broker.create_topic(&shop.manufactured(), 4, &[]);
    let worker = worker.ready();
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
    drop(worker);
}

#[test]
fn a_keys_story_tells_what_it_waits_for_from_memory_and_from_disk() {
    let shop = Reconciliation::new(&Broker::shared(), "story");
    let mut worker = shop.worker("w-1");
    shop.order("order-1", &[1, 2, 3]);
    shop.made("order-1", 2);
    shop.made("order-1", 99);
    shop.order("order-2", &[1]);
    shop.made("order-2", 1);
    shop.settle();
    let story = |worker: &Worker| {
        let story = ask_until(worker, "/v1/keys/order-1", |story| story["missingTotal"] == 2);
        assert_eq!((&story["state"], &story["expectedTotal"]), (&"open".into(), &3.into()));
        assert_eq!(story["items"][0]["item"], "1");
        assert_eq!(story["items"][0]["missing"], 1);
        assert_eq!(story["items"][3]["item"], "99");
        assert_eq!(story["deadline"]["then"], "overdue");
    };
    story(&worker);
    let (_, done) = ask(&worker, "/v1/keys/order-2");
    assert_eq!(
        (&done["state"], &done["deadline"]["then"]),
        (&"completed".into(), &"forgotten".into())
    );
    let (status, unknown) = ask(&worker, "/v1/keys/nobody");
    assert_eq!((status, &unknown["title"]), (404, &"UnknownKey".into()));
    // A worker that comes back has its rows on disk and none in memory.
    assert_eq!(worker.process.terminate().code(), Some(0));
    story(&shop.worker("w-1"));
}

#[test]
fn a_key_of_another_worker_is_misdirected_and_named() {
    let shop = Reconciliation::new(&Broker::shared(), "misdirected");
    let (first, second) = (shop.worker("w-1"), shop.worker("w-2"));
    let shards = |worker: &Worker| {
        let status = ask_until(worker, "/v1/status", |status| {
            status["shards"].as_array().is_some_and(|shards| shards.len() == 2)
        });
        let shards = status["shards"].as_array().expect("it was one").clone();
        shards.iter().map(|shard| shard["shard"].as_u64().expect("a number")).collect::<Vec<_>>()
    };
    let (mine, theirs) = (shards(&first), shards(&second));
    let mut misdirected = 0;
    for n in 0..20 {
        let (status, body) = ask(&first, &format!("/v1/keys/order-{n}"));
        let shard = body["shard"].as_u64().expect("the problem names the shard");
        match status {
            404 => assert!(mine.contains(&shard)),
            421 => {
                assert_eq!(body["title"], "Misdirected");
                assert!(theirs.contains(&shard));
                misdirected += 1;
            }
            other => panic!("{other}: {body}"),
        }
    }
    assert!(misdirected > 0);
}

#[test]
fn open_keys_are_paged_by_age_whether_in_memory_or_on_disk() {
    let shop = Reconciliation::new(&Broker::shared(), "paged");
    let mut worker = shop.worker("w-1");
    for n in 0..30 {
        shop.order(&format!("old-{n}"), &[1, n + 10]);
        shop.flush();
    }
    shop.settle();
    // These are on disk from now on.
    assert_eq!(worker.process.terminate().code(), Some(0));
    let worker = shop.worker("w-1");
    (0..30).for_each(|n| shop.order(&format!("new-{n}"), &[1]));
    (0..5).for_each(|n| shop.made(&format!("old-{n}"), 1));
    (0..5).for_each(|n| shop.made(&format!("old-{n}"), n + 10));
    shop.made("stray", 7);
    shop.settle();
    let all = ask_until(&worker, "/v1/keys?limit=200", |page| keys(page).len() == 55);
    assert_eq!(all["census"]["complete"], true);
    let mut paged = Vec::new();
    let mut path = "/v1/keys?limit=20".to_owned();
    for _ in 0..3 {
        let (_, page) = ask(&worker, &path);
        paged.extend(keys(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/keys?limit=20&after={next}");
    }
    assert_eq!(paged, keys(&all));
    assert_eq!(paged[0], "old-5");
    let (_, strays) = ask(&worker, "/v1/keys?state=unexpected");
    assert_eq!((keys(&strays), &strays["keys"][0]["items"][0]), (vec!["stray"], &"7".into()));
    let (_, missing) = ask(&worker, "/v1/missing?limit=3");
    assert_eq!(
        (&missing["items"][0]["item"], &missing["items"][0]["keys"]),
        (&"1".into(), &55.into())
    );
    let (status, _) = ask(&worker, "/v1/keys?limit=100000");
    assert_eq!(status, 400);
}

#[test]
fn what_was_emitted_last_is_told_and_payloads_only_when_asked_for() {
    let shop = Reconciliation::new(&Broker::shared(), "emitted").with("overdue/after", "1s");
    let worker = shop.worker("w-1");
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.order("late", &[1]);
    shop.order_value(Some("broken"), Some("{no json"));
    shop.settle();
    let first = |path: &str| {
        let is = |page: &Value| !page["records"][0].is_null();
        ask_until(&worker, path, is)["records"][0].clone()
    };
    assert_eq!(first("/v1/recent?kind=completions")["key"], "a");
    assert_eq!(first("/v1/recent?kind=overdue")["key"], "late");
    let letter = first("/v1/recent?kind=dead-letters");
    assert_eq!((&letter["value"], &letter["valueBytes"]), (&Value::Null, &8.into()));
    assert_eq!(letter["headers"][0], serde_json::json!(["rollcall-reason", "malformed-json"]));
    assert_eq!(first("/v1/recent?kind=dead-letters&payload=true")["value"], "{no json");
    let overdue = ask_until(&worker, "/v1/keys?state=overdue", |page| keys(page) == ["late"]);
    assert_eq!(overdue["keys"][0]["state"], "overdue");
    let (status, _) = ask(&worker, "/v1/recent?kind=rumours");
    assert_eq!(status, 400);
}
