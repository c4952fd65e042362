//! Values that JSON has no type for, as text.

use std::fmt::Write as _;

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::de::Visitor;

use super::read::Reader;
use super::schema::{Type, Unit};
use crate::codec::base64;
use crate::codec::unfit::{Unfit, UnfitProblem};

/// Most bytes of a decimal, which has more digits than an item can have long before.
const DECIMAL_BYTES_MAX: usize = 1_024;

/// Passes a value to a visitor. Times that no calendar has stay numbers.
pub(super) fn visit<'de, V: Visitor<'de>>(
    of: &Type,
    reader: &mut Reader<'de>,
    visitor: V,
) -> Result<V::Value, Unfit> {
    let mut text = std::mem::take(&mut reader.text);
    text.clear();
    let number = match of {
        Type::Decimal { scale, size } => {
            let bytes = match size {
                Some(size) => reader.take(*size)?,
                None => reader.bytes()?,
            };
            if bytes.len() > DECIMAL_BYTES_MAX {
                return reader.fail(UnfitProblem::TooLarge);
            }
            push_decimal(bytes, *scale, &mut text);
            None
        }
        Type::Uuid => {
            push_uuid(reader.array()?, &mut text);
            None
        }
        Type::Date => Some(reader.int()?.into()),
        Type::Time(Unit::Millis) => Some(reader.int()?.into()),
        Type::Time(_) | Type::Instant(_) | Type::Local(_) => Some(reader.long()?),
        Type::Fixed(size) => {
            text.push_str(&base64::encode(reader.take(*size)?));
            None
        }
        _ => {
            text.push_str(&base64::encode(reader.bytes()?));
            None
        }
    };
    let visited = match number {
        Some(number) if push_time(of, number, &mut text).is_none() => visitor.visit_i64(number),
        _ => visitor.visit_str(&text),
    };
    reader.text = text;
    visited
}

/// Returns the text of a number that JSON cannot have, as Protobuf's JSON writes it.
pub(in crate::codec) fn not_finite(number: f64) -> &'static str {
    match number {
        _ if number.is_nan() => "NaN",
        _ if number > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

fn push_time(of: &Type, number: i64, text: &mut String) -> Option<()> {
    let unix = Date::constant(1970, 1, 1);
    match of {
        Type::Date => {
            let date = unix.checked_add(SignedDuration::from_hours(number * 24)).ok()?;
            write!(text, "{date}")
        }
        Type::Time(unit) => {
            let nanos = unit.nanos(number);
            let is_of_day = (0..86_400_000_000_000).contains(&nanos);
            let since = SignedDuration::from_nanos(i64::try_from(nanos).ok()?);
            write!(text, "{}", is_of_day.then(|| Time::midnight().wrapping_add(since))?)
        }
        Type::Local(unit) => {
            let instant = Timestamp::from_nanosecond(unit.nanos(number)).ok()?;
            write!(text, "{}", TimeZone::UTC.to_datetime(instant))
        }
        Type::Instant(unit) => {
            write!(text, "{}", Timestamp::from_nanosecond(unit.nanos(number)).ok()?)
        }
        _ => return None,
    }
    .expect("a String takes every text");
    Some(())
}

impl Unit {
    fn nanos(self, number: i64) -> i128 {
        let each = match self {
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        };
        i128::from(number) * each
    }
}

fn push_uuid(bytes: [u8; 16], text: &mut String) {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        write!(text, "{byte:02x}").expect("a String takes every text");
    }
}

/// Appends a big-endian two's-complement number with `scale` digits after the point.
fn push_decimal(bytes: &[u8], scale: usize, text: &mut String) {
    if is_negative(bytes) {
        text.push('-');
    }
    let digits = digits_of(bytes);
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    text.push_str(whole);
    if scale > 0 {
        text.push('.');
        text.push_str(fraction);
    }
}

fn is_negative(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first >= 0x80)
}

/// Returns the digits of the magnitude.
fn digits_of(bytes: &[u8]) -> String {
    let is_negative = is_negative(bytes);
    if bytes.len() <= 16 {
        let mut all = [if is_negative { 0xff } else { 0 }; 16];
        all[16 - bytes.len()..].copy_from_slice(bytes);
        return i128::from_be_bytes(all).unsigned_abs().to_string();
    }
    let mut magnitude: Vec<u8> =
        bytes.iter().map(|byte| if is_negative { !byte } else { *byte }).collect();
    if is_negative {
        for byte in magnitude.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
    }
    let mut digits = Vec::new();
    while magnitude.iter().any(|byte| *byte != 0) {
        let mut rest = 0_u32;
        for byte in &mut magnitude {
            let part = rest << 8 | u32::from(*byte);
            *byte = u8::try_from(part / 10).expect("the rest is below 10");
            rest = part % 10;
        }
        digits.push(char::from_digit(rest, 10).expect("it is one digit"));
    }
    if digits.is_empty() { "0".to_owned() } else { digits.iter().rev().collect() }
}
