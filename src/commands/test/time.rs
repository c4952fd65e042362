//! The times of a case: absolute, or relative to its start.

use rollcall_core::record::{Timestamp, millis};
use rollcall_object::{duration, suggest};

/// When a case starts that says nothing else: 2025-01-01T00:00:00Z.
pub const START_MS: Timestamp = 1_735_689_600_000;
/// The end of the year 9999, which RFC 3339 can still write.
const LAST_MS: Timestamp = 253_402_300_799_999;

/// What is wrong, and how to fix it.
pub type Refusal = (String, String);

/// Reads an instant, in UTC.
///
/// # Errors
/// How to write it.
pub fn instant(text: &str) -> Result<Timestamp, Refusal> {
    let at = text.strip_suffix('Z').and_then(|_| text.parse::<jiff::Timestamp>().ok());
    match at.map(jiff::Timestamp::as_millisecond) {
        Some(at_ms) if at_ms < 0 => {
            let message = format!("\"{text}\" is before 1970");
            Err((message, "write a later time".to_owned()))
        }
        Some(at_ms) => Ok(at_ms),
        None => Err((format!("\"{text}\" is no time"), suggest::instant(text))),
    }
}

/// Returns the text that [`instant`] reads as this time.
pub fn format(at_ms: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at_ms).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// Reads a time: an instant, or a duration from the start of the case, such as `+1h`.
///
/// # Errors
/// How to write it.
pub fn time(text: &str, start_ms: Timestamp) -> Result<Timestamp, Refusal> {
    let at_ms = match text.strip_prefix('+') {
        Some(after) => match duration::parse(after) {
            Some(after) => start_ms.saturating_add(millis(after)),
            None => {
                let message = format!("\"{text}\" is no time after the start of the case");
                let remedy = meant(after).unwrap_or_else(|| suggest::duration(after));
                return Err((message, remedy));
            }
        },
        None => instant(text).map_err(|(message, remedy)| match meant(text) {
            Some(meant) => (message, format!("{meant}, to count from the start of the case")),
            None => (message, remedy),
        })?,
    };
    if at_ms > LAST_MS {
        let message = format!("\"{text}\" is after the year 9999");
        return Err((message, "write an earlier time".to_owned()));
    }
    Ok(at_ms)
}

/// Returns how to write what is a duration, or was probably meant to be one.
fn meant(text: &str) -> Option<String> {
    if duration::parse(text).is_some() {
        return Some(format!("write +{text}"));
    }
    let remedy = suggest::duration(text);
    let meant = remedy.strip_prefix("write ")?;
    meant.starts_with(|c: char| c.is_ascii_digit()).then(|| format!("write +{meant}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_relative_to_the_start() {
        assert_eq!(instant("2025-01-01T00:00:00Z"), Ok(START_MS));
        assert_eq!(time("2025-01-01T00:00:01.5Z", 7), Ok(START_MS + 1_500));
        assert_eq!(time("+1h30m", 7), Ok(7 + 5_400_000));
        assert_eq!(time("+0s", 7), Ok(7));
    }

    #[test]
    fn what_is_no_time_is_refused_with_a_remedy() {
        for (text, remedy) in [
            ("1h", "write +1h, to count from the start of the case"),
            ("3 hours", "write +3h, to count from"),
            ("+2 hours", "write +2h"),
            ("+1.5h", "write whole numbers"),
            ("2025-01-01", "write 2025-01-01T00:00:00Z"),
            ("2025-01-01T01:00:00+01:00", "write 2025-01-01T00:00:00Z"),
            ("soon", "RFC 3339"),
            ("1960-01-01T00:00:00Z", "write a later time"),
            ("+9999999w", "write an earlier time"),
        ] {
            let (_, told) = time(text, START_MS).expect_err(text);
            assert!(told.contains(remedy), "{text}: {told}");
        }
    }
}
