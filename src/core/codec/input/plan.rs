//! The paths of one input as a tree, so that a document is walked once for all of them.

use std::ops::{BitOr, BitOrAssign};
use std::sync::Arc;

use super::{InputError, Role};
use crate::codec::path::{self, Path, Segment};

/// A place in the document that some path selects or passes through.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// For messages.
    pub path: Arc<str>,
    /// What is decided at this place or below it.
    pub targets: Targets,
    pub kind: Kind,
}

/// What must be at a place.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// An integer or a string.
    Value,
    Object(Vec<(Box<str>, Node)>),
    Array(Vec<(usize, Node)>),
    /// An array whose elements are all treated alike.
    Each(Box<Node>),
}

impl Kind {
    pub fn needed(&self) -> &'static str {
        match self {
            Self::Value => "an integer or a string",
            Self::Object(_) => "an object",
            Self::Array(_) | Self::Each(_) => "an array",
        }
    }
}

/// A set of what can be decided at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Targets(u8);

impl Targets {
    pub const NONE: Self = Self(0);
    /// The key in the value.
    pub const KEY: Self = Self(1);
    /// One item: everything about it is below one array element.
    pub const ITEM: Self = Self(2);
    /// That item's quantity.
    pub const QUANTITY: Self = Self(4);
    /// The list of all items, or part of it.
    pub const LIST: Self = Self(8);

    pub fn has(self, target: Self) -> bool {
        self.0 & target.0 != 0
    }

    pub fn without(self, target: Self) -> Self {
        Self(self.0 & !target.0)
    }
}

impl BitOr for Targets {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Targets {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

pub(super) fn require_singular(role: Role, path: &Path) -> Result<(), InputError> {
    if path.is_singular() {
        return Ok(());
    }
    Err(InputError::NotSingular { role, path: path.to_string() })
}

/// Returns the tree of all paths.
pub(super) fn compile(
    key: Option<&Path>,
    items: &Path,
    quantity: Option<&Path>,
) -> Result<Node, InputError> {
    // Segments up to the last wildcard select the elements, with one item in each.
    let element_depth = items.segments().iter().rposition(|at| *at == Segment::Wildcard);
    let element_depth = element_depth.map_or(0, |at| at + 1);
    let mut tree = Tree { root: None, element_depth };
    tree.insert(Role::Item, items)?;
    if let Some(quantity) = quantity {
        require_beside(items, quantity, element_depth)?;
        tree.insert(Role::Quantity, quantity)?;
    }
    if let Some(key) = key {
        require_singular(Role::Key, key)?;
        tree.insert(Role::Key, key)?;
    }
    Ok(tree.root.expect("the item's path was inserted"))
}

fn require_beside(items: &Path, quantity: &Path, element_depth: usize) -> Result<(), InputError> {
    let element = &items.segments()[..element_depth];
    let rest = quantity.segments().strip_prefix(element);
    if rest.is_some_and(|rest| !rest.contains(&Segment::Wildcard)) {
        return Ok(());
    }
    let start = path::text_of(element);
    Err(InputError::QuantityElsewhere { quantity: quantity.to_string(), start })
}

struct Tree {
    root: Option<Node>,
    element_depth: usize,
}

impl Tree {
    fn insert(&mut self, role: Role, path: &Path) -> Result<(), InputError> {
        let segments = path.segments();
        let mut node = self.root.get_or_insert_with(|| Node::new(segments, 0));
        for (depth, segment) in segments.iter().enumerate() {
            node.targets |= targets(role, depth, self.element_depth);
            let place = Arc::clone(&node.path);
            node =
                node.kind.child(segment, || Node::new(segments, depth + 1)).ok_or_else(|| {
                    InputError::Contradiction {
                        role,
                        path: path.to_string(),
                        place: place.as_ref().to_owned(),
                    }
                })?;
        }
        if !matches!(node.kind, Kind::Value) {
            let place = node.path.as_ref().to_owned();
            return Err(InputError::Contradiction { role, path: path.to_string(), place });
        }
        node.targets |= targets(role, segments.len(), self.element_depth);
        Ok(())
    }
}

fn targets(role: Role, depth: usize, element_depth: usize) -> Targets {
    match role {
        Role::Key => Targets::KEY,
        _ if depth < element_depth => Targets::LIST,
        Role::Item => Targets::ITEM,
        Role::Quantity => Targets::QUANTITY,
    }
}

impl Node {
    /// Returns the place that the first `depth` segments select, ready for the next segment.
    fn new(segments: &[Segment], depth: usize) -> Self {
        let kind = match segments.get(depth) {
            None => Kind::Value,
            Some(Segment::Name(_)) => Kind::Object(Vec::new()),
            Some(Segment::Index(_)) => Kind::Array(Vec::new()),
            Some(Segment::Wildcard) => Kind::Each(Box::new(Self::new(segments, depth + 1))),
        };
        Self { path: path::text_of(&segments[..depth]).into(), targets: Targets::NONE, kind }
    }
}

impl Kind {
    /// Returns the child for `segment`, or `None` when the segment does not apply.
    fn child(&mut self, segment: &Segment, new: impl FnOnce() -> Node) -> Option<&mut Node> {
        match (self, segment) {
            (Self::Object(members), Segment::Name(name)) => {
                let known = members.iter().position(|(member, _)| **member == **name);
                let at = known.unwrap_or_else(|| {
                    members.push((name.as_str().into(), new()));
                    members.len() - 1
                });
                Some(&mut members[at].1)
            }
            (Self::Array(elements), Segment::Index(index)) => {
                let known = elements.iter().position(|(element, _)| element == index);
                let at = known.unwrap_or_else(|| {
                    elements.push((*index, new()));
                    elements.len() - 1
                });
                Some(&mut elements[at].1)
            }
            (Self::Each(element), Segment::Wildcard) => Some(element),
            _ => None,
        }
    }
}
