//! Where paths lead in the values of a topic, whose records may be wrapped in an envelope.
//!
//! Paths keep their texts: a message names a place as the object does.

use crate::codec::path::{self, Path, Root, Segment};

/// Where paths begin.
#[derive(Debug)]
pub(super) struct Layout {
    /// What `$` stands for: the first that a record has.
    value: Vec<Start>,
    /// What `$` stands for in a record that deletes, if that is elsewhere.
    deleted: Vec<Start>,
    /// What `$envelope` stands for.
    envelope: Vec<Start>,
}

/// A place where paths begin.
#[derive(Debug, Clone)]
struct Start {
    segments: Vec<Segment>,
    /// The first of these lead to the envelope.
    wrappers: usize,
}

/// A place in a document that a path leads to.
#[derive(Debug)]
pub(super) struct Place {
    pub segments: Vec<Segment>,
    root: Root,
    start: Start,
}

impl Start {
    fn at(names: &[&str], wrappers: usize) -> Self {
        let name = |name: &&str| Segment::Name((*name).to_owned());
        Self { segments: names.iter().map(name).collect(), wrappers }
    }
}

impl Layout {
    /// The records are not wrapped.
    pub fn bare() -> Self {
        Self { value: vec![Start::at(&[], 0)], deleted: Vec::new(), envelope: Vec::new() }
    }

    /// What was changed is in a member of an object, and what was deleted in another one. The
    /// object may be the member `wrapper` of the value.
    pub fn of_changes(after: &str, before: &str, wrapper: &str) -> Self {
        // What a walk finds nowhere is said to be missing at the last of the places.
        let both = |name| vec![Start::at(&[wrapper, name], 1), Start::at(&[name], 0)];
        let envelope = vec![Start::at(&[wrapper], 1), Start::at(&[], 0)];
        Self { value: both(after), deleted: both(before), envelope }
    }

    /// The value is a member of an object.
    pub fn member(name: &str) -> Self {
        let (value, envelope) = (vec![Start::at(&[name], 0)], vec![Start::at(&[], 0)]);
        Self { value, deleted: Vec::new(), envelope }
    }

    /// Returns the name of the whole document.
    pub fn root(&self) -> String {
        let root = if self.envelope.is_empty() { Root::Value } else { Root::Envelope };
        path::text_of(root, &[])
    }

    /// Returns the places that a path may lead to.
    pub fn places(&self, path: &Path) -> Vec<Place> {
        match path.root() {
            Root::Value => places(&self.value, path),
            Root::Envelope => places(&self.envelope, path),
        }
    }

    /// Returns the places that a path may lead to in a record that deletes; none if they are the
    /// same.
    pub fn deleted_places(&self, path: &Path) -> Vec<Place> {
        match path.root() {
            Root::Value => places(&self.deleted, path),
            Root::Envelope => Vec::new(),
        }
    }
}

fn places(starts: &[Start], path: &Path) -> Vec<Place> {
    let place = |start: &Start| Place {
        segments: [&start.segments[..], path.segments()].concat(),
        root: path.root(),
        start: start.clone(),
    };
    starts.iter().map(place).collect()
}

impl Place {
    /// Returns the path, as the object would write it, that the first `depth` segments lead to.
    pub fn text(&self, depth: usize) -> String {
        let Start { segments, wrappers } = &self.start;
        let is_of_value = self.root == Root::Value && depth > segments.len();
        let (root, from) = match is_of_value || (self.root == Root::Value && segments.is_empty()) {
            true => (Root::Value, segments.len()),
            false => (Root::Envelope, depth.min(*wrappers)),
        };
        path::text_of(root, &self.segments[from..depth])
    }
}
