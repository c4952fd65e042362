//! Records that list one item each: what they say about the rest of their list.

use super::agreement::require_singular;
use super::capture::Failure;
use super::collect::Scratch;
use super::conditions::value_holds;
use super::entry::{End, Test};
use super::plan::{Planner, Slot};
use super::walked::Walked;
use super::{InputError, Role};
use crate::codec::path::Path;
use crate::matching::Part;

/// A compiled [`End`].
#[derive(Debug, Clone)]
pub(super) enum EndAt {
    Total(Slot),
    Last(Slot, Test),
}

impl End {
    pub(super) fn path(&self) -> (Role, &Path) {
        match self {
            Self::Total(path) => (Role::Total, path),
            Self::Last(path, _) => (Role::Last, path),
        }
    }
}

impl EndAt {
    pub fn compile(end: &End, planner: &mut Planner) -> Result<Self, InputError> {
        let (role, path) = end.path();
        require_singular(role, path)?;
        let slot = planner.value(role, path);
        Ok(match end {
            End::Total(_) => Self::Total(slot),
            End::Last(_, texts) => Self::Last(slot, Test::In(texts.clone())),
        })
    }

    /// Returns what the record says; a total of more than `items_max` is refused.
    pub fn part<'a>(
        &self,
        walked: &Walked<'a>,
        scratch: &Scratch,
        items_max: usize,
    ) -> Result<Part, Failure<'a>> {
        match self {
            Self::Total(slot) => {
                let total = walked.at(*slot).total(walked.path(*slot))?;
                if total as usize > items_max {
                    return Err(Failure::TooManyItems);
                }
                Ok(Part::Of(total))
            }
            Self::Last(slot, texts) => {
                let is_last = value_holds(*slot, texts, walked, scratch);
                Ok(if is_last { Part::Last } else { Part::More })
            }
        }
    }
}
