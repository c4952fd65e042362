//! The entries of an input topic as they are configured: which records each of them takes, and
//! where their fields are.

use std::fmt;

use super::Role;
use super::deadline::DeadlinePaths;
use super::envelope::Envelope;
use crate::codec::Path;

/// One entry of an input topic. A record belongs to the first entry whose conditions all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What the records of the topic are wrapped in, if anything: the same for all of its entries.
    pub envelope: Option<Envelope>,
    /// Where the key is in record keys that are JSON, Avro or Protobuf, the same for all entries of
    /// the topic; without it, the record key is the key.
    pub record_key: Option<Path>,
    pub conditions: Vec<Condition>,
    /// What is kept of the records.
    pub keep: Vec<Keep>,
    /// The deadlines that the records name; only those of expectations do.
    pub deadlines: DeadlinePaths,
    pub paths: Paths,
}

/// A value of a record that is kept as it came, to be a field of outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// The name of the field.
    pub name: String,
    /// A singular path; nothing is kept if it leads nowhere.
    pub path: Path,
}

/// Where the fields of an entry's records are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paths {
    Expected(ExpectedPaths),
    Observed(ObservedPaths),
}

impl Entry {
    fn of(paths: Paths) -> Self {
        let (conditions, keep) = (Vec::new(), Vec::new());
        let (envelope, record_key, deadlines) = (None, None, DeadlinePaths::default());
        Self { envelope, record_key, conditions, keep, deadlines, paths }
    }
}

impl Entry {
    /// Returns all paths, whatever they are for.
    pub(super) fn all_paths(&self) -> Vec<(Role, &Path)> {
        let mut paths = self.paths.all();
        paths.extend(self.conditions.iter().filter_map(|condition| match &condition.of {
            Subject::Path(path) => Some((Role::Condition, path)),
            Subject::Header(_) => None,
        }));
        paths.extend(self.keep.iter().map(|keep| (Role::Keep, &keep.path)));
        let DeadlinePaths { overdue, expire } = &self.deadlines;
        for (role, deadline) in [(Role::Overdue, overdue), (Role::Expire, expire)] {
            paths.extend(deadline.iter().map(|deadline| (role, &deadline.path)));
        }
        paths
    }

    /// Returns whether some condition is about a header.
    pub(super) fn selects_by_headers(&self) -> bool {
        self.conditions.iter().any(|condition| matches!(condition.of, Subject::Header(_)))
    }
}

impl Paths {
    /// Returns the paths that every record of an entry has to have a place for.
    pub(super) fn all(&self) -> Vec<(Role, &Path)> {
        let (item, key, quantity, more) = match self {
            Self::Expected(ExpectedPaths { key, items, quantity }) => {
                let (items, end) = match items {
                    Items::At(path) => (Some((Role::Item, path)), None),
                    Items::Count(path) => (Some((Role::Count, path)), None),
                    Items::OneByOne(path, end) => (Some((Role::Item, path)), Some(end.path())),
                    Items::Fixed(_) => (None, None),
                };
                (items, key, quantity, [end, None])
            }
            Self::Observed(ObservedPaths { key, item, quantity, id, outcome }) => {
                let item = match item {
                    Item::At(path) => Some((Role::Item, path)),
                    Item::Fixed(_) => None,
                };
                let outcome = outcome.as_ref().map(|outcome| (Role::Outcome, &outcome.path));
                (item, key, quantity, [id.as_ref().map(|id| (Role::Id, id)), outcome])
            }
        };
        let key = key.as_ref().map(|path| (Role::Key, path));
        let quantity = quantity.as_ref().map(|path| (Role::Quantity, path));
        [item, key, quantity].into_iter().chain(more).flatten().collect()
    }
}

impl From<ExpectedPaths> for Entry {
    /// Takes every record of its topic.
    fn from(paths: ExpectedPaths) -> Self {
        Self::of(Paths::Expected(paths))
    }
}

impl From<ObservedPaths> for Entry {
    /// Takes every record of its topic.
    fn from(paths: ObservedPaths) -> Self {
        Self::of(Paths::Observed(paths))
    }
}

/// Where the fields of an expectation are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedPaths {
    /// Checked against the record's key when given; must be a singular path.
    pub key: Option<Path>,
    pub items: Items,
    /// How often an item is needed; must be in the same array element as the item.
    pub quantity: Option<Path>,
}

/// The items that a key needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Items {
    /// Selects every item.
    At(Path),
    /// The same for every key.
    Fixed(Vec<String>),
    /// Whichever, as many as there are at this singular path (S25).
    Count(Path),
    /// One, at this singular path: a list that comes record by record (S26).
    OneByOne(Path, End),
}

/// Where a record of a list says when the list is closed; the paths are singular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// How many different items there are.
    Total(Path),
    /// That this record is the last one, by one of these texts.
    Last(Path, Vec<String>),
}

/// Where the fields of an observation are; every path is singular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedPaths {
    /// Checked against the record's key when given.
    pub key: Option<Path>,
    pub item: Item,
    /// How many of it have arrived.
    pub quantity: Option<Path>,
    /// What tells the observation from others of its key; a second one with it is a duplicate.
    pub id: Option<Path>,
    /// What became of it; without this, it has arrived.
    pub outcome: Option<OutcomeAt>,
}

/// Where an observation says what became of its item, and which texts mean what. Records with other
/// texts are skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeAt {
    /// A singular path.
    pub path: Path,
    pub arrived: Vec<String>,
    pub failed: Vec<String>,
    pub withdrawn: Vec<String>,
}

/// The item that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    At(Path),
    /// The same for every record.
    Fixed(String),
}

/// What a record must be like to belong to an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub of: Subject,
    pub test: Test,
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A singular path. Integers and booleans count as their text; other values have none.
    Path(Path),
    /// The last header with this name, if its value is UTF-8 text.
    Header(String),
}

/// What a condition asks of its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It has one of these texts.
    In(Vec<String>),
    /// It has none of these texts, or is not there.
    NotIn(Vec<String>),
    /// Whether it is there; null is not.
    Exists(bool),
}

impl fmt::Display for Condition {
    /// As in `$.state in CREATED, PAID`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Subject::Path(path) => path.fmt(f)?,
            Subject::Header(name) => write!(f, "the header {name}")?,
        }
        match &self.test {
            Test::In(texts) => write!(f, " in {}", texts.join(", ")),
            Test::NotIn(texts) => write!(f, " not in {}", texts.join(", ")),
            Test::Exists(true) => f.write_str(" exists"),
            Test::Exists(false) => f.write_str(" does not exist"),
        }
    }
}

/// What a condition finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'a> {
    Nothing,
    Text(&'a str),
    /// Something that is no text.
    Other,
}

impl Test {
    pub(super) fn holds(&self, found: Found<'_>) -> bool {
        let is_one_of = |texts: &[String]| match found {
            Found::Text(text) => texts.iter().any(|known| known == text),
            Found::Nothing | Found::Other => false,
        };
        match self {
            Self::In(texts) => is_one_of(texts),
            Self::NotIn(texts) => !is_one_of(texts),
            Self::Exists(wanted) => (found != Found::Nothing) == *wanted,
        }
    }
}
