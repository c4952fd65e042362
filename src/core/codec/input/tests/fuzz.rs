//! Bytes that anyone may have written, changed at random: whatever they are, a decoder answers, and
//! its answer does not depend on what it has read before.
//!
//! Each test runs for `ROLLCALL_FUZZ_SECONDS`, one second unless it is set. A failure prints the
//! seed and the bytes; `ROLLCALL_FUZZ_SEED` replays it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::*;
use crate::codec::schemas::Lookup;
use crate::codec::{avro, base64, protobuf, schemas};
use crate::record::Header;

/// Inputs that gave an answer of a new kind are changed further, as many as this.
const KNOWN_MAX: usize = 2_000;
/// What a decoder may answer beyond a multiple of what it was given, in bytes.
const ANSWER_BYTES: usize = 1 << 20;

/// Parts of the formats that random bytes would seldom make.
const TOKENS: [&[u8]; 24] = [
    b"{\"",
    b"\":",
    b"[{",
    b"}]",
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"18446744073709551616",
    b"-9223372036854775808",
    b"0.1",
    b"\"\\ud800\"",
    b"\\u0000",
    b"\"id\":",
    b"\"payload\":",
    b"\"op\":\"d\",",
    b"\"items\":[",
    b"\"type\":\"record\"",
    b"\"union\"",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"\x00\x00\x00\x00\x07",
    b"\xc3\x28",
    b"\xef\xbb\xbf",
];

/// A source of changed inputs, which names its seed and the last input if the test fails.
struct Fuzz {
    seed: u64,
    rng: TestRng,
    known: Vec<Vec<u8>>,
    answers: BTreeSet<String>,
    last: Vec<u8>,
}

impl Fuzz {
    fn new(known: Vec<Vec<u8>>) -> Self {
        let given = std::env::var("ROLLCALL_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok());
        let now =
            || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").subsec_nanos();
        let seed = given.unwrap_or_else(|| u64::from(now()));
        let bytes = [seed.to_le_bytes(), (!seed).to_le_bytes()].concat();
        let rng = TestRng::from_seed(RngAlgorithm::XorShift, &bytes);
        Self { seed, rng, known, answers: BTreeSet::new(), last: Vec::new() }
    }

    /// Passes what is known, and then changed inputs, to `answer` for as long as the test may take.
    fn run(mut self, mut answer: impl FnMut(&[u8]) -> String) {
        for bytes in self.known.clone() {
            self.last = bytes;
            self.answers.insert(kind(&answer(&self.last)));
        }
        let seconds =
            std::env::var("ROLLCALL_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
        let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(1));
        while Instant::now() < end {
            self.change();
            let said = answer(&self.last);
            assert!(said.len() <= ANSWER_BYTES + 100 * self.last.len(), "{} bytes", said.len());
            if self.known.len() < KNOWN_MAX && self.answers.insert(kind(&said)) {
                self.known.push(self.last.clone());
            }
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.rng.next_u32() as usize % bound.max(1)
    }

    fn change(&mut self) {
        let from = self.below(self.known.len());
        let mut bytes = self.known[from].clone();
        // Mostly few and short changes, which leave the rest readable.
        let changes = 1 << self.below(3);
        for _ in 0..changes {
            let at = self.below(bytes.len() + 1);
            let length = 1 << self.below(7);
            let range = at..(at + self.below(length)).min(bytes.len());
            match self.below(8) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = self.rng.next_u32().to_le_bytes()[0],
                2 => bytes.truncate(at),
                3 => drop(bytes.drain(range)),
                4 if bytes.len() < 1 << 16 => {
                    let again = bytes[range].to_vec();
                    drop(bytes.splice(at..at, again));
                }
                5 => {
                    let token = TOKENS[self.below(TOKENS.len())];
                    drop(bytes.splice(at..at, token.iter().copied()));
                }
                6 => {
                    let token = TOKENS[self.below(TOKENS.len())];
                    drop(bytes.splice(range, token.iter().copied()));
                }
                _ => {
                    let other = self.below(self.known.len());
                    let other = &self.known[other];
                    let part = &other[at.min(other.len())..];
                    drop(bytes.splice(range, part.iter().copied()));
                }
            }
        }
        self.last = bytes;
    }
}

/// An answer without its numbers and texts, which would make each of them a new one.
fn kind(answer: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphabetic() || b"-:({[,]})".contains(&byte);
    answer.split_ascii_whitespace().filter(|word| word.bytes().all(is_plain)).take(40).collect()
}

impl Drop for Fuzz {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (text, seed) = (String::from_utf8_lossy(&self.last), self.seed);
            eprintln!(
                "ROLLCALL_FUZZ_SEED={seed}: {} in base64: {text}",
                base64::encode(&self.last)
            );
        }
    }
}

