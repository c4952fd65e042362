//! Tests of decoding: records of the order example and others.

mod counts;
mod deadlines;
mod entries;
mod envelopes;
mod expected;
mod formats;
mod fuzz;
mod ids;
mod keep;
mod key_formats;
mod lines;
mod observed;
mod paths;
mod property;
mod protobuf;
mod record_keys;
mod whole;

use std::sync::LazyLock;

use super::*;
use crate::codec::reason::Found;
use crate::codec::{Encoding, Path};
use crate::matching::{self, Expectation, ITEM_BYTES_MAX};

fn path(text: &str) -> Path {
    Path::parse(text).expect("a path")
}

fn at(text: &str) -> Items {
    Items::At(path(text))
}

fn item_at(text: &str) -> Item {
    Item::At(path(text))
}

fn decoder(entry: impl Into<Entry>, counting: Counting) -> Result<Decoder, InputError> {
    Decoder::new(&[entry.into()], counting, Limits::default())
}

/// Returns the event of a record without headers.
fn decode<'s>(
    input: &'s Decoder,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    scratch: &'s mut Scratch,
) -> Result<Event<'s>, Reason> {
    match input.decode(super::Input { key, value, headers: None }, scratch)? {
        Decoded::Event { entry: 0, event, kept: "" } => Ok(event),
        other => panic!("the topic has one entry for all records: {other:?}"),
    }
}

/// The expected topic of the order example.
fn orders() -> &'static Decoder {
    static ORDERS: LazyLock<Decoder> = LazyLock::new(|| {
        let (key, items) = (Some(path("$.id")), at("$.items[*].id"));
        let paths = ExpectedPaths { key, items, quantity: None };
        decoder(paths, Counting::Distinct).expect("paths that fit")
    });
    &ORDERS
}

/// The observed topic of the order example.
fn manufactured() -> &'static Decoder {
    static MANUFACTURED: LazyLock<Decoder> = LazyLock::new(|| {
        let (key, item) = (Some(path("$.orderId")), item_at("$.productId"));
        let paths = ObservedPaths { key, item, quantity: None, id: None, outcome: None };
        decoder(paths, Counting::Distinct).expect("paths that fit")
    });
    &MANUFACTURED
}

/// An expected topic without a key in its values.
fn listing(items: &str) -> Decoder {
    let paths = ExpectedPaths { key: None, items: at(items), quantity: None };
    decoder(paths, Counting::Distinct).expect("paths that fit")
}

fn counting(items: &str, quantity: Option<&str>) -> Decoder {
    let paths = ExpectedPaths { key: None, items: at(items), quantity: quantity.map(path) };
    decoder(paths, Counting::Quantity).expect("paths that fit")
}

/// Returns the needs in the record `o-1` with this value.
fn expectation(input: &Decoder, value: &str) -> Result<Vec<(String, u32)>, Reason> {
    let mut scratch = Scratch::default();
    match decode(input, Some(b"o-1"), Some(value.as_bytes()), &mut scratch)? {
        Event::Expectation(expectation) => Ok(needs(expectation.items)),
        other => panic!("not an expectation: {other:?}"),
    }
}

fn needs(items: &matching::Items) -> Vec<(String, u32)> {
    items
        .iter()
        .map(|item| {
            assert_eq!(item.have, 0);
            (item.text.to_owned(), item.need)
        })
        .collect()
}

fn each(items: &[&str]) -> Result<Vec<(String, u32)>, Reason> {
    Ok(items.iter().map(|item| ((*item).to_owned(), 1)).collect())
}

/// Returns the item and the quantity in the record `o-1` with this value.
fn observation(input: &Decoder, value: &str) -> Result<(String, u32), Reason> {
    let mut scratch = Scratch::default();
    match decode(input, Some(b"o-1"), Some(value.as_bytes()), &mut scratch)? {
        Event::Observation { item, quantity, .. } => Ok((item.to_owned(), quantity)),
        other => panic!("not an observation: {other:?}"),
    }
}

fn one(item: &str) -> Result<(String, u32), Reason> {
    Ok((item.to_owned(), 1))
}

fn missing<T>(path: &str) -> Result<T, Reason> {
    Err(Reason::MissingField { path: path.into() })
}

fn wrong<T>(path: &str, found: Found, needed: &'static str) -> Result<T, Reason> {
    Err(Reason::WrongType { path: path.into(), found, needed })
}
