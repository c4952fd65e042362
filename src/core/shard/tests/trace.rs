//! Tests of what completions and dead letters carry over from the records that caused them.

use super::*;
use crate::record::trace::{TraceParent, span_id};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const ALL: &str = r#"{"id":"a","items":[{"id":"1"},{"id":"2"}]}"#;
const LESS: &str = r#"{"id":"a","items":[{"id":"1"}]}"#;
const FIRST: &str = r#"{"orderId":"a","productId":"1"}"#;
const SECOND: &str = r#"{"orderId":"a","productId":"2"}"#;

fn headers(flags: &str) -> Vec<Header> {
    let header = |name: &str, text: String| (name.to_owned(), Some(text.into_bytes()));
    vec![
        header("tenant", "blue".to_owned()),
        header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-{flags}")),
        header("tracestate", "congo=t61rcWkgMzE".to_owned()),
    ]
}

/// Headers of a record that causes no output.
#[derive(Debug)]
struct Unasked;

impl Headers for Unasked {
    fn each(&self, _: &mut dyn FnMut(&str, Option<&[u8]>)) {
        panic!("asked for headers that nothing depends on");
    }
}

fn shard(span_seed: Option<u64>) -> Running<Memory> {
    open_plan(Plan { span_seed, ..plan(RULES, 1) }, &Kafka(vec![None, None]), &Memory::default())
}

/// A record's input, offset, value and headers.
type Given<'a> = (InputIndex, Offset, &'a str, &'a dyn Headers);

fn process(shard: &mut Running<Memory>, records: &[Given<'_>]) {
    for &(input, offset, value, headers) in records {
        let record = Record { headers: Some(headers), ..record(input, offset, 5, "a", value) };
        shard.process(&[record]).expect("processed");
    }
}

/// Commits what the shard holds and returns its only output.
fn only_output(shard: &mut Running<Memory>) -> Output {
    let mut outputs = commit(shard, 9).outputs;
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    outputs.remove(0)
}

fn trace_headers(parent: String) -> Vec<Header> {
    let state = headers("01").remove(2);
    vec![("traceparent".to_owned(), Some(parent.into_bytes())), state]
}

#[test]
fn whatever_record_completes_a_key_its_trace_goes_on() {
    let known = headers("01");
    let completing: [&[Given<'_>]; 3] = [
        // An observation, an expectation, an amendment.
        &[(0, 0, ALL, &Unasked), (1, 0, FIRST, &Unasked), (1, 1, SECOND, &known)],
        &[(1, 0, FIRST, &Unasked), (1, 1, SECOND, &Unasked), (0, 0, ALL, &known)],
        &[(1, 0, FIRST, &Unasked), (0, 0, ALL, &Unasked), (0, 1, LESS, &known)],
    ];
    for records in completing {
        let mut shard = shard(None);
        process(&mut shard, records);
        let completion = only_output(&mut shard);
        assert_eq!(completion.sink, Sink::Completed);
        let carried = completion.carried.expect("it carries its trace");
        let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
        assert_eq!(*carried, Carried { headers: trace_headers(parent), span: None });
    }
}

#[test]
fn where_spans_are_told_of_a_completion_is_a_span_of_its_records_trace() {
    let known = headers("01");
    let mut shard = shard(Some(7));
    process(&mut shard, &[(0, 0, ALL, &Unasked), (1, 0, FIRST, &Unasked), (1, 3, SECOND, &known)]);
    let carried = only_output(&mut shard).carried.expect("it carries its trace");
    let span = carried.span.expect("the trace is sampled");
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    assert_eq!(span.parent, TraceParent::parse(parent.as_bytes()).unwrap());
    assert_eq!(span.id, span_id(7, span.parent, (SHARD, 1, 3)));
    assert_eq!((span.input, span.offset, span.read_at_ms), (1, 3, 5));
    assert_eq!(carried.headers, trace_headers(format!("00-{TRACE}-{:016x}-01", span.id)));
}

#[test]
fn a_trace_that_is_not_sampled_is_passed_on_without_a_span() {
    let known = headers("00");
    let mut shard = shard(Some(7));
    process(&mut shard, &[(1, 0, FIRST, &Unasked), (0, 0, LESS, &known)]);
    let carried = only_output(&mut shard).carried.expect("it carries its trace");
    let parent = format!("00-{TRACE}-b7ad6b7169203331-00");
    assert_eq!(*carried, Carried { headers: trace_headers(parent), span: None });
}

#[test]
fn a_completion_of_a_record_without_a_trace_carries_nothing() {
    let broken = vec![("traceparent".to_owned(), Some(b"00-broken".to_vec()))];
    for headers in [broken, Vec::new()] {
        let mut shard = shard(Some(7));
        process(&mut shard, &[(1, 0, FIRST, &Unasked), (0, 0, LESS, &headers)]);
        assert_eq!(only_output(&mut shard).carried, None);
    }
}

#[test]
fn a_dead_letter_keeps_all_headers_of_its_record() {
    let known = headers("01");
    let mut shard = shard(Some(7));
    process(&mut shard, &[(1, 0, "{", &known)]);
    let letter = only_output(&mut shard);
    assert_eq!(letter.sink, Sink::DeadLetter);
    let carried = letter.carried.expect("it carries the record's headers");
    assert_eq!(*carried, Carried { headers: known, span: None });
}
