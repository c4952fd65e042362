//! The answers of workers about themselves and their keys, and the console's view of them.

use std::sync::Arc;

use serde_json::Value;

use super::contract;
use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::{PARTITIONS, Reconciliation};
use super::worker::{Process, Worker};

/// Sends a request to the worker and returns the status and the body.
fn ask(worker: &Worker, path: &str) -> (u16, Value) {
    let (status, body) = worker.get(path).expect("the worker answers");
    let body = serde_json::from_str(&body);
    let body = body.unwrap_or_else(|error| panic!("{path} is not JSON: {error}"));
    if let Some(breach) = contract::breach(path, status, &body) {
        panic!("{path} is not as docs/openapi.yaml says: {breach}\n{body:#}");
    }
    (status, body)
}

/// Repeats a request until the response satisfies `is`.
fn ask_until(worker: &Worker, path: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("{path} is as it should be"), WAIT_TIMEOUT, || {
        let (_, body) = ask(worker, path);
        is(&body).then_some(body)
    })
}

/// Waits until the worker reports this trouble, and returns its message.
pub fn trouble(worker: &Worker, reason: &str) -> String {
    let what = format!("the worker tells {reason}");
    let found = eventually(&what, WAIT_TIMEOUT, || {
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
fn a_worker_that_keeps_trying_tells_what_is_wrong_and_starts_once_it_is_fixed() {
    let shop = Reconciliation::without_topics(&Broker::shared(), "fixed");
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
fn keys_that_are_no_segment_of_a_path_are_found_and_forge_nothing() {
    let shop = Reconciliation::new(&Broker::shared(), "odd-keys");
    let worker = shop.worker("w-1");
    let keys = [".", "..", "100%", " x ", "a/b?c#d&key=e+f", "a\n  state     completed\u{9b}2J"];
    for key in keys {
        shop.order(key, &[1, 2]);
        shop.made(key, 2);
    }
    shop.settle();
    let file = shop.file();
    let file = file.to_str().expect("the path is UTF-8");
    let console = Console::start(file, &[worker.address()]);
    for key in keys {
        let path = format!("/v1/{}", query(key));
        let story = ask_until(&worker, &path, |story| story["missingTotal"] == 1);
        assert_eq!(story["key"], key);
        let path = format!("/api/{}", query(key));
        assert_eq!(console.ask_until(&path, |_| true)["key"], key);
        let arguments = ["inspect", "-f", file, "--server", &worker.address(), "--", key];
        let mut inspect = Process::start("inspect", arguments);
        assert!(inspect.exit().success());
        inspect.says(&["state", "open: 1 of 2 items are missing"]);
        let lines = inspect.all();
        let states = lines.iter().filter(|line| line.trim_start().starts_with("state"));
        assert_eq!(states.count(), 1, "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains('\u{9b}')), "{lines:?}");
    }
    // As consoles of an older version ask.
    let (status, story) = ask(&worker, "/v1/keys/100%25");
    assert_eq!((status, &story["key"]), (200, &"100%".into()));
    assert_eq!(ask(&worker, "/v1/key").0, 400);
    let unknown = console.ask("/api/key?key=").1;
    assert_eq!(unknown["title"], "UnknownKey");
}

/// Returns `key` as in a request: each byte escaped.
fn query(key: &str) -> String {
    let escaped: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("key?key={escaped}")
}

#[test]
fn a_key_of_another_worker_is_misdirected_and_named() {
    let shop = Reconciliation::new(&Broker::shared(), "misdirected").with("partitioner", "murmur2");
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

#[test]
fn a_terminal_tells_a_keys_story_and_the_console_gathers_from_all_workers() {
    let shop = Reconciliation::new(&Broker::shared(), "gathered");
    let (first, mut second) = (shop.worker("w-1"), shop.worker("w-2"));
    (0..12).for_each(|n| shop.order(&format!("order-{n}"), &[1, 2]));
    (0..12).for_each(|n| shop.made(&format!("order-{n}"), 2));
    shop.settle();
    let file = shop.file();
    let file = file.to_str().expect("the path is UTF-8");
    let servers = [first.address(), second.address()];
    for n in 0..4 {
        let key = format!("order-{n}");
        let arguments =
            ["inspect", &key, "-f", file, "--server", &servers[0], "--server", &servers[1]];
        let mut inspect = Process::start("inspect", arguments);
        assert!(inspect.exit().success());
        inspect.says(&["state", "open: 1 of 2 items are missing"]);
    }
    let console = Console::start(file, &servers);
    let page = console.ask_until("/api/keys?limit=5", |page| keys(page).len() == 5);
    let next = page["next"].as_str().expect("seven are left");
    let (_, rest) = console.ask(&format!("/api/keys?limit=9&after={next}"));
    let mut all: Vec<&str> = keys(&page).into_iter().chain(keys(&rest)).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 12);
    let (_, missing) = console.ask("/api/missing");
    assert_eq!(missing["items"][0]["keys"], 12);
    let (_, records) = console.ask(&format!("/api/topics/{}/records?limit=50", shop.orders()));
    assert_eq!(
        (records["records"].as_array().map(Vec::len), &records["complete"]),
        (Some(12), &true.into())
    );
    assert_eq!(console.ask("/api/topics/other/records").0, 404);
    assert_eq!(console.ask("/api/keys/nobody").1["title"], "UnknownKey");

    second.process.kill();
    let seen = console.ask_until("/api/overview", |seen| seen["workers"][1]["up"] == false);
    assert!(seen["workers"][1]["failure"].is_string(), "{seen}");
    console.ask_until("/api/overview", |seen| {
        let shards = seen["shards"].as_array().expect("a list");
        shards.len() == 4 && shards.iter().all(|shard| shard["worker"] == "w-1")
    });
    for n in 0..12 {
        let path = format!("/api/keys/order-{n}");
        console.ask_until(&path, |story| story["missingTotal"] == 1);
    }
}

/// A running `rollcall console`.
struct Console(Worker);

impl Console {
    fn start(file: &str, servers: &[String]) -> Self {
        let servers = servers.iter().flat_map(|server| ["--server", server]);
        let arguments: Vec<&str> = ["console", "-f", file].into_iter().chain(servers).collect();
        Self(Worker::serving("console", &arguments))
    }

    fn ask(&self, path: &str) -> (u16, Value) {
        let (status, body) = eventually("the console answers", WAIT_TIMEOUT, || self.0.get(path));
        (status, serde_json::from_str(&body).expect("it answers in JSON"))
    }

    fn ask_until(&self, path: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("{path} is as it should be"), WAIT_TIMEOUT, || {
            let (status, body) = self.ask(path);
            (status == 200 && is(&body)).then_some(body)
        })
    }
}
