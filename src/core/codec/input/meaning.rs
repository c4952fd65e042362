//! What the records of an entry mean, once a walk has found what the entry's paths select.

use super::agreement::{require_agreement, require_beside, require_singular};
use super::capture::{Captured, Failure};
use super::collect::{Scratch, TextRange};
use super::conditions::{header_holds, value_holds};
use super::deadline::DeadlineSlots;
use super::entry::{
    self, Condition, Entry, ExpectedPaths, Item, Items, ObservedPaths, OutcomeAt, Paths, Test,
};
use super::envelope;
use super::keep::Keeps;
use super::line::EndAt;
use super::plan::{Planner, Slot};
use super::walked::Walked;
use super::{Decoder, InputError, Role};
use crate::codec::path::Path;
use crate::codec::reason::Reason;
use crate::matching::{self, Counting, Event, Expectation, Extent, ITEM_BYTES_MAX, ItemOutcome};
use crate::record::Headers;

/// A compiled entry.
#[derive(Debug, Clone)]
pub(super) struct Meaning {
    conditions: Vec<(Subject, Test)>,
    key: Option<Slot>,
    keeps: Keeps,
    deadlines: DeadlineSlots,
    says: Says,
    /// A record that deletes says something, too, by what it was.
    pub reads_deleted: bool,
}

/// What a compiled condition looks at.
#[derive(Debug, Clone)]
enum Subject {
    Header(String),
    Value(Slot),
}

/// What a record of the entry says.
#[derive(Debug, Clone)]
enum Says {
    /// The key needs the items of the walk's list; with an end, its only item among others.
    Listed(Option<EndAt>),
    /// The key needs these items.
    Needed(matching::Items),
    /// The key needs as many items as this says, whichever they are.
    Counted(Slot),
    /// Something has become of this item.
    Observed { item: ItemAt, quantity: Option<Slot>, id: Option<Slot>, outcome: Option<Outcomes> },
}

#[derive(Debug, Clone)]
enum ItemAt {
    Slot(Slot),
    Fixed(String),
}

/// Which texts of a value say what became of an item.
#[derive(Debug, Clone)]
struct Outcomes {
    slot: Slot,
    texts: [(ItemOutcome, Test); 3],
}

impl Meaning {
    pub fn compile(
        entry: &Entry,
        counting: Counting,
        planner: &mut Planner,
    ) -> Result<Self, InputError> {
        let reads_deleted = envelope::reads_deleted(&entry.paths);
        planner.reads_deleted = reads_deleted;
        let mut conditions = Vec::new();
        for Condition { of, test } in &entry.conditions {
            let subject = match of {
                entry::Subject::Header(name) => Subject::Header(name.clone()),
                entry::Subject::Path(path) => {
                    require_singular(Role::Condition, path)?;
                    Subject::Value(planner.value(Role::Condition, path))
                }
            };
            conditions.push((subject, test.clone()));
        }
        let (key, says) = match &entry.paths {
            Paths::Expected(paths) => (&paths.key, expected(paths, counting, planner)?),
            Paths::Observed(paths) => (&paths.key, observed(paths, counting, planner)?),
        };
        let key = key.as_ref().map(|key| planner.value(Role::Key, key));
        let keeps = Keeps::compile(entry, planner)?;
        let deadlines = DeadlineSlots::compile(&entry.deadlines, planner)?;
        Ok(Self { conditions, key, keeps, deadlines, says, reads_deleted })
    }

    pub fn is_expectation(&self) -> bool {
        matches!(self.says, Says::Listed(_) | Says::Needed(_) | Says::Counted(_))
    }

    /// Returns whether the headers alone decide whether a record belongs to the entry.
    pub fn is_decided_by_headers(&self) -> bool {
        !self.conditions.iter().any(|(subject, _)| matches!(subject, Subject::Value(_)))
    }

    /// Returns whether the event depends on the value.
    pub fn reads_value(&self) -> bool {
        let is_constant = match &self.says {
            Says::Listed(_) | Says::Counted(_) => false,
            Says::Needed(_) => true,
            Says::Observed { item, quantity, id, outcome } => {
                let is_fixed = matches!(item, ItemAt::Fixed(_));
                is_fixed && quantity.is_none() && id.is_none() && outcome.is_none()
            }
        };
        let names_more = !self.keeps.is_empty() || !self.deadlines.is_empty();
        self.key.is_some() || names_more || !is_constant
    }

    /// Returns whether the entry skips some of its records by what they say.
    pub fn may_skip(&self) -> bool {
        matches!(self.says, Says::Observed { outcome: Some(_), .. })
    }

    /// Returns whether a record of the entry is skipped: it has an outcome that is not listed.
    pub fn skips(&self, walked: &Walked<'_>, scratch: &Scratch) -> bool {
        let Says::Observed { outcome: Some(outcomes), .. } = &self.says else { return false };
        matches!(outcomes.find(walked, scratch), Ok(None))
    }

