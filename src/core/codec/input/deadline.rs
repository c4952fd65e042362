//! Deadlines that the record of an expectation names.

use jiff::{Timestamp as Instant, civil, tz::TimeZone};

use super::agreement::require_singular;
use super::capture::{Captured, Failure};
use super::collect::Scratch;
use super::decimal::Sign;
use super::plan::{Planner, Slot};
use super::walked::Walked;
use super::{InputError, Role};
use crate::codec::path::Path;
use crate::codec::reason::Found;
use crate::matching::Deadlines;
use crate::record::Timestamp;

/// The start of the year 2000: whatever is before has another unit.
const MIN_MS: Timestamp = 946_684_800_000;
/// The end of the year 9999, likewise.
const MAX_MS: Timestamp = 253_402_300_799_999;

/// Where an expectation names its deadlines, if it does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadlinePaths {
    pub overdue: Option<DeadlineAt>,
    pub expire: Option<DeadlineAt>,
}

/// Where a deadline is, and how it is written: RFC 3339, or as these say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadlineAt {
    /// A singular path; if it leads nowhere, or to null, the record names no deadline.
    pub path: Path,
    /// Of integers, since 1970 in UTC.
    pub unit: Unit,
    /// Of dates with a time that say no offset.
    pub zone: TimeZone,
}

/// The unit of an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Millis,
}

/// The compiled deadlines of an entry.
#[derive(Debug, Clone)]
pub(super) struct DeadlineSlots {
    overdue: Option<(Slot, DeadlineAt)>,
    expire: Option<(Slot, DeadlineAt)>,
}

impl DeadlineSlots {
    pub fn compile(paths: &DeadlinePaths, planner: &mut Planner) -> Result<Self, InputError> {
        let mut compile = |role, at: &Option<DeadlineAt>| {
            let Some(at) = at else { return Ok(None) };
            require_singular(role, &at.path)?;
            Ok(Some((planner.value(role, &at.path), at.clone())))
        };
        let overdue = compile(Role::Overdue, &paths.overdue)?;
        Ok(Self { overdue, expire: compile(Role::Expire, &paths.expire)? })
    }

    pub fn is_empty(&self) -> bool {
        self.overdue.is_none() && self.expire.is_none()
    }

    /// Returns the deadlines that a record names.
    pub fn read<'a>(
        &self,
        walked: &Walked<'a>,
        scratch: &Scratch,
    ) -> Result<Deadlines, Failure<'a>> {
        let read = |at: &Option<(Slot, DeadlineAt)>| match at {
            Some((slot, at)) => at.read(*slot, walked, scratch),
            None => Ok(None),
        };
        Ok(Deadlines { overdue: read(&self.overdue)?, expire: read(&self.expire)? })
    }
}

impl DeadlineAt {
    fn read<'a>(
        &self,
        slot: Slot,
        walked: &Walked<'a>,
        scratch: &Scratch,
    ) -> Result<Option<Timestamp>, Failure<'a>> {
        let at = match walked.at(slot) {
            Captured::Missing(_)
            | Captured::Other(Found::Null)
            | Captured::Astray(_, Found::Null, _) => return Ok(None),
            Captured::Text(range) => self.instant(scratch.text_at(range)),
            Captured::Integer(magnitude, Sign::Plus) => self.number(magnitude),
            _ => None,
        };
        let is_usable = |at: &Timestamp| (MIN_MS..=MAX_MS).contains(at);
        at.filter(is_usable).map(Some).ok_or_else(|| Failure::BadDeadline(walked.path(slot)))
    }

    fn number(&self, magnitude: u64) -> Option<Timestamp> {
        let number = Timestamp::try_from(magnitude).ok()?;
        match self.unit {
            Unit::Seconds => number.checked_mul(1_000),
            Unit::Millis => Some(number),
        }
    }

    fn instant(&self, text: &str) -> Option<Timestamp> {
        if let Ok(instant) = text.parse::<Instant>() {
            return Some(instant.as_millisecond());
        }
        // A date alone could mean its start or its end.
        let (_, time) = text.split_once(['T', 't', ' '])?;
        // The library ignores an offset here, but what stands there has just been refused.
        if time.contains(['+', '-', '[', 'Z', 'z']) {
            return None;
        }
        let local: civil::DateTime = text.parse().ok()?;
        // A time that a change of the clock leaves out, or has twice, is what calendars make of it.
        let zoned = self.zone.to_timestamp(local).ok()?;
        Some(zoned.as_millisecond())
    }
}
