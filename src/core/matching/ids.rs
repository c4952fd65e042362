//! The ids of a key's observations: one whose id is known is a duplicate (S27).

use super::{Counting, Items};

/// A set of ids, in the encoding of a list of items that are neither needed nor there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ids(
    /// `None` if there are none: most rows have none, and should not be larger for it.
    Option<Box<Items>>,
);

impl Ids {
    /// Decodes ids; `None` if `bytes` are not the encoding of some.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ids = Items::from_bytes(bytes).filter(|ids| !ids.is_empty())?;
        let is_plain = !ids.has_marks() && ids.iter().all(|id| (id.need, id.have) == (0, 0));
        // The counts of an id are never written.
        let length = ids.iter().map(|id| Self::bytes_of(id.text)).sum::<usize>();
        (is_plain && length == bytes.len()).then(|| Self(Some(Box::new(ids))))
    }

    /// Returns the encoding.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |ids| ids.as_bytes())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the number of bytes that the ids take.
    pub fn size(&self) -> usize {
        self.0.as_ref().map_or(0, |ids| ids.size())
    }

    pub fn contains(&self, id: &str) -> bool {
        self.0.as_ref().is_some_and(|ids| !ids.slot(id).is_new())
    }

    /// Adds an id that is not there yet.
    ///
    /// # Panics
    /// When it is longer than [`ITEM_BYTES_MAX`](super::ITEM_BYTES_MAX); decoders refuse such ids.
    pub fn insert(&mut self, id: &str) {
        self.0.get_or_insert_default().push(id, 0, 0);
    }

    /// Returns how many bytes an id takes.
    pub fn bytes_of(id: &str) -> usize {
        2 + id.len()
    }

    /// Makes finding an id take constant time until [`Self::unindex`].
    pub(super) fn index(&mut self) {
        if let Some(ids) = &mut self.0 {
            ids.index(Counting::Distinct);
        }
    }

    pub(super) fn unindex(&mut self) {
        if let Some(ids) = &mut self.0 {
            ids.unindex();
        }
    }
}
