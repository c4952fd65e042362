//! Whether conditions hold for what was found.

use super::capture::Captured;
use super::collect::Scratch;
use super::decimal::{DIGITS_MAX, decimal};
use super::entry::{Found, Test};
use super::plan::Slot;
use super::walked::Walked;
use crate::codec::reason;
use crate::record::Headers;

pub(super) fn value_holds(slot: Slot, test: &Test, walked: &Walked<'_>, scratch: &Scratch) -> bool {
    match walked.at(slot) {
        Captured::Text(range) => test.holds(Found::Text(scratch.text_at(range))),
        Captured::Integer(magnitude, sign) => {
            test.holds(Found::Text(decimal(magnitude, sign, &mut [0; DIGITS_MAX])))
        }
        Captured::Boolean(value) => test.holds(Found::Text(if value { "true" } else { "false" })),
        Captured::Missing(_) | Captured::Astray(..) | Captured::Other(reason::Found::Null) => {
            test.holds(Found::Nothing)
        }
        Captured::Other(_) | Captured::Raw(_) => test.holds(Found::Other),
    }
}

pub(super) fn header_holds(name: &str, test: &Test, headers: Option<&dyn Headers>) -> bool {
    let mut holds = test.holds(Found::Nothing);
    if let Some(headers) = headers {
        headers.each(&mut |other, value| {
            if other == name {
                holds = test.holds(match value.map(std::str::from_utf8) {
                    None => Found::Nothing,
                    Some(Ok(text)) => Found::Text(text),
                    Some(Err(_)) => Found::Other,
                });
            }
        });
    }
    holds
}
