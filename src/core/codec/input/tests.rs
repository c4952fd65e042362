//! Tests of decoding: records of the order example and others.

mod expected;
mod observed;
mod paths;
mod property;

use super::*;
use crate::codec::reason::Found;
use crate::matching::{ITEM_BYTES_MAX, Items};

fn path(text: &str) -> Path {
    Path::parse(text).expect("a path")
}

/// The expected topic of the order example.
fn orders() -> Decoder {
    let paths =
        ExpectedPaths { key: Some(path("$.id")), items: path("$.items[*].id"), quantity: None };
    Decoder::expected(&paths, Counting::Distinct, Limits::default()).expect("paths that fit")
}

/// The observed topic of the order example.
fn manufactured() -> Decoder {
    let paths =
        ObservedPaths { key: Some(path("$.orderId")), item: path("$.productId"), quantity: None };
    Decoder::observed(&paths, Counting::Distinct, Limits::default()).expect("paths that fit")
}

/// An expected topic without a key in its values.
fn listing(items: &str) -> Decoder {
    let paths = ExpectedPaths { key: None, items: path(items), quantity: None };
    Decoder::expected(&paths, Counting::Distinct, Limits::default()).expect("paths that fit")
}

fn counting(items: &str, quantity: Option<&str>) -> Decoder {
    let paths = ExpectedPaths { key: None, items: path(items), quantity: quantity.map(path) };
    Decoder::expected(&paths, Counting::Quantity, Limits::default()).expect("paths that fit")
}

/// Returns the needs in the record `o-1` with this value.
fn expectation(input: &Decoder, value: &str) -> Result<Vec<(String, u32)>, Reason> {
    let mut scratch = Scratch::default();
    match input.decode(Some(b"o-1"), Some(value.as_bytes()), &mut scratch)? {
        Event::Expectation(items) => Ok(needs(items)),
        other => panic!("not an expectation: {other:?}"),
    }
}

fn needs(items: &Items) -> Vec<(String, u32)> {
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
    match input.decode(Some(b"o-1"), Some(value.as_bytes()), &mut scratch)? {
        Event::Observation { item, quantity } => Ok((item.to_owned(), quantity)),
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
