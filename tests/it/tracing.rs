//! Traces: carried from record to record, and reported to a collector.

use super::collector::{Collector, Seen};
use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT, free_port};
use super::reconciliation::{Reconciliation, made, order};
use super::security::make_certificates;
use super::topics::Record;
use super::worker::Worker;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const STATE: (&str, &str) = ("tracestate", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");

/// Returns a position in a sampled trace.
fn sampled(span: u64) -> String {
    format!("00-{TRACE}-{span:016x}-01")
}

fn shop(name: &str) -> Reconciliation {
    Reconciliation::new(&Broker::shared(), name)
}

/// Completes an order by its last product, made by a record with these headers.
fn complete(shop: &Reconciliation, id: &str, headers: &[(&str, &str)]) {
    shop.order(id, &[1]);
    shop.settle();
    shop.send(&shop.manufactured(), id, &made(id, 1), headers);
}

fn completion(shop: &Reconciliation, id: &str) -> Record {
    let mut all = shop.shipped();
    all.retain(|record| record.key.as_deref() == Some(id));
    assert_eq!(all.len(), 1, "completions of {id}");
    all.remove(0)
}

fn trace_headers(record: &Record) -> Vec<(&str, &str)> {
    let (own, others): (Vec<_>, Vec<_>) =
        record.headers.iter().partition(|(name, _)| name.as_str() == "rollcall-source-timestamp");
    assert_eq!(own.len(), 1, "{:?}", record.headers);
    others.into_iter().map(|(name, value)| (&name[..], &value[..])).collect()
}

#[test]
fn a_completion_carries_on_the_trace_of_the_record_that_completed_it() {
    let shop = shop("carried");
    let _worker = shop.worker("w-1");
    let other = sampled(99);
    let first = [("traceparent", &other[..]), ("tenant", "blue")];
    // By an observation, an expectation and an amendment.
    shop.send(&shop.orders(), "observed", &order("observed", &[1]), &first);
    shop.send(&shop.manufactured(), "expected", &made("expected", 1), &first);
    shop.send(&shop.orders(), "amended", &order("amended", &[1, 2]), &first);
    shop.send(&shop.manufactured(), "amended", &made("amended", 1), &first);
    shop.settle();
    let parents = [sampled(1), sampled(2), sampled(3)];
    let last = |parent: usize| [("traceparent", &parents[parent][..]), STATE, ("tenant", "blue")];
    shop.send(&shop.manufactured(), "observed", &made("observed", 1), &last(0));
    shop.send(&shop.orders(), "expected", &order("expected", &[1]), &last(1));
    shop.send(&shop.orders(), "amended", &order("amended", &[1]), &last(2));
    shop.settle();
    for (id, parent) in ["observed", "expected", "amended"].into_iter().zip(&parents) {
        let record = completion(&shop, id);
        assert_eq!(trace_headers(&record), [("traceparent", &parent[..]), STATE], "{id}");
    }
}

#[test]
fn a_trace_that_is_malformed_is_none_and_harms_nothing() {
    let shop = shop("malformed");
    let _worker = shop.worker("w-1");
    let upper = sampled(1).to_uppercase();
    for (id, parent) in [("a", &upper[..]), ("b", ""), ("c", "00-0-0-00")] {
        complete(&shop, id, &[("traceparent", parent), STATE]);
    }
    let parent = sampled(1);
    complete(&shop, "d", &[("traceparent", &parent), ("tracestate", "no state")]);
    shop.settle();
    for id in ["a", "b", "c"] {
        assert_eq!(trace_headers(&completion(&shop, id)), [], "{id}");
    }
    assert_eq!(trace_headers(&completion(&shop, "d")), [("traceparent", &parent[..])]);
}

#[test]
fn a_dead_letter_has_the_headers_of_its_record_beside_its_own() {
    let shop = shop("kept");
    let _worker = shop.worker("w-1");
    let parent = sampled(1);
    let headers =
        [("traceparent", &parent[..]), STATE, ("tenant", "blue"), ("rollcall-reason", "mine")];
    shop.send(&shop.orders(), "a", "{", &headers);
    shop.settle();
    let letters = shop.dead_letters();
    assert_eq!(letters.len(), 1);
    for (name, value) in &headers[..3] {
        assert_eq!(letters[0].header(name), *value);
    }
    assert_eq!(letters[0].header("rollcall-reason"), "malformed-json");
}

#[test]
fn a_dead_letter_with_large_headers_still_fits_its_topic() {
    let shop = shop("large");
    let dead_letters = format!("{}-dead-letter", shop.name);
    shop.broker.create_topic(&dead_letters, 1, &[("max.message.bytes", "65536")]);
    let _worker = shop.worker("w-1");
    let large = "x".repeat(20_000);
    let many: Vec<_> = ["h1", "h2", "h3", "h4", "h5"].map(|name| (name, &large[..])).into();
    let broken = format!("{{{}", "y".repeat(100_000));
    shop.send(&shop.orders(), "a", &broken, &[("small", "1")]);
    shop.send(&shop.orders(), "b", "{", &many);
    shop.settle();
    let letters = shop.dead_letters();
    let of = |key: &str| letters.iter().find(|letter| letter.key.as_deref() == Some(key));
    let (value_cut, headers_cut) = (of("a").expect("a letter"), of("b").expect("a letter"));
    assert_eq!(value_cut.header("small"), "1");
    assert_eq!(value_cut.header("rollcall-truncated"), broken.len().to_string());
    assert_eq!(headers_cut.header("h1"), large);
    assert_eq!(headers_cut.header("rollcall-truncated-headers"), "2");
    assert_eq!(headers_cut.value.as_deref(), Some("{"));
}

/// Returns the only span that was reported for the completion of this order's record.
fn span_of(collector: &Collector, parent: &str) -> Seen {
    let all = eventually(&format!("a span below {parent}"), WAIT_TIMEOUT, || {
        let mut all = collector.spans();
        all.retain(|seen| seen.parent().as_deref() == Some(parent));
        (!all.is_empty()).then_some(all)
    });
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().expect("there is one")
}

#[test]
fn a_collector_is_told_of_a_completion_as_a_span_of_its_records_trace() {
    let (shop, collector) = (shop("told"), Collector::start());
    let worker = Worker::start_with(&shop, "w-1", &["--otlp-endpoint", &collector.url()]).ready();
    let (parent, unsampled) = (sampled(7), format!("00-{TRACE}-0000000000000008-00"));
    complete(&shop, "a", &[("traceparent", &parent), STATE]);
    complete(&shop, "b", &[("traceparent", &unsampled)]);
    complete(&shop, "c", &[]);
    shop.settle();

    let seen = span_of(&collector, &parent);
    let record = completion(&shop, "a");
    assert_eq!(trace_headers(&record), [("traceparent", &seen.traceparent()[..]), STATE]);
    assert_ne!(seen.traceparent(), parent);
    assert!(seen.is_producer());
    assert_eq!(seen.name(), format!("send {}-shipping", shop.name));
    assert_eq!(seen.text("traceState"), STATE.1);
    let [began, ended] = seen.time();
    assert!(began <= ended);
    let attributes = seen.attributes();
    let shipping = format!("{}-shipping", shop.name);
    let partition = record.partition.to_string();
    for (name, value) in [
        ("messaging.system", "kafka"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.name", &shipping),
        ("messaging.destination.partition.id", &partition),
        ("messaging.consumer.group.name", &shop.name),
        ("rollcall.source.topic", &shop.manufactured()),
    ] {
        assert_eq!(attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
    // No content of records unless asked for.
    assert!(!attributes.contains_key("messaging.kafka.message.key"), "{attributes:?}");
    assert_eq!(seen.resource["service.name"], shop.name);
    assert_eq!(seen.resource["service.instance.id"], "w-1");

    // An unsampled trace is passed on unchanged, and not reported.
    assert_eq!(trace_headers(&completion(&shop, "b")), [("traceparent", &unsampled[..])]);
    assert_eq!(trace_headers(&completion(&shop, "c")), []);
    let text = worker.get("/metrics").expect("it answers").1;
    assert!(text.contains("rollcall_spans_dropped_total"), "{text}");
    let sent = collector.spans();
    let completions = sent.iter().filter(|seen| seen.name().starts_with("send "));
    assert_eq!(completions.count(), 1);
}

#[test]
fn a_collector_is_told_how_long_each_phase_of_opening_a_shard_took() {
    let (shop, collector) = (shop("opened"), Collector::start());
    let _worker = Worker::start_with(&shop, "w-1", &["--otlp-endpoint", &collector.url()]).ready();
    let opened = collector.has("open shard", 4);
    for seen in opened {
        let spans = collector.spans();
        let is_child = |child: &&Seen| child.parent() == Some(seen.traceparent());
        let children: Vec<_> = spans.iter().filter(is_child).collect();
        let names: Vec<_> = children.iter().map(|child| child.name()).collect();
        assert_eq!(names, ["fence", "locate", "restore"]);
        for child in children {
            assert!(seen.time()[0] <= child.time()[0] && child.time()[1] <= seen.time()[1]);
            assert_eq!(child.attributes()["rollcall.shard"], seen.attributes()["rollcall.shard"]);
        }
    }
}

#[test]
fn the_object_and_the_environment_say_where_spans_go_and_what_they_tell() {
    let collector = Collector::start();
    let mut shop = shop("asked");
    let secret = shop.path("otlp-headers");
    std::fs::write(&secret, "authorization=Bearer s3cret,x-tenant=blue\n").expect("a file");
    shop.set("tracing/endpoint", collector.url());
    shop.set("tracing/headersFile", secret.to_str().expect("UTF-8"));
    shop.set("tracing/includeKeys", true);
    let environment =
        ["env", "OTEL_SERVICE_NAME=shop", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment=test"];
    let state = shop.state_dir("w-1");
    let _worker = Worker::start_by(&environment, &shop, "w-1", &state).ready();
    let parent = sampled(9);
    complete(&shop, "a", &[("traceparent", &parent)]);
    let seen = span_of(&collector, &parent);
    assert_eq!(seen.attributes()["messaging.kafka.message.key"], "a");
    assert_eq!(seen.resource["service.name"], "shop");
    assert_eq!(seen.resource["deployment.environment"], "test");
    let requests = collector.requests();
    assert!(!requests.is_empty());
    for request in requests.iter() {
        assert_eq!(request.path, "/v1/traces");
        assert_eq!(request.headers["authorization"], "Bearer s3cret");
        assert_eq!(request.headers["x-tenant"], "blue");
        assert_eq!(request.headers["content-type"], "application/json");
    }
}

#[test]
fn the_last_spans_are_sent_when_a_worker_stops() {
    let (shop, collector) = (shop("last"), Collector::start());
    let mut worker =
        Worker::start_with(&shop, "w-1", &["--otlp-endpoint", &collector.url()]).ready();
    let parents: Vec<_> = (1..=50).map(sampled).collect();
    for (index, parent) in parents.iter().enumerate() {
        // Either record may complete its order.
        let (id, headers) = (index.to_string(), [("traceparent", &parent[..])]);
        shop.send(&shop.orders(), &id, &order(&id, &[1]), &headers);
        shop.send(&shop.manufactured(), &id, &made(&id, 1), &headers);
    }
    shop.settle();
    assert_eq!(worker.process.terminate().code(), Some(0));
    let mut spans = collector.spans();
    spans.retain(Seen::is_producer);
    assert_eq!(spans.len(), 50);
}

#[test]
fn a_collector_that_is_not_there_changes_nothing_but_the_count_of_dropped_spans() {
    let shop = shop("nobody");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let mut worker = Worker::start_with(&shop, "w-1", &["--otlp-endpoint", &nobody]).ready();
    let parents: Vec<_> = (1..=100).map(sampled).collect();
    for (index, parent) in parents.iter().enumerate() {
        let (id, headers) = (index.to_string(), [("traceparent", &parent[..])]);
        shop.send(&shop.orders(), &id, &order(&id, &[1]), &headers);
        shop.send(&shop.manufactured(), &id, &made(&id, 1), &headers);
    }
    shop.settle();
    assert_eq!(shop.shipped().len(), 100);
    for record in shop.shipped() {
        assert!(record.header("traceparent").starts_with(&format!("00-{TRACE}-")));
    }
    let dropped = eventually("spans are given up", WAIT_TIMEOUT, || {
        let text = worker.get("/metrics")?.1;
        let line = text.lines().find(|line| {
            line.starts_with("rollcall_spans_dropped_total") && line.contains("refused")
        })?;
        line.rsplit(' ').next()?.parse::<u64>().ok().filter(|count| *count > 0)
    });
    assert!(dropped > 0);
    worker.process.says(&["the collector does not take spans", "onnect"]);
    assert_eq!(worker.get("/readyz").map(|(status, _)| status), Some(200));
    assert_eq!(worker.process.terminate().code(), Some(0));
    assert_eq!(worker.process.count(&["the collector does not take spans"]), 1);
}

#[test]
fn an_endpoint_that_is_none_is_refused_at_once() {
    let shop = shop("wrong-endpoint");
    let mut worker = Worker::start_with(&shop, "w-1", &["--otlp-endpoint", "collector:4317"]);
    assert!(!worker.process.exit().success());
    worker.process.says(&["--otlp-endpoint", "http://otel-collector:4318"]);
}

#[test]
fn a_collector_behind_tls_is_trusted_by_its_authority_alone() {
    let (trusting, shop) = (shop("trusting"), shop("distrusting"));
    let dir = shop.path("certificates");
    std::fs::create_dir(&dir).expect("the directory is ours");
    make_certificates(&dir);
    let file = |name: &str| dir.join(name).to_str().expect("UTF-8").to_owned();
    let collector = Collector::start_with_tls(&file("broker.crt"), &file("broker.key"));
    let further = ["--otlp-endpoint", &collector.url()];
    let distrusting = Worker::start_with(&shop, "w-1", &further);
    distrusting.process.says(&["the collector does not take spans", "certificate verify failed"]);
    assert!(collector.spans().is_empty());
    let authority = format!("OTEL_EXPORTER_OTLP_CERTIFICATE={}", file("ca.crt"));
    let endpoint = format!("OTEL_EXPORTER_OTLP_ENDPOINT={}", collector.url());
    let state = trusting.state_dir("w-1");
    let environment = ["env", &authority, &endpoint];
    let _worker = Worker::start_by(&environment, &trusting, "w-1", &state).ready();
    collector.has("open shard", 4);
}