    pub fn headers_hold(&self, headers: Option<&dyn Headers>) -> bool {
        self.conditions.iter().all(|(subject, test)| match subject {
            Subject::Header(name) => header_holds(name, test, headers),
            Subject::Value(_) => true,
        })
    }

    pub fn paths_hold(&self, walked: &Walked<'_>, scratch: &Scratch) -> bool {
        self.conditions.iter().all(|(subject, test)| match subject {
            Subject::Header(_) => true,
            Subject::Value(slot) => value_holds(*slot, test, walked, scratch),
        })
    }

    /// Returns the indices of the conditions that do not hold.
    pub fn unmet(
        &self,
        headers: Option<&dyn Headers>,
        walked: &Walked<'_>,
        scratch: &Scratch,
    ) -> Vec<usize> {
        let holds = |(subject, test): &(Subject, Test)| match subject {
            Subject::Header(name) => header_holds(name, test, headers),
            Subject::Value(slot) => value_holds(*slot, test, walked, scratch),
        };
        let conditions = self.conditions.iter().enumerate();
        conditions.filter(|(_, condition)| !holds(condition)).map(|(index, _)| index).collect()
    }

    /// Returns the event of a record with this key and the value that was walked, and what is kept
    /// of the record.
    pub fn event<'s>(
        &'s self,
        key: &str,
        walked: &Walked<'_>,
        decoder: &Decoder,
        scratch: &'s mut Scratch,
    ) -> Result<(Event<'s>, &'s str), Reason> {
        let items_max = decoder.limits.items_max;
        let explain = |failure: Failure<'_>| failure.reason(&[], items_max);
        self.check_key(key, walked, scratch).map_err(explain)?;
        let deadlines = self.deadlines.read(walked, scratch).map_err(explain)?;
        self.keeps.collect(walked, scratch);
        match &self.says {
            Says::Listed(end) => {
                if let Err(failure) = walked.list() {
                    return Err(failure.reason(&scratch.failed_at, items_max));
                }
                let extent = match end {
                    Some(end) => {
                        Extent::Part(end.part(walked, scratch, items_max).map_err(explain)?)
                    }
                    None => Extent::Whole,
                };
                let list = decoder.plan.list.as_ref().expect("the entry has added a list");
                if scratch.expectation(decoder.counting).is_none() {
                    return Err(Reason::BadQuantity { path: list.path.clone() });
                }
                let items = scratch.items();
                Ok((Event::Expectation(Expectation { items, extent, deadlines }), scratch.kept()))
            }
            Says::Counted(slot) => {
                let count = walked.count(*slot).map_err(explain)?;
                if decoder.counting == Counting::Distinct && count as usize > items_max {
                    return Err(Reason::TooManyItems { items_max });
                }
                scratch.expect_nothing();
                let (items, extent) = (scratch.items(), Extent::Count(count));
                Ok((Event::Expectation(Expectation { items, extent, deadlines }), scratch.kept()))
            }
            Says::Needed(items) => {
                let expectation = Expectation { deadlines, ..Expectation::of(items) };
                Ok((Event::Expectation(expectation), scratch.kept()))
            }
            Says::Observed { item, quantity, id, outcome } => {
                let outcome = match outcome {
                    Some(outcomes) => outcomes.find(walked, scratch).map_err(explain)?,
                    None => Some(ItemOutcome::Arrived),
                };
                let outcome = outcome.expect("records with other outcomes are skipped before");
                let item = match item {
                    ItemAt::Fixed(item) => Ok(item.as_str()),
                    ItemAt::Slot(slot) => Err(walked.item(*slot, scratch).map_err(explain)?),
                };
                let quantity = walked.quantity(*quantity).map_err(explain)?;
                let id = match id {
                    Some(slot) => Some(walked.id(*slot, scratch).map_err(explain)?),
                    None => None,
                };
                let item = item.unwrap_or_else(|range| scratch.text_at(range));
                let id = id.map(|range| scratch.text_at(range));
                Ok((Event::Observation { item, quantity, outcome, id }, scratch.kept()))
            }
        }
    }

    pub fn check_key<'a>(
        &self,
        key: &str,
        walked: &Walked<'a>,
        scratch: &mut Scratch,
    ) -> Result<(), Failure<'a>> {
        let Some(slot) = self.key else { return Ok(()) };
        let found: TextRange = walked.text(slot, scratch)?;
        if scratch.text_at(found) != key {
            return Err(Failure::KeyMismatch(walked.path(slot)));
        }
        Ok(())
    }
}

impl Outcomes {
    /// Returns the outcome that is listed, if one is.
    fn find<'a>(
        &self,
        walked: &Walked<'a>,
        scratch: &Scratch,
    ) -> Result<Option<ItemOutcome>, Failure<'a>> {
        let found = walked.at(self.slot);
        if !matches!(found, Captured::Boolean(_))
            && let Some(failure) = found.failure(walked.path(self.slot))
        {
            return Err(failure);
        }
        let says =
            |(_, texts): &&(ItemOutcome, Test)| value_holds(self.slot, texts, walked, scratch);
        Ok(self.texts.iter().find(says).map(|(outcome, _)| *outcome))
    }
}

