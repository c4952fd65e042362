//! The paths of all entries of a topic as one tree, so that a document is walked once for all of
//! them.

use std::sync::Arc;

use super::Role;
use super::layout::{Layout, Place};
use crate::codec::path::{Path, Segment};

/// The number of a value that a walk looks for.
pub(super) type Slot = usize;

/// Everything that a walk looks for.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub root: Node,
    /// The values that are the whole document, as it came.
    pub whole: Vec<Slot>,
    /// The path and the role of each slot.
    pub slots: Vec<(Arc<str>, Role)>,
    /// The list of items, which at most one entry has: the expectation.
    pub list: Option<List>,
    /// Slots that have another place in a record that deletes, with the slot of that.
    pub deleted: Vec<(Slot, Slot)>,
}

/// A list of items.
#[derive(Debug, Clone)]
pub(super) struct List {
    pub item: Slot,
    pub quantity: Option<Slot>,
    /// The items' path, for the message when quantities add up to too much.
    pub path: Arc<str>,
    /// The whole document is the only element: the path has no `[*]`.
    pub is_document: bool,
}

/// A place in the document that some path selects or passes through.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// For messages.
    pub path: Arc<str>,
    /// The values that are looked for here.
    pub slots: Vec<Slot>,
    /// Those that are kept as they came.
    pub kept: Vec<Slot>,
    /// Everything that is looked for here and below is kept as it came. So whatever else is here
    /// does not matter, even if it cannot be represented.
    pub is_only_kept: bool,
    /// The text of what is here has to be found first.
    pub is_raw: bool,
    pub members: Vec<(Box<str>, Node)>,
    pub indexed: Vec<(usize, Node)>,
    pub each: Option<Box<Node>>,
    /// How the path of the list goes on from here, if it does and not inside an element.
    pub list: Option<Kind>,
    /// This is one element of the list.
    pub is_element: bool,
    /// All slots here and below.
    pub below: Vec<Slot>,
    /// What all paths need here, if they agree: then only this has to be looked at.
    pub only: Option<Kind>,
}

/// What must be at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An integer or a string.
    Value,
    Object,
    Array,
    /// An array whose elements are all treated alike.
    Each,
}

impl Kind {
    pub fn needed(self) -> &'static str {
        match self {
            Self::Value => "an integer or a string",
            Self::Object => "an object",
            Self::Array | Self::Each => "an array",
        }
    }

    /// Returns what a path needs at a place, given its next segment.
    pub fn of(segment: Option<&Segment>) -> Self {
        match segment {
            None => Self::Value,
            Some(Segment::Name(_)) => Self::Object,
            Some(Segment::Index(_)) => Self::Array,
            Some(Segment::Wildcard) => Self::Each,
        }
    }
}

/// Collects what a walk has to look for.
pub(super) struct Planner {
    plan: Plan,
    layout: Layout,
    /// The entry whose paths are added reads what a record deletes, and not only of what it is.
    pub reads_deleted: bool,
}

impl Planner {
    pub fn new(layout: Layout) -> Self {
        let root = Node::new(layout.root().into());
        let (whole, slots, list, deleted) = (Vec::new(), Vec::new(), None, Vec::new());
        let plan = Plan { root, whole, slots, list, deleted };
        Self { plan, layout, reads_deleted: false }
    }

    /// Adds a path that leads to one place, or to one place in an element of the list.
    pub fn value(&mut self, role: Role, path: &Path) -> Slot {
        let slot = self.value_at(self.layout.places(path), role, path);
        if self.reads_deleted || matches!(role, Role::Key | Role::Condition) {
            let places = self.layout.deleted_places(path);
            if !places.is_empty() {
                let deleted = self.value_at(places, role, path);
                self.plan.deleted.push((slot, deleted));
            }
        }
        slot
    }

    fn value_at(&mut self, places: Vec<Place>, role: Role, path: &Path) -> Slot {
        let slot = self.plan.slots.len();
        self.plan.slots.push((path.to_string().into(), role));
        for place in places {
            self.plan.root.insert(&place, 0, &mut |node, _, is_end| {
                node.below.push(slot);
                if is_end {
                    node.slots.push(slot);
                }
            });
        }
        slot
    }

    /// Adds a value that is kept as it came.
    pub fn kept(&mut self, path: &Path) -> Slot {
        let slot = self.kept_at(self.layout.places(path), path);
        let places = self.layout.deleted_places(path);
        if self.reads_deleted && !places.is_empty() {
            let deleted = self.kept_at(places, path);
            self.plan.deleted.push((slot, deleted));
        }
        slot
    }

    fn kept_at(&mut self, places: Vec<Place>, path: &Path) -> Slot {
        let slot = self.plan.slots.len();
        self.plan.slots.push((path.to_string().into(), Role::Keep));
        if places.iter().any(|place| place.segments.is_empty()) {
            self.plan.whole.push(slot);
            return slot;
        }
        for place in places {
            self.plan.root.insert(&place, 0, &mut |node, _, is_end| {
                node.below.push(slot);
                if is_end {
                    node.kept.push(slot);
                }
            });
        }
        slot
    }

    /// Adds the list of items.
    pub fn list(&mut self, items: &Path, quantity: Option<&Path>) {
        let item = self.value(Role::Item, items);
        let quantity = quantity.map(|quantity| self.value(Role::Quantity, quantity));
        let depth = element_depth(items);
        for place in self.layout.places(items).into_iter().filter(|_| depth > 0) {
            let depth = place.segments.len() - items.segments().len() + depth;
            self.plan.root.insert(&place, 0, &mut |node, at, _| {
                if at < depth {
                    node.list = Some(Kind::of(place.segments.get(at)));
                }
                node.is_element |= at == depth;
            });
        }
        let path = items.to_string().into();
        self.plan.list = Some(List { item, quantity, path, is_document: depth == 0 });
    }

