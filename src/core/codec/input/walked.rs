//! What a pass over a document has found.

use std::sync::Arc;

use smallvec::SmallVec;

use super::capture::{Captured, Failure};
use super::collect::{Scratch, TextRange};
use super::decimal::{DIGITS_MAX, decimal};
use super::plan::{Plan, Slot};
use crate::matching::ITEM_BYTES_MAX;

/// What a pass over a document has found; the list of items is in the scratch.
pub(super) struct Walked<'a> {
    pub plan: &'a Plan,
    pub slots: SmallVec<[Captured<'a>; 4]>,
    /// The first failure in the list.
    pub list: Result<(), Failure<'a>>,
}

impl<'a> Walked<'a> {
    /// Returns what was found in a document of which nothing was read.
    pub fn nothing(plan: &'a Plan) -> Self {
        let slots = SmallVec::from_elem(Captured::Missing(&plan.root), plan.slots.len());
        Self { plan, slots, list: Ok(()) }
    }

    pub fn at(&self, slot: Slot) -> Captured<'a> {
        self.slots[slot]
    }

    pub fn list(&self) -> Result<(), Failure<'a>> {
        self.list
    }

    pub fn path(&self, slot: Slot) -> &'a Arc<str> {
        &self.plan.slots[slot].0
    }

    /// Returns the text of an integer or a string.
    pub fn text(&self, slot: Slot, scratch: &mut Scratch) -> Result<TextRange, Failure<'a>> {
        match self.slots[slot] {
            Captured::Text(range) => Ok(range),
            Captured::Integer(magnitude, sign) => {
                Ok(scratch.keep(decimal(magnitude, sign, &mut [0; DIGITS_MAX])))
            }
            other => Err(other.failure(self.path(slot)).expect("it is no text")),
        }
    }

    pub fn item(&self, slot: Slot, scratch: &mut Scratch) -> Result<TextRange, Failure<'a>> {
        let item = self.text(slot, scratch)?;
        if item.len() > ITEM_BYTES_MAX {
            return Err(Failure::ItemTooLong(self.path(slot), item.len()));
        }
        Ok(item)
    }

    pub fn count(&self, slot: Slot) -> Result<u32, Failure<'a>> {
        self.slots[slot].count(self.path(slot))
    }

    /// Returns an id. An empty one tells nothing apart, so it counts as missing.
    pub fn id(&self, slot: Slot, scratch: &mut Scratch) -> Result<TextRange, Failure<'a>> {
        let id = self.text(slot, scratch)?;
        match id.len() {
            0 => Err(Failure::Missing(self.path(slot))),
            bytes if bytes > ITEM_BYTES_MAX => Err(Failure::IdTooLong(self.path(slot), bytes)),
            _ => Ok(id),
        }
    }

    /// Returns a quantity, which is 1 if nothing says how many.
    pub fn quantity(&self, slot: Option<Slot>) -> Result<u32, Failure<'a>> {
        slot.map_or(Ok(1), |slot| self.slots[slot].quantity(self.path(slot)))
    }
}
