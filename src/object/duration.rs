//! Durations in the object's notation: `100ms`, `72h`, `7d`, `1h30m`.
//!
//! `humantime`, which reads the durations of the command line, cannot read exactly this: it also
//! accepts spaces, fractions, `us`, `1y` and `1M` (months and years are not of one length), and
//! any of them would pass `rollcall validate` but not the API server, which has only [`PATTERN`] to
//! check. Restricting it to these six units first is the whole parser. It also writes `1h 30m`,
//! which the pattern refuses. A duration of the object means the same on the command line.

use std::fmt::Write;
use std::time::Duration;

/// The pattern of a duration, for the API server; [`parse`] accepts the same.
pub const PATTERN: &str = "^([0-9]+(ms|s|m|h|d|w))+$";

/// Milliseconds per unit, the largest first.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// Returns the duration that `text` stands for, or `None` when it is not a duration.
///
/// There are no months or years, because they differ in length.
pub fn parse(text: &str) -> Option<Duration> {
    let mut total_ms = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(unit_at);
        let next_at = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(next_at);
        let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let part_ms = number.parse::<u64>().ok()?.checked_mul(*unit_ms)?;
        total_ms = total_ms.checked_add(part_ms)?;
        rest = tail;
    }
    (!text.is_empty()).then(|| Duration::from_millis(total_ms))
}

/// Returns the shortest text that [`parse`] reads as `duration`; less than 1 ms is dropped.
pub fn format(duration: Duration) -> String {
    let mut rest_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    // Days are the largest unit that people expect to read back.
    for (unit, unit_ms) in &UNITS[1..] {
        let count = rest_ms / unit_ms;
        rest_ms %= unit_ms;
        if count > 0 {
            write!(text, "{count}{unit}").expect("a String takes every text");
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let read_ms: Vec<u128> = ["250ms", "90s", "15m", "72h", "7d", "2w", "1h30m", "1d12h5ms"]
            .iter()
            .map(|text| parse(text).expect("a duration").as_millis())
            .collect();
        assert_eq!(
            read_ms,
            [250, 90_000, 900_000, 259_200_000, 604_800_000, 1_209_600_000, 5_400_000, 129_600_005]
        );
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "7", "d", "7 d", "7D", "1.5h", "-1s", "1y", "1M", "99999999999999999999d"]
        {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_duration_of_the_object_means_the_same_on_the_command_line() {
        for (unit, _) in UNITS {
            for text in [format!("0{unit}"), format!("007{unit}"), format!("90{unit}1{unit}2s")] {
                assert_eq!(parse(&text), humantime::parse_duration(&text).ok(), "{text}");
            }
        }
        for text in ["1h 30m", "1.5h", "5us", "1y", "1M", "3 days", " 7d"] {
            humantime::parse_duration(text).expect("humantime takes it");
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_duration_reads_back_as_it_was_written() {
        for text in ["0s", "1ms", "100ms", "1m30s", "7d", "3650d"] {
            assert_eq!(format(parse(text).expect("a duration")), text);
        }
        assert_eq!(format(parse("72h").expect("a duration")), "3d");
    }
}