    pub fn plan(mut self) -> Plan {
        self.plan.root.spread();
        self.plan.root.agree();
        self.plan.root.leave(&self.plan.slots);
        // The text of the whole document is known.
        self.plan.root.is_raw = false;
        self.plan
    }
}

/// Returns how many segments select the elements of a list, with one item in each: those up to the
/// last wildcard.
pub(super) fn element_depth(items: &Path) -> usize {
    let last = items.segments().iter().rposition(|at| *at == Segment::Wildcard);
    last.map_or(0, |at| at + 1)
}

impl Node {
    /// Returns the place with this path.
    pub fn new(path: Arc<str>) -> Self {
        Self {
            path,
            slots: Vec::new(),
            kept: Vec::new(),
            is_only_kept: false,
            is_raw: false,
            members: Vec::new(),
            indexed: Vec::new(),
            each: None,
            list: None,
            is_element: false,
            below: Vec::new(),
            only: None,
        }
    }

    /// Calls `visit` with every place on the way to `place`, its depth, and whether it is the last
    /// one.
    fn insert(
        &mut self,
        place: &Place,
        depth: usize,
        visit: &mut dyn FnMut(&mut Self, usize, bool),
    ) {
        visit(self, depth, depth == place.segments.len());
        if depth < place.segments.len() {
            self.child(place, depth).insert(place, depth + 1, visit);
        }
    }

    /// Returns the place of an array's element.
    pub fn element(&self, index: usize) -> Option<&Self> {
        let indexed = self.indexed.iter().find(|(at, _)| *at == index);
        indexed.map(|(_, element)| element).or(self.each.as_deref())
    }

    /// Returns whether the list, or a part of it, is here.
    pub fn is_on_list(&self) -> bool {
        self.list.is_some()
    }

    /// Returns whether something is looked for here or below, besides what is kept as it came.
    pub fn is_looked_into(&self) -> bool {
        !self.slots.is_empty()
            || !self.members.is_empty()
            || !self.indexed.is_empty()
            || self.each.is_some()
    }

    /// Returns what the first of the paths through this place needs here.
    pub fn needs(&self) -> Kind {
        match self {
            Self { slots, .. } if !slots.is_empty() => Kind::Value,
            Self { members, .. } if !members.is_empty() => Kind::Object,
            Self { each: Some(_), .. } => Kind::Each,
            _ => Kind::Array,
        }
    }

    /// Adds what is looked for in every element of an array to the elements that are also read by
    /// index, since each of them is read once.
    fn spread(&mut self) {
        for (_, member) in &mut self.members {
            member.spread();
        }
        if let Some(each) = &mut self.each {
            each.spread();
        }
        for (_, element) in &mut self.indexed {
            if let Some(each) = &self.each {
                element.absorb(each);
            }
            element.spread();
        }
    }

    /// Finds the places at which all paths need the same.
    fn agree(&mut self) {
        let needs = [
            (Kind::Value, !self.slots.is_empty()),
            (Kind::Object, !self.members.is_empty()),
            (Kind::Array, !self.indexed.is_empty()),
            (Kind::Each, self.each.is_some()),
        ];
        let mut needed =
            needs.into_iter().filter_map(|(kind, is_needed)| is_needed.then_some(kind));
        self.only = needed.next().filter(|_| needed.next().is_none());
        self.children().for_each(Self::agree);
    }

    fn children(&mut self) -> impl Iterator<Item = &mut Self> {
        let members = self.members.iter_mut().map(|(_, member)| member);
        let indexed = self.indexed.iter_mut().map(|(_, element)| element);
        members.chain(indexed).chain(self.each.as_deref_mut())
    }

    /// Finds the places at which values are kept, and where nothing else is looked for.
    fn leave(&mut self, slots: &[(Arc<str>, Role)]) {
        self.is_only_kept = self.below.iter().all(|slot| slots[*slot].1 == Role::Keep);
        self.is_raw = self.is_only_kept || !self.kept.is_empty();
        self.children().for_each(|child| child.leave(slots));
    }

    fn absorb(&mut self, other: &Self) {
        self.slots.extend(&other.slots);
        self.kept.extend(&other.kept);
        self.below.extend(&other.below);
        self.list = self.list.or(other.list);
        self.is_element |= other.is_element;
        for (name, member) in &other.members {
            match self.members.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => known.absorb(member),
                None => self.members.push((name.clone(), member.clone())),
            }
        }
        for (index, element) in &other.indexed {
            match self.indexed.iter_mut().find(|(known, _)| known == index) {
                Some((_, known)) => known.absorb(element),
                None => self.indexed.push((*index, element.clone())),
            }
        }
        match (&mut self.each, &other.each) {
            (Some(known), Some(element)) => known.absorb(element),
            (None, Some(element)) => self.each = Some(element.clone()),
            (_, None) => {}
        }
    }

    fn child(&mut self, place: &Place, depth: usize) -> &mut Self {
        let new = || Self::new(place.text(depth + 1).into());
        match &place.segments[depth] {
            Segment::Name(name) => {
                let known = self.members.iter().position(|(member, _)| **member == **name);
                let at = known.unwrap_or_else(|| {
                    self.members.push((name.as_str().into(), new()));
                    self.members.len() - 1
                });
                &mut self.members[at].1
            }
            Segment::Index(index) => {
                let known = self.indexed.iter().position(|(element, _)| element == index);
                let at = known.unwrap_or_else(|| {
                    self.indexed.push((*index, new()));
                    self.indexed.len() - 1
                });
                &mut self.indexed[at].1
            }
            Segment::Wildcard => self.each.get_or_insert_with(|| Box::new(new())),
        }
    }
}
