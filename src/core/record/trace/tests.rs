//! Valid and invalid trace contexts.

use super::*;

const PLAIN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn context(headers: &[(&str, &str)]) -> Option<TraceContext> {
    let header =
        |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).as_bytes().to_vec()));
    TraceContext::of(&headers.iter().map(header).collect::<Vec<_>>())
}

fn carried(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    let text =
        |(name, value): Header| (name, String::from_utf8(value.expect("a value")).expect("text"));
    context(headers)
        .map(|context| context.headers())
        .unwrap_or_default()
        .into_iter()
        .map(text)
        .collect()
}

#[test]
fn a_context_is_read_as_it_was_written() {
    let parent = TraceParent::parse(PLAIN.as_bytes()).expect("it is well formed");
    assert_eq!(parent.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    assert_eq!(parent.span_id, 0xb7ad_6b71_6920_3331);
    assert!(parent.is_sampled());
    assert_eq!(parent.to_string(), PLAIN);
    let unsampled = PLAIN.replace("-01", "-00");
    assert!(!TraceParent::parse(unsampled.as_bytes()).expect("it is well formed").is_sampled());
}

#[test]
fn what_is_malformed_is_no_context() {
    let zero_trace = format!("00-{:032x}-b7ad6b7169203331-01", 0);
    let zero_span = format!("00-0af7651916cd43dd8448eb211c80319c-{:016x}-01", 0);
    let wrong = [
        "",
        "00",
        "not a context",
        &PLAIN.to_uppercase(),
        &PLAIN.replace("00-", "ff-"),
        &PLAIN.replace("00-", "0-"),
        &format!("{PLAIN}-more"),
        &format!(" {PLAIN}"),
        &format!("{PLAIN} "),
        &PLAIN[..54],
        &PLAIN.replace('-', "_"),
        &PLAIN.replace("0af7", "+af7"),
        &zero_trace,
        &zero_span,
    ];
    for text in wrong {
        assert_eq!(TraceParent::parse(text.as_bytes()), None, "{text:?}");
        assert!(carried(&[("traceparent", text), ("tracestate", "a=1")]).is_empty(), "{text:?}");
    }
    assert_eq!(TraceParent::parse(&[0xff; 55]), None);
    assert!(carried(&[("tracestate", "a=1"), ("Traceparent", PLAIN)]).is_empty());
}

#[test]
fn a_later_version_is_passed_on_as_it_came_and_understood_as_far_as_it_is_known() {
    let later = PLAIN.replace("00-", "cc-").replace("-01", "-ff") + "-what-the-future-holds";
    assert_eq!(carried(&[("traceparent", &later)]), [("traceparent".to_owned(), later.clone())]);
    let context = context(&[("traceparent", &later)]).expect("a later version is one");
    let child = &context.headers_of_child(7)[0];
    let expected = "00-0af7651916cd43dd8448eb211c80319c-0000000000000007-03";
    assert_eq!(child.1.as_deref(), Some(expected.as_bytes()));
    assert_eq!(TraceParent::parse(format!("{}x", PLAIN.replace("00-", "cc-")).as_bytes()), None);
}

#[test]
fn the_state_goes_along_and_is_dropped_alone_where_it_is_malformed() {
    let parent = ("traceparent".to_owned(), PLAIN.to_owned());
    let all = |state: &str| carried(&[("traceparent", PLAIN), ("tracestate", state)]);
    for state in ["a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "t@v=x y, ,b_-*/=~"] {
        let state_header = ("tracestate".to_owned(), state.to_owned());
        assert_eq!(all(state), [parent.clone(), state_header]);
    }
    let many: Vec<String> = (0..33).map(|index| format!("k{index}=1")).collect();
    let long = format!("a={}", "x".repeat(511));
    for state in
        ["", ",", "a", "=1", "a=", "A=1", "a=b=c", "a=\u{7}", "ä=1", &many.join(","), &long]
    {
        assert_eq!(all(state), std::slice::from_ref(&parent), "{state:?}");
    }
}

#[test]
fn of_a_header_that_comes_twice_the_last_one_counts() {
    let last = PLAIN.replace("3331", "3332");
    let twice = [("traceparent", PLAIN), ("x", "y"), ("traceparent", &last)];
    assert_eq!(carried(&twice), [("traceparent".to_owned(), last.clone())]);
    assert!(carried(&[("traceparent", PLAIN), ("traceparent", "broken")]).is_empty());
    let null = vec![
        ("traceparent".to_owned(), Some(PLAIN.as_bytes().to_vec())),
        ("traceparent".to_owned(), None),
    ];
    assert_eq!(TraceContext::of(&null), None);
}

#[test]
fn the_id_of_a_span_is_that_of_its_record_alone() {
    let parent = TraceParent::parse(PLAIN.as_bytes()).expect("it is well formed");
    let at = (ShardId(1), 0, 7);
    let id = span_id(span_seed("shipping"), parent, at);
    assert_eq!(id, span_id(span_seed("shipping"), parent, at));
    let others = [
        span_id(span_seed("billing"), parent, at),
        span_id(span_seed("shipping"), parent.child(1), at),
        span_id(span_seed("shipping"), parent, (ShardId(2), 0, 7)),
        span_id(span_seed("shipping"), parent, (ShardId(1), 1, 7)),
        span_id(span_seed("shipping"), parent, (ShardId(1), 0, 8)),
    ];
    assert!(others.iter().all(|other| *other != id));
}
