//! When something happens because nothing else arrived.

use jiff::tz::TimeZone;

use super::{paths::singular, scalar};
use crate::bounds;
use crate::problem::Problems;
use crate::resource::{ReconciliationSpec, UnitSpec};
use crate::settings::Deadlines;
use rollcall_core::codec::input::{DeadlineAt, DeadlinePaths, Unit};

/// Returns the deadlines of all keys.
pub(super) fn deadlines(spec: &ReconciliationSpec, problems: &mut Problems) -> Deadlines {
    let mut deadline =
        |path: &str, after: &str| scalar::duration(path, after, bounds::DEADLINE, problems);
    let overdue_after =
        spec.overdue.after.as_ref().and_then(|after| deadline("spec.overdue.after", after));
    let orphans_after = deadline("spec.orphans.after", &spec.orphans.after);
    let expire_after = spec.expire.as_ref().and_then(|expire| expire.after.as_ref());
    let expire_after = expire_after.and_then(|after| deadline("spec.expire.after", after));
    if let (Some(overdue), Some(expire)) = (overdue_after, expire_after)
        && expire <= overdue
    {
        problems.add(
            "spec.expire.after",
            "is not longer than spec.overdue.after, so no key would ever be overdue",
            "make it longer, or remove spec.overdue.after",
        );
    }
    if spec.expire.as_ref().is_some_and(|expire| expire.after.is_none() && expire.at.is_none()) {
        let remedy = "write after: with a duration such as 90d, at: with a JSON path, or both";
        problems.add("spec.expire", "says neither after nor at, so nothing expires", remedy);
    }
    let memory = scalar::duration("spec.memory", &spec.memory, bounds::MEMORY, problems);
    Deadlines {
        overdue_after,
        orphans_after: orphans_after.unwrap_or_default(),
        expire_after,
        memory: memory.unwrap_or_default(),
    }
}

/// Returns where expectations name deadlines of their own.
pub(super) fn paths(spec: &ReconciliationSpec, problems: &mut Problems) -> DeadlinePaths {
    let overdue = &spec.overdue;
    let overdue = (overdue.at.as_ref(), overdue.zone.as_ref(), overdue.unit);
    let overdue = path("spec.overdue", overdue, problems);
    let expire = spec.expire.as_ref();
    let expire = expire.map(|expire| (expire.at.as_ref(), expire.zone.as_ref(), expire.unit));
    let expire = expire.and_then(|expire| path("spec.expire", expire, problems));
    DeadlinePaths { overdue, expire }
}

fn path(
    place: &str,
    (at, zone, unit): (Option<&String>, Option<&String>, Option<UnitSpec>),
    problems: &mut Problems,
) -> Option<DeadlineAt> {
    let Some(at) = at else {
        for (field, is_there) in [("zone", zone.is_some()), ("unit", unit.is_some())] {
            if is_there {
                let message = format!("has no effect without {place}.at");
                problems.add(format!("{place}.{field}"), message, "set that, or remove it");
            }
        }
        return None;
    };
    let unit = match unit {
        Some(UnitSpec::Seconds) => Unit::Seconds,
        Some(UnitSpec::Millis) | None => Unit::Millis,
    };
    let zone = zone.map_or(Some(TimeZone::UTC), |name| known(place, name, problems));
    let path = singular(format!("{place}.at"), at, problems);
    Some(DeadlineAt { path: path?, unit, zone: zone? })
}

fn known(place: &str, name: &str, problems: &mut Problems) -> Option<TimeZone> {
    let zone = jiff::tz::db().get(name).ok();
    if zone.is_none() {
        problems.add(
            format!("{place}.zone"),
            format!("\"{name}\" is no time zone"),
            "use a name of the IANA database, such as Europe/Berlin or UTC",
        );
    }
    zone
}