/// Compares what a decoder with a used scratch answers with what one with a fresh scratch does.
fn answers(topic: &Decoder, record: super::super::Input<'_>, scratch: &mut Scratch) -> String {
    let said = |decoded: Result<Decoded<'_>, Reason>| match decoded {
        Ok(decoded) => format!("{decoded:?}"),
        Err(reason) => format!("{}: {reason}", reason.name()),
    };
    let used = said(topic.decode(record, scratch));
    assert_eq!(used, said(topic.decode(record, &mut Scratch::default())));
    used
}

/// A record with this value, which has the header of a CloudEvent.
fn of_value(value: &[u8]) -> super::super::Input<'_> {
    static HEADERS: LazyLock<Vec<Header>> = LazyLock::new(|| {
        vec![("content-type".to_owned(), Some(b"application/cloudevents+json".to_vec()))]
    });
    super::super::Input { key: Some(b"o-1"), value: Some(value), headers: Some(&*HEADERS) }
}

fn keep(name: &str, at: &str) -> Keep {
    Keep { name: name.to_owned(), path: path(at) }
}

fn is(at: &str, text: &str) -> Condition {
    Condition { of: Subject::Path(path(at)), test: Test::In(vec![text.to_owned()]) }
}

/// Topics that use the whole language between them.
fn topics() -> Vec<Decoder> {
    let promised = |at: &str, unit| DeadlineAt { path: path(at), unit, zone: TimeZone::UTC };
    let texts = |text: &str| vec![text.to_owned()];
    let listed = |envelope| Entry {
        envelope,
        keep: vec![keep("all", "$"), keep("first", "$.items[0]"), keep("x", "$.x")],
        deadlines: DeadlinePaths {
            overdue: Some(promised("$.until", Unit::Millis)),
            expire: Some(promised("$.ends", Unit::Seconds)),
        },
        conditions: vec![is("$.state", "OK")],
        ..ExpectedPaths {
            key: Some(path("$.id")),
            items: at("$.items[*].id"),
            quantity: Some(path("$.items[*].n")),
        }
        .into()
    };
    let seen = |envelope| Entry {
        envelope,
        keep: vec![keep("x", "$.x")],
        ..ObservedPaths {
            key: Some(path("$.id")),
            item: item_at("$.x"),
            quantity: Some(path("$.n")),
            id: Some(path("$.event")),
            outcome: Some(OutcomeAt {
                path: path("$.state"),
                arrived: texts("OK"),
                failed: texts("NO"),
                withdrawn: texts("-0"),
            }),
        }
        .into()
    };
    let counted = ExpectedPaths { key: None, items: Items::Count(path("$.n")), quantity: None };
    let lines = ExpectedPaths {
        key: Some(path("$.id")),
        items: Items::OneByOne(path("$.x"), End::Last(path("$.last"), vec!["true".to_owned()])),
        quantity: None,
    };
    let topic = |entries: &[Entry]| {
        Decoder::new(entries, Counting::Quantity, Limits::default()).expect("paths that fit")
    };
    let envelopes = [Envelope::Debezium, Envelope::CloudEvents, Envelope::Connect].map(Some);
    let mut topics = vec![topic(&[counted.into()]), topic(&[lines.into()])];
    for envelope in std::iter::once(None).chain(envelopes) {
        topics.push(topic(&[listed(envelope), seen(envelope)]));
    }
    topics
}

