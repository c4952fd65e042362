//! Guesses what a value that cannot be parsed was meant to be.

use super::{bytes, duration, instant};

/// Words that people use for units of time, in lower case.
const TIME_WORDS: [(&str, &[&str]); 6] = [
    ("ms", &["msec", "msecs", "millis", "millisecond", "milliseconds"]),
    ("s", &["sec", "secs", "second", "seconds"]),
    ("m", &["min", "mins", "minute", "minutes"]),
    ("h", &["hr", "hrs", "hour", "hours"]),
    ("d", &["day", "days"]),
    ("w", &["week", "weeks"]),
];
const BYTE_UNITS: [&str; 8] = ["Ki", "Mi", "Gi", "Ti", "k", "M", "G", "T"];

/// Returns how to write the duration that `text` was probably meant to be.
pub fn duration(text: &str) -> String {
    let plain: String = text.to_lowercase().split_whitespace().collect();
    if !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_digit()) {
        let n = plain.trim_start_matches('0');
        let n = if n.is_empty() { "0" } else { n };
        return format!(
            "write {n}s for seconds, {n}m for minutes, {n}h for hours or {n}d for days; ms and w \
             are units, too"
        );
    }
    // ISO 8601 notation.
    let parts = plain.strip_prefix('p').unwrap_or(&plain).replace('t', "");
    let written = [with_units(&plain), with_units(&parts)].into_iter();
    let meant = written.flatten().find(|meant| duration::parse(meant).is_some());
    meant.map_or_else(
        || "write whole numbers with ms, s, m, h, d or w, such as 90s, 1h30m or 7d".to_owned(),
        |meant| format!("write {meant}"),
    )
}

/// Returns `text` with words for units replaced by units; `None` if a word is not known.
fn with_units(text: &str) -> Option<String> {
    let mut meant = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(unit_at);
        let next_at = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (word, tail) = tail.split_at(next_at);
        let (unit, _) =
            TIME_WORDS.iter().find(|(unit, words)| *unit == word || words.contains(&word))?;
        meant = meant + number + unit;
        rest = tail;
    }
    Some(meant)
}

/// Returns how to write the amount of bytes that `text` was probably meant to be.
pub(super) fn bytes(text: &str) -> String {
    let plain: String = text.split_whitespace().collect();
    let unit_at = plain.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(plain.len());
    let (number, word) = plain.split_at(unit_at);
    let word = word.strip_suffix(['B', 'b']).unwrap_or(word);
    let unit = BYTE_UNITS.iter().find(|unit| unit.eq_ignore_ascii_case(word));
    let meant = match (word, unit) {
        ("", _) => Some(number.to_owned()),
        (_, unit) => unit.map(|unit| format!("{number}{unit}")),
    };
    meant.filter(|meant| bytes::parse(meant).is_some()).map_or_else(
        || "write it as Kubernetes does, such as 512Ki, 64Mi or 1048576".to_owned(),
        |meant| format!("write {meant}"),
    )
}

/// Returns how to write the instant that `text` was probably meant to be.
pub fn instant(text: &str) -> String {
    let text = text.trim();
    let day_only = format!("{text}T00:00:00Z");
    let in_utc = format!("{}Z", text.replacen(' ', "T", 1));
    let meant = [day_only, in_utc].into_iter().find_map(|meant| instant::parse(&meant));
    // With another offset it is a valid instant, only not in UTC.
    let meant = meant.or_else(|| Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()));
    meant.map_or_else(
        || "write it as RFC 3339 in UTC, such as 2000-01-01T00:00:00Z".to_owned(),
        |meant| format!("write {}", instant::format(meant)),
    )
}

/// What to write if an object does not say what a key needs.
pub(super) const NEEDS: &str = "write items: with the JSON path of what a key needs, such as \
     $.items[*].id, count: with the path of how many that are, or item: and total: if each record \
     lists one";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_becomes_a_duration_by_a_unit() {
        assert_eq!(
            duration("20"),
            "write 20s for seconds, 20m for minutes, 20h for hours or 20d for days; ms and w are \
             units, too"
        );
        for (text, meant) in [
            ("7 days", "7d"),
            ("1 hour 30 minutes", "1h30m"),
            ("72H", "72h"),
            ("PT72H", "72h"),
            ("P7D", "7d"),
            ("5 Min", "5m"),
            ("100 msec", "100ms"),
        ] {
            assert_eq!(duration(text), format!("write {meant}"), "{text}");
        }
        for text in ["", "soon", "1.5h", "-1s", "1 month", "1y", "d", "pt"] {
            assert!(duration(text).contains("whole numbers"), "{text}: {}", duration(text));
        }
    }

    #[test]
    fn an_amount_of_bytes_is_written_as_kubernetes_does() {
        for (text, meant) in [
            ("512KiB", "512Ki"),
            ("64 MB", "64M"),
            ("10g", "10G"),
            ("1.5 gib", "1.5Gi"),
            ("7B", "7"),
        ] {
            assert_eq!(bytes(text), format!("write {meant}"), "{text}");
        }
        for text in ["", "many", "-1", "1e3", "KiB"] {
            assert!(bytes(text).contains("as Kubernetes does"), "{text}");
        }
    }

    #[test]
    fn an_instant_is_written_in_utc() {
        for (text, meant) in [
            ("2000-01-01", "2000-01-01T00:00:00Z"),
            ("2000-01-01 12:00:00", "2000-01-01T12:00:00Z"),
            ("2000-01-01T12:00:00", "2000-01-01T12:00:00Z"),
            ("2000-01-01T12:00:00+01:00", "2000-01-01T11:00:00Z"),
        ] {
            assert_eq!(instant(text), format!("write {meant}"), "{text}");
        }
        assert!(instant("yesterday").contains("RFC 3339"));
        assert!(instant("2000").contains("RFC 3339"));
    }
}