fn expected(
    paths: &ExpectedPaths,
    counting: Counting,
    planner: &mut Planner,
) -> Result<Says, InputError> {
    let ExpectedPaths { key, items, quantity } = paths;
    match items {
        Items::At(items) => {
            if let Some(quantity) = quantity {
                require_beside(items, quantity)?;
            }
            agree(Some(items), quantity.as_ref(), key.as_ref(), &[], counting)?;
            planner.list(items, quantity.as_ref());
            Ok(Says::Listed(None))
        }
        Items::OneByOne(item, end) => {
            require_singular(Role::Item, item)?;
            if let Some(quantity) = quantity {
                require_singular(Role::Quantity, quantity)?;
            }
            let (role, path) = end.path();
            let end_path = [(role, Some(path))];
            agree(Some(item), quantity.as_ref(), key.as_ref(), &end_path, counting)?;
            planner.list(item, quantity.as_ref());
            Ok(Says::Listed(Some(EndAt::compile(end, planner)?)))
        }
        Items::Count(_) if quantity.is_some() => Err(InputError::QuantityOfCount),
        Items::Count(count) => {
            require_singular(Role::Count, count)?;
            agree(None, None, key.as_ref(), &[(Role::Count, Some(count))], counting)?;
            Ok(Says::Counted(planner.value(Role::Count, count)))
        }
        Items::Fixed(_) if quantity.is_some() => Err(InputError::QuantityOfFixed),
        Items::Fixed(items) => {
            agree(None, None, key.as_ref(), &[], counting)?;
            needed(items, counting).map(Says::Needed)
        }
    }
}

fn needed(items: &[String], counting: Counting) -> Result<matching::Items, InputError> {
    let mut needed = matching::Items::default();
    for item in items {
        let item = fixed(item)?;
        let listed = items.iter().filter(|other| *other == item).count();
        let need = match counting {
            Counting::Distinct => 1,
            Counting::Quantity => u32::try_from(listed).expect("an object has few items"),
        };
        needed.set(item, need, 0);
    }
    Ok(needed)
}

fn observed(
    paths: &ObservedPaths,
    counting: Counting,
    planner: &mut Planner,
) -> Result<Says, InputError> {
    let ObservedPaths { key, item, quantity, id, outcome } = paths;
    if let Some(id) = id {
        if counting == Counting::Distinct {
            return Err(InputError::IdNotCounted);
        }
        require_singular(Role::Id, id)?;
    }
    let more = [(Role::Id, id.as_ref())];
    let item = match item {
        Item::At(path) => {
            require_singular(Role::Item, path)?;
            agree(Some(path), quantity.as_ref(), key.as_ref(), &more, counting)?;
            ItemAt::Slot(planner.value(Role::Item, path))
        }
        Item::Fixed(item) => {
            agree(None, quantity.as_ref(), key.as_ref(), &more, counting)?;
            ItemAt::Fixed(fixed(item)?.clone())
        }
    };
    if let Some(quantity) = quantity {
        require_singular(Role::Quantity, quantity)?;
    }
    let quantity = quantity.as_ref().map(|path| planner.value(Role::Quantity, path));
    let outcome = match outcome {
        Some(OutcomeAt { path, arrived, failed, withdrawn }) => {
            require_singular(Role::Outcome, path)?;
            let texts = [
                (ItemOutcome::Arrived, Test::In(arrived.clone())),
                (ItemOutcome::Failed, Test::In(failed.clone())),
                (ItemOutcome::Withdrawn, Test::In(withdrawn.clone())),
            ];
            Some(Outcomes { slot: planner.value(Role::Outcome, path), texts })
        }
        None => None,
    };
    let id = id.as_ref().map(|path| planner.value(Role::Id, path));
    Ok(Says::Observed { item, quantity, id, outcome })
}

fn fixed(item: &String) -> Result<&String, InputError> {
    if item.len() > ITEM_BYTES_MAX {
        return Err(InputError::FixedItemTooLong { item: item.clone() });
    }
    Ok(item)
}

/// Checks that one document can have a place for each path of an entry.
fn agree(
    items: Option<&Path>,
    quantity: Option<&Path>,
    key: Option<&Path>,
    more: &[(Role, Option<&Path>)],
    counting: Counting,
) -> Result<(), InputError> {
    if quantity.is_some() && counting == Counting::Distinct {
        return Err(InputError::QuantityNotCounted);
    }
    if let Some(key) = key {
        require_singular(Role::Key, key)?;
    }
    let roles = [(Role::Item, items), (Role::Quantity, quantity), (Role::Key, key)];
    let all = roles.iter().chain(more);
    let paths: Vec<_> = all.filter_map(|(role, path)| path.map(|path| (*role, path))).collect();
    require_agreement(&paths)
}
