//! What is exported, and what happens when no collector listens.

use serde_json::{Value, json};

use super::{span::SpanEncoder, *};
use rollcall_core::{
    record::{Carried, Header, trace::TraceParent},
    shard::OpeningPhase,
};
use rollcall_object::Keys;

fn who() -> Who {
    Who {
        reconciliation: "shipping".to_owned(),
        group: "shipping-group".to_owned(),
        worker: "w-1".to_owned(),
        inputs: vec!["orders".to_owned(), "manufactured".to_owned()],
        completed: "shipped".to_owned(),
        completed_partitions: 4,
    }
}

fn completion(span: Option<Span>) -> Output {
    let header =
        |name: &str, text: &str| -> Header { (name.to_owned(), Some(text.as_bytes().to_vec())) };
    let headers = vec![header("traceparent", "00-1"), header("tracestate", "a=1")];
    Output {
        sink: Sink::Completed,
        key: Some(b"o-1".to_vec()),
        value: None,
        timestamp_ms: 1,
        headers: Vec::new(),
        carried: Some(Box::new(Carried { headers, span: span.map(Box::new) })),
    }
}

fn span() -> Span {
    let parent = TraceParent { trace_id: 0xabc, span_id: 0xdef, flags: 0x01 };
    Span { parent, id: 0x123, input: 1, offset: 42, read_at_ms: 1_700_000_000_000 }
}

/// Returns the events that the exporter receives from `tell`.
fn told(tell: impl FnOnce(&Tracer)) -> Vec<SpanEvent> {
    let (tracer, mut received) = Tracer::new(&Arc::default());
    tell(&tracer);
    std::iter::from_fn(|| received.try_recv().ok()).collect()
}

fn encoder(keys: Keys) -> SpanEncoder {
    SpanEncoder::new(who(), keys, |_| None)
}

fn attribute<'s>(about: &'s Value, name: &str) -> Option<&'s Value> {
    let attributes = about["attributes"].as_array().expect("attributes");
    let found = attributes.iter().find(|attribute| attribute["key"] == name)?;
    found["value"].as_object()?.values().next()
}

#[test]
fn a_completion_is_a_producers_span_below_its_record() {
    let mut outputs = [completion(Some(span())), completion(None)];
    let mut told = told(|tracer| tracer.committed(ShardId(3), &mut outputs));
    assert_eq!(told.len(), 1);
    let spans = encoder(Keys::Withheld).spans(told.remove(0));
    let [span] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(span["traceId"], "00000000000000000000000000000abc");
    assert_eq!(span["spanId"], "0000000000000123");
    assert_eq!(span["parentSpanId"], "0000000000000def");
    assert_eq!((&span["traceState"], &span["flags"]), (&json!("a=1"), &json!(0x301)));
    assert_eq!((&span["name"], &span["kind"]), (&json!("send shipped"), &json!(4)));
    assert_eq!(span["startTimeUnixNano"], "1700000000000000000");
    let ended: u64 = span["endTimeUnixNano"].as_str().expect("a text").parse().expect("a number");
    assert!(ended > 1_700_000_000_000_000_000);
    assert_eq!(attribute(span, "rollcall.source.topic"), Some(&json!("manufactured")));
    assert_eq!(attribute(span, "rollcall.source.offset"), Some(&json!("42")));
    assert_eq!(attribute(span, "rollcall.shard"), Some(&json!("3")));
    assert_eq!(attribute(span, "messaging.kafka.message.key"), None);
}

#[test]
fn keys_are_told_where_that_is_asked_for_and_only_there() {
    let named = |keys| {
        let mut outputs = [completion(Some(span()))];
        let told = told(|tracer| tracer.committed(ShardId(3), &mut outputs));
        let encoder = encoder(keys);
        let spans: Vec<_> = told.into_iter().flat_map(|told| encoder.spans(told)).collect();
        encoder.request(&spans).to_string().contains("o-1")
    };
    assert!(named(Keys::Told));
    assert!(!named(Keys::Withheld));
}

#[test]
fn a_shard_that_cannot_be_opened_says_in_which_phase() {
    let progress = Progress::default();
    progress.enter(OpeningPhase::Fence, 1_000);
    progress.enter(OpeningPhase::Locate, 3_000);
    let error = Some("no broker answers".to_owned());
    let mut told = told(|tracer| tracer.opened(ShardId(3), &progress, error));
    let spans = encoder(Keys::Withheld).spans(told.remove(0));
    let names: Vec<_> = spans.iter().map(|span| span["name"].clone()).collect();
    assert_eq!(names, ["open shard", "fence", "locate"]);
    let failed = json!({ "code": 2, "message": "no broker answers" });
    assert_eq!([&spans[0]["status"], &spans[2]["status"]], [&failed; 2]);
    assert_eq!(spans[1].get("status"), None);
    assert_eq!(spans[1]["endTimeUnixNano"], spans[2]["startTimeUnixNano"]);
    for child in &spans[1..] {
        assert_eq!(child["parentSpanId"], spans[0]["spanId"]);
        assert_eq!(child["traceId"], spans[0]["traceId"]);
    }
    assert_eq!(spans[0].get("parentSpanId"), None);
}

#[test]
fn the_environment_has_the_last_word_on_what_a_process_is_called() {
    let resource = |env: &[(&str, &str)]| {
        let env = |name: &str| {
            let found = env.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        SpanEncoder::new(who(), Keys::Withheld, env).request(&[])["resourceSpans"][0]["resource"]
            .clone()
    };
    let own = resource(&[]);
    assert_eq!(attribute(&own, "service.name"), Some(&json!("shipping")));
    assert_eq!(attribute(&own, "service.instance.id"), Some(&json!("w-1")));
    let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a, k = v ,nothing");
    let named = resource(&[attributes]);
    assert_eq!(attribute(&named, "service.name"), Some(&json!("a")));
    assert_eq!(attribute(&named, "k"), Some(&json!("v")));
    let named = resource(&[attributes, ("OTEL_SERVICE_NAME", "b")]);
    assert_eq!(attribute(&named, "service.name"), Some(&json!("b")));
}

#[test]
fn only_commits_that_fail_or_take_long_are_told_of() {
    let told = |took, error: Option<&str>| {
        told(|tracer| tracer.commit(ShardId(3), (1, 1), took, error.map(str::to_owned))).len()
    };
    assert_eq!(told(Duration::from_millis(20), None), 0);
    assert_eq!(told(Duration::from_millis(20), Some("fenced")), 1);
    assert_eq!(told(SLOW_COMMIT, None), 1);
}

#[test]
fn what_does_not_fit_into_the_queue_is_dropped_and_counted() {
    let figures = Arc::<Figures>::default();
    let (tracer, received) = Tracer::new(&figures);
    let mut outputs: Vec<_> = (0..QUEUE_MAX + 10).map(|_| completion(Some(span()))).collect();
    tracer.committed(ShardId(3), &mut outputs);
    assert_eq!(received.len(), QUEUE_MAX);
    assert_eq!(figures.overflowed(), 10);
    // When the worker stops, nobody receives events any more.
    drop(received);
    tracer.committed(ShardId(3), &mut [completion(Some(span()))]);
    assert_eq!(figures.overflowed(), 10);
}