/// Values of those topics.
fn values() -> Vec<String> {
    let order = r#"{"id":"o-1","state":"OK","until":1772366400000,"ends":1772366400,
        "x":{"a":[1.5,null]},"n":3,"items":[{"id":1,"n":2},{"id":"two","n":1},{"id":1,"n":1}]}"#;
    let product = r#"{"id":"o-1","state":"NO","x":"ü \" 😀","n":1,"event":"e-1","last":true}"#;
    let mut values = vec![order.to_owned(), product.to_owned(), "7".to_owned(), "[]".to_owned()];
    for row in [order, product] {
        values.extend([
            format!(r#"{{"before":null,"after":{row},"source":{{"table":"t"}},"op":"c"}}"#),
            format!(r#"{{"before":{row},"after":null,"source":{{"table":"t"}},"op":"d"}}"#),
            format!(r#"{{"specversion":"1.0","id":"e","source":"/s","type":"t","data":{row}}}"#),
            format!(r#"{{"schema":{{"type":"struct"}},"payload":{row}}}"#),
            format!(r#"{{"schema":{{}},"payload":{{"after":{row},"before":{row},"op":"u"}}}}"#),
        ]);
    }
    values
}

#[test]
fn any_value_in_json_has_an_answer() {
    let (topics, mut scratch) = (topics(), Scratch::default());
    let values: Vec<_> = values().into_iter().map(String::into_bytes).collect();
    for topic in &topics {
        let said = values.iter().map(|value| answers(topic, of_value(value), &mut scratch));
        let said: Vec<_> = said.collect();
        for entry in 0..topic.entries.len() {
            let takes = format!("Event {{ entry: {entry}");
            assert!(said.iter().any(|said| said.starts_with(&takes)), "{takes}? {said:#?}");
        }
    }
    Fuzz::new(values).run(|value| {
        let mut said = topics.iter().map(|topic| answers(topic, of_value(value), &mut scratch));
        let first = said.next().expect("a topic");
        said.fold(first, |all, one| all + " " + &one)
    });
}

#[test]
fn any_value_in_avro_has_an_answer() {
    let mut values: Vec<(schemas::Schema, Vec<u8>)> =
        values().iter().map(|value| super::formats::avro(value)).collect();
    for schema in [
        r#"{"type":"record","name":"R","fields":[
            {"name":"id","type":["null","string"]},
            {"name":"x","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
            {"name":"until","type":{"type":"long","logicalType":"timestamp-micros"}},
            {"name":"n","type":"int"},
            {"name":"state","type":{"type":"enum","name":"S","symbols":["OK","NO"]}},
            {"name":"items","type":{"type":"map","values":["null","R","double"]}}]}"#,
        r#"{"type":"array","items":{"type":"fixed","name":"F","size":12,
            "logicalType":"duration"}}"#,
        r#"{"type":"map","values":{"type":"array","items":["null","boolean","float",
            {"type":"int","logicalType":"date"},{"type":"string","logicalType":"uuid"}]}}"#,
    ] {
        let schema = avro::Schema::parse(schema, &[]).expect("a schema");
        values.push((schema.into(), vec![2, 6, 0x6f, 0x2d, 0x31, 2, 1, 0, 2, 0, 0]));
    }
    let topics: Vec<Decoder> = topics()
        .iter()
        .flat_map(|topic| values.iter().map(|(schema, _)| (topic.clone(), schema.clone())))
        .map(|(topic, schema)| topic.reading(Format::Avro(Source::Given(schema))))
        .collect();
    let mut scratch = Scratch::default();
    let mut next = topics.iter().cycle();
    Fuzz::new(values.into_iter().map(|(_, bytes)| bytes).collect())
        .run(|value| answers(next.next().expect("a topic"), of_value(value), &mut scratch));
}

