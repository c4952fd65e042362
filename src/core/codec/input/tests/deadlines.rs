//! Deadlines that expectations name.

use jiff::tz::TimeZone;

use super::*;
use crate::matching::Deadlines;

fn at(unit: Unit, zone: &str) -> DeadlineAt {
    let zone = TimeZone::get(zone).expect("it is in the database");
    DeadlineAt { path: path("$.promised.at"), unit, zone }
}

/// Returns the deadlines of an expectation with this value at `$.promised`, or the reason's name.
fn read(deadline: DeadlineAt, promised: &str) -> Result<Option<i64>, &'static str> {
    let expire = DeadlineAt { path: path("$.until"), ..deadline.clone() };
    let paths = DeadlinePaths { overdue: Some(deadline), expire: Some(expire) };
    let items = Items::Fixed(vec!["parcel".to_owned()]);
    let entry =
        Entry { deadlines: paths, ..ExpectedPaths { key: None, items, quantity: None }.into() };
    let input = Decoder::new(&[entry], Counting::Distinct, Limits::default()).expect("they fit");
    let (value, mut scratch) = (format!("{{\"promised\":{promised}}}"), Scratch::default());
    match decode(&input, Some(b"o-1"), Some(value.as_bytes()), &mut scratch) {
        Ok(Event::Expectation(Expectation { deadlines, .. })) => {
            assert_eq!(deadlines.expire, None);
            Ok(deadlines.overdue)
        }
        Ok(other) => panic!("no expectation: {other:?}"),
        Err(reason) => Err(reason.name()),
    }
}

fn text(at_time: &str) -> Result<Option<i64>, &'static str> {
    read(at(Unit::Millis, "Europe/Berlin"), &format!("{{\"at\":\"{at_time}\"}}"))
}

/// Noon of 1 March 2026, UTC.
const NOON_MS: i64 = 1_772_366_400_000;

#[test]
fn a_deadline_is_an_instant_a_local_time_or_a_number() {
    for instant in ["2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", "2026-03-01 12:00:00.000z"]
    {
        assert_eq!(text(instant), Ok(Some(NOON_MS)), "{instant}");
    }
    for local in ["2026-03-01T13:00:00", "2026-03-01T13:00", "2026-03-01 13:00:00"] {
        assert_eq!(text(local), Ok(Some(NOON_MS)), "{local}");
    }
    assert_eq!(text("2026-07-01T14:00:00"), Ok(Some(1_782_907_200_000)), "in summer");
    let number = |unit, number: i64| read(at(unit, "UTC"), &format!("{{\"at\":{number}}}"));
    assert_eq!(number(Unit::Millis, NOON_MS), Ok(Some(NOON_MS)));
    assert_eq!(number(Unit::Seconds, NOON_MS / 1_000), Ok(Some(NOON_MS)));
}

#[test]
fn a_record_that_says_nothing_names_no_deadline() {
    for nothing in ["{}", "{\"at\":null}", "null"] {
        assert_eq!(read(at(Unit::Millis, "UTC"), nothing), Ok(None), "{nothing}");
    }
}

#[test]
fn what_is_no_time_is_refused() {
    for wrong in [
        "",
        "soon",
        "2026-03-01",
        "2026-02-30T12:00:00Z",
        "2026-03-01T25:00:00",
        "2026-03-01T12:00:00+99:00",
        "1772366400000",
        "1970-01-01T00:00:00Z",
        "12:00",
    ] {
        assert_eq!(text(wrong), Err("bad-deadline"), "{wrong}");
    }
    let at = |value: &str| read(at(Unit::Millis, "UTC"), &format!("{{\"at\":{value}}}"));
    // In seconds, in nanoseconds, and nothing that is a time at all.
    for wrong in ["1772366400", "1772366400000000000", "-1", "0", "1.5", "1e999", "true", "[1]"] {
        assert_eq!(at(wrong), Err("bad-deadline"), "{wrong}");
    }
    assert_eq!(read(super::deadlines::at(Unit::Millis, "UTC"), "7"), Err("bad-deadline"));
    let seconds = super::deadlines::at(Unit::Seconds, "UTC");
    assert_eq!(read(seconds, "{\"at\":18446744073709551615}"), Err("bad-deadline"));
}

#[test]
fn a_tombstone_names_no_deadline() {
    let deadlines = DeadlinePaths { overdue: Some(at(Unit::Millis, "UTC")), expire: None };
    let items = Items::Fixed(vec!["parcel".to_owned()]);
    let entry = Entry { deadlines, ..ExpectedPaths { key: None, items, quantity: None }.into() };
    let input = Decoder::new(&[entry], Counting::Distinct, Limits::default()).expect("they fit");
    let mut scratch = Scratch::default();
    assert_eq!(decode(&input, Some(b"o-1"), None, &mut scratch), Ok(Event::Cancellation));
    assert_eq!(Deadlines::NONE, Deadlines::default());
}
