//! A worker that is cut off reports it, and stops when told to.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::Reconciliation;
use super::state_api::trouble;
use super::worker::Worker;

/// A worker whose brokers do not answer ends within three seconds.
const END_MAX: Duration = Duration::from_secs(3);

fn state(worker: &Worker) -> Option<String> {
    let (_, body) = worker.get("/v1/status")?;
    let status: Value = serde_json::from_str(&body).ok()?;
    Some(status["state"].as_str()?.to_owned())
}

/// Tells it to stop, and checks that it does so in time.
fn ends_in_time(worker: &mut Worker) {
    let start = Instant::now();
    assert_eq!(worker.process.terminate().code(), Some(0));
    let took = start.elapsed();
    assert!(took <= END_MAX, "it took {took:?}");
}

/// Starts a worker that has already processed records.
fn at_work(name: &str) -> (Reconciliation, Worker) {
    let shop = Reconciliation::new(&Arc::new(Broker::start()), name);
    let worker = shop.worker("w-1");
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.settle();
    (shop, worker)
}

#[test]
fn a_worker_whose_broker_stops_is_not_ready_until_it_is_back() {
    let (shop, worker) = at_work("cut-off");
    let standby = (0..4).map(|n| shop.worker(&format!("s-{n}"))).collect::<Vec<_>>();
    shop.broker.stop();
    let message = trouble(&worker, "BrokerUnreachable");
    assert!(message.contains(&shop.broker.bootstrap_servers()), "{message}");
    worker.answers("/readyz", 503, WAIT_TIMEOUT);
    for other in &standby {
        // At least one of them has no shard that could fail.
        other.answers("/readyz", 503, WAIT_TIMEOUT);
    }
    eventually("it is no longer a member", WAIT_TIMEOUT, || {
        (state(&worker)? == "joining").then_some(())
    });
    let metrics = worker.get("/metrics").expect("it answers").1;
    assert!(metrics.contains("rollcall_trouble{"), "{metrics}");
    assert_eq!(worker.get("/healthz").map(|(status, _)| status), Some(200));
    shop.broker.begin();
    let worker = worker.ready();
    assert_eq!(state(&worker).as_deref(), Some("joined"));
    shop.order("b", &[1]);
    shop.made("b", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a", "b"]);
    drop((worker, standby));
}

#[test]
fn a_worker_whose_broker_is_frozen_is_not_ready_and_stops_in_time() {
    let (shop, mut worker) = at_work("frozen");
    let ready = worker.get("/readyz").map(|(status, _)| status);
    assert_eq!(ready, Some(200));
    shop.broker.freeze();
    worker.answers("/readyz", 503, Duration::from_secs(25));
    shop.order("b", &[1]);
    shop.made("b", 1);
    ends_in_time(&mut worker);
    shop.broker.thaw();
    let worker = shop.worker("w-1");
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a", "b"]);
    drop(worker);
}

#[test]
fn a_worker_whose_broker_has_just_frozen_in_the_middle_of_commits_stops_in_time() {
    let (shop, mut worker) = at_work("just-frozen");
    for n in 0..500 {
        shop.order(&format!("order-{n}"), &[1]);
    }
    shop.flush();
    shop.broker.freeze();
    ends_in_time(&mut worker);
    shop.broker.thaw();
    let worker = shop.worker("w-1");
    for n in 0..500 {
        shop.made(&format!("order-{n}"), 1);
    }
    shop.settle();
    assert_eq!(shop.shipped_ids().len(), 501);
    drop(worker);
}

/// Starts a worker whose broker is supposed to be at `server`.
fn led_astray(name: &str, server: SocketAddr) -> Worker {
    let shop = Reconciliation::without_topics(&Arc::new(Broker::absent()), name)
        .with("kafka/bootstrapServers", server.to_string());
    let worker = Worker::start(&shop, "w-1");
    worker.answers("/startupz", 503, WAIT_TIMEOUT);
    worker
}

#[test]
fn a_worker_that_has_found_no_broker_stops_in_time() {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    // It accepts connections and sends nothing.
    let mute = TcpListener::bind(any).expect("a free port");
    let at = mute.local_addr().expect("it is bound");
    let mut worker = led_astray("mute", at);
    eventually("the worker has connected", WAIT_TIMEOUT, || mute.accept().ok());
    ends_in_time(&mut worker);

    // It accepts no more connections: they wait, as for an address that is not routed.
    let full = TcpListener::bind(any).expect("a free port");
    let at = full.local_addr().expect("it is bound");
    let limit = Duration::from_millis(200);
    let waiting: Vec<_> =
        std::iter::from_fn(|| TcpStream::connect_timeout(&at, limit).ok()).take(5_000).collect();
    let mut worker = led_astray("unroutable", at);
    ends_in_time(&mut worker);
    drop(waiting);

    let absent = led_astray("absent", SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    let mut absent = absent;
    absent.process.says(&["not started yet"]);
    ends_in_time(&mut absent);
}

#[test]
fn a_group_that_does_not_let_a_worker_in_is_told_with_the_remedy() {
    let shop = Reconciliation::new(&Broker::shared(), "session")
        .with("kafka/properties", serde_json::json!({"session.timeout.ms": "1000"}));
    let worker = Worker::start(&shop, "w-1");
    let message = trouble(&worker, "SessionTimeoutRefused");
    assert!(message.contains("group.min.session.timeout.ms"), "{message}");
    let text = worker.answers("/startupz", 503, WAIT_TIMEOUT);
    assert!(text.contains("group.min.session.timeout.ms"), "{text}");
    worker.answers("/readyz", 503, WAIT_TIMEOUT);
}

#[test]
fn a_group_of_another_kind_is_told_and_waited_for() {
    let shop = Reconciliation::new(&Broker::shared(), "mixed");
    let mut consumer = shop.broker.client();
    consumer.set("group.id", &shop.name).set("partition.assignment.strategy", "range");
    let consumer: BaseConsumer = consumer.create().expect("valid settings");
    consumer.subscribe(&[&shop.orders()]).expect("subscribed");
    eventually("the stranger is in the group", WAIT_TIMEOUT, || {
        drop(consumer.poll(Duration::from_millis(100)));
        let assigned = consumer.assignment().ok()?;
        (assigned.count() > 0).then_some(())
    });
    let worker = Worker::start(&shop, "w-1");
    let message = trouble(&worker, "GroupProtocolMismatch");
    assert!(message.contains("spec.kafka.groupId"), "{message}");
    drop(consumer);
    drop(worker.ready());
}

#[test]
fn brokers_without_the_new_group_protocol_are_named_and_waited_for_only_when_asked_to() {
    let settings = "group.coordinator.rebalance.protocols=classic";
    let broker = Broker::with_settings(super::kafka::free_port(), settings);
    broker.begin();
    let shop = Reconciliation::new(&Arc::new(broker), "old-brokers")
        .with("kafka/groupProtocol", "consumer");
    let mut worker = Worker::start(&shop, "w-1").process;
    assert!(!worker.exit().success());
    worker.says(&["error", "groupProtocol to classic"]);
    assert_eq!(worker.said(&["same instance id"]), None);
    let waits = Worker::start_with(&shop, "w-2", &["--keep-trying"]);
    trouble(&waits, "GroupProtocolUnsupported");
    waits.answers("/readyz", 503, WAIT_TIMEOUT);
}

#[test]
fn a_second_worker_under_the_same_instance_id_is_refused_and_the_first_goes_on() {
    let shop = Reconciliation::new(&Broker::shared(), "twins");
    let first = shop.worker("w-1");
    let mut second = Worker::start_in(&shop, "w-1", &shop.path("state-second"));
    trouble(&second, "InstanceIdTaken");
    assert!(!second.process.exit().success());
    second.process.says(&["error", "same instance id", "--instance-id"]);
    assert_eq!(first.process.said(&["joining the group again"]), None);
    assert_eq!(first.get("/readyz").map(|(status, _)| status), Some(200));
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
}

#[test]
fn a_worker_that_comes_back_elsewhere_waits_for_the_session_of_the_one_that_was_killed() {
    let shop = Reconciliation::new(&Broker::shared(), "moved");
    shop.worker("w-1").process.kill();
    let worker = Worker::start_in(&shop, "w-1", &shop.path("state-elsewhere")).ready();
    worker.process.says(&["waiting until its session ends"]);
}