#[test]
fn any_schema_of_avro_has_an_answer_and_so_have_values_by_it() {
    let schemas = [
        r#"{"type":"record","name":"a.R","aliases":["Q"],"fields":[{"name":"r","type":["null","R"],
            "default":null},{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}},
            {"name":"f","type":{"type":"fixed","name":"F","size":16}},{"name":"g","type":"F"}]}"#,
        r#"{"type":"map","values":{"type":"array","items":{"type":"bytes",
            "logicalType":"decimal","precision":4,"scale":2}}}"#,
        r#"["null","long",{"type":"long","logicalType":"timestamp-millis"},"string"]"#,
    ];
    let value: Vec<u8> = [2, 0x80, 1, 2, 4, 0, 6, 0x61, 0x62, 0x63].repeat(20);
    Fuzz::new(schemas.map(|schema| schema.as_bytes().to_vec()).into()).run(|text| {
        let schema = match avro::Schema::parse(&String::from_utf8_lossy(text), &[]) {
            Ok(schema) => schema,
            Err(error) => return error.to_string(),
        };
        let mut document = avro::Document::new(&schema, &value);
        let read = serde_json::Value::deserialize(&mut document).map(|value| value.to_string());
        let mut document = avro::Document::new(&schema, &value);
        let skipped = IgnoredAny::deserialize(&mut document);
        format!("{read:?} {skipped:?}")
    });
}

#[test]
fn any_value_in_protobuf_has_an_answer() {
    let given = Format::Protobuf(Source::Given(super::protobuf::ANY.clone().into()));
    let named = super::formats::named(|_| Lookup::Known(super::protobuf::ANY.clone().into()));
    let Format::Avro(named) = named else { unreachable!("it is the format of this registry") };
    let (given, named): (Vec<Decoder>, Vec<Decoder>) = topics()
        .into_iter()
        .map(|topic| {
            let named = Format::Protobuf(named.clone());
            (topic.clone().reading(given.clone()), topic.reading(named))
        })
        .unzip();
    let (mut next, mut scratch) = (given.iter().chain(&named).cycle(), Scratch::default());
    let plain =
        |value: String| super::protobuf::encode(&serde_json::from_str(&value).expect("a document"));
    let known = values().into_iter().map(plain).flat_map(|value| {
        let named = [&[0, 0, 0, 0, 7, 0][..], &value].concat();
        [value, named]
    });
    Fuzz::new(known.collect())
        .run(|value| answers(next.next().expect("a topic"), of_value(value), &mut scratch));
}

#[test]
fn any_descriptor_of_protobuf_has_an_answer_and_so_have_values_by_it() {
    let set = protobuf::tests::SET.clone();
    let value: Vec<u8> = (1..60_u8).flat_map(|at| [at << 3, 2, at << 3 | 2, 1, 8]).collect();
    Fuzz::new(vec![set]).run(|set| match protobuf::Schema::of_set(set, "shop.v1.All") {
        Ok(Some(schema)) => {
            let mut read = protobuf::Document::new(&schema, &protobuf::Indexes::first(), &value);
            let read = read.as_mut().map(|document| {
                serde_json::Value::deserialize(document).map(|value| value.to_string())
            });
            format!("{read:?}")
        }
        Ok(None) => "no such message".to_owned(),
        Err(error) => error.to_string(),
    });
}

#[test]
fn any_record_key_and_any_id_of_a_schema_has_an_answer() {
    let paths = ObservedPaths {
        key: Some(path("$.id")),
        item: item_at("$.x"),
        quantity: None,
        id: None,
        outcome: None,
    };
    let entry = Entry { record_key: Some(path("$.payload.id")), ..paths.into() };
    let by_key = decoder(entry, Counting::Distinct).expect("a fit");
    let by_id = orders().clone().reading(Format::JsonSchema);
    let (keys, mut scratch) = (
        [r#"{"schema":null,"payload":{"id":"o-1"}}"#, r#"{"payload":{"id":7}}"#, "\0\0\0\0\x07{}"],
        Scratch::default(),
    );
    Fuzz::new(keys.map(|key| key.as_bytes().to_vec()).into()).run(|bytes| {
        let value = Some(&br#"{"id":"o-1","x":7}"#[..]);
        let record = super::super::Input { key: Some(bytes), value, headers: None };
        let by_key = answers(&by_key, record, &mut scratch);
        let headers: Vec<Header> = vec![(SCHEMA_ID_HEADER.to_owned(), Some(bytes.to_vec()))];
        let record = super::super::Input { headers: Some(&headers), ..of_value(b"{}") };
        let by_header = answers(&by_id, record, &mut scratch);
        by_key + " " + &by_header + " " + &answers(&by_id, of_value(bytes), &mut scratch)
    });
}
