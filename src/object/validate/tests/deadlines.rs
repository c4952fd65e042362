//! Deadlines that records name.

use super::*;

fn with(fields: &str) -> Result<crate::Settings, Vec<String>> {
    let object =
        SHIPPING.replacen("overdue:    { topic: shipping-overdue, after: 72h }", fields, 1);
    assert_ne!(object, SHIPPING);
    match crate::parse(&object) {
        Ok(settings) => Ok(settings),
        Err(_) => Err(problems(&object)),
    }
}

#[test]
fn a_deadline_has_a_path_a_zone_and_a_unit() {
    let settings = with(
        "overdue: {topic: late, at: $.promisedAt, after: 72h, zone: Europe/Berlin}\n  \
         expire: {at: $.validUntil, unit: s}",
    );
    let settings = settings.expect("a valid object");
    let deadlines = &settings.expected.entry.deadlines;
    let (overdue, expire) = (deadlines.overdue.as_ref(), deadlines.expire.as_ref());
    let overdue = overdue.expect("it is named");
    assert_eq!(overdue.path.to_string(), "$.promisedAt");
    assert_eq!(overdue.zone.iana_name(), Some("Europe/Berlin"));
    let expire = expire.expect("it is named");
    assert_eq!(expire.unit, rollcall_core::codec::input::Unit::Seconds);
    assert_eq!(settings.rules().expire_after_ms, None);
}

#[test]
fn a_deadline_that_cannot_be_read_is_refused() {
    let place = |fields: &str| {
        let found = with(fields).expect_err("it is refused");
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].split_once(": ").expect("a place").0.to_owned()
    };
    assert_eq!(place("overdue: {at: promised}"), "spec.overdue.at");
    assert_eq!(place("overdue: {at: \"$.dates[*]\"}"), "spec.overdue.at");
    assert_eq!(place("overdue: {at: $.promised, zone: Mars/Phobos}"), "spec.overdue.zone");
    assert_eq!(place("overdue: {at: $.promised, unit: h}"), "spec.overdue.unit");
    assert_eq!(place("overdue: {after: 1h, zone: UTC}"), "spec.overdue.zone");
    assert_eq!(place("expire: {after: 100d, unit: s}"), "spec.expire.unit");
    assert_eq!(place("expire: {}"), "spec.expire");
}
