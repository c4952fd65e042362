//! Instants in the object's notation: `2000-01-01T00:00:00Z`.

/// The pattern of an instant, for the API server; [`parse`] accepts the same, except for dates that
/// do not exist.
pub const PATTERN: &str =
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z$";

/// Returns the milliseconds since the epoch that `text` stands for, or `None` when it is not an
/// instant.
pub fn parse(text: &str) -> Option<i64> {
    // Only UTC: people in several time zones read it, and it should look the same to all of them.
    text.strip_suffix('Z').filter(|rest| rest.as_bytes().get(10) == Some(&b'T'))?;
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// Returns the text that [`parse`] reads as this instant.
pub fn format(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).unwrap_or(jiff::Timestamp::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_back_as_it_was_written() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("2000-01-01T00:00:00.001Z"), Some(946_684_800_001));
        for text in ["1970-01-01T00:00:00Z", "2000-01-01T00:00:00Z", "2024-02-29T23:59:59.5Z"] {
            assert_eq!(format(parse(text).expect("an instant")), text);
        }
    }

    #[test]
    fn what_is_no_instant_in_utc_is_refused() {
        let texts = ["", "2000", "2000-01-01", "2000-01-01T00:00:00", "2000-01-01 00:00:00Z"];
        let more = ["2000-01-01T00:00:00+01:00", "2000-13-01T00:00:00Z", "2023-02-29T00:00:00Z"];
        for text in texts.into_iter().chain(more) {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
