//! Where the records of the input topics hold key, item and quantity.
//!
//! Promise: paths are parsed and compiled by the code that also reads the records, so everything
//! that it would refuse is reported here, with its field and its fix.

use super::super::bounds::{FIXED_ITEMS_MAX, PATH_BYTES_MAX, TEXT_BYTES_MAX, TEXTS_MAX};
use super::super::problem::Problems;
use super::super::resource::{
    ExpectedSpec, ItemSpec, ItemsSpec, LastSpec, ObservedSpec, ReconciliationSpec,
};
use super::super::settings::{Expected, Observed};
use super::super::suggest;
use super::conditions::conditions;
use super::envelope::{envelope, record_key};
use super::keep::keep;
use super::{deadlines, format, outcomes};
use rollcall_core::codec::Path;
use rollcall_core::codec::input::{
    DeadlinePaths, Decoder, End, Entry, ExpectedPaths, InputError, Item, Items, Limits,
    ObservedPaths, Paths, Role,
};
use rollcall_core::matching::Counting;

/// Returns the expected topic with its paths.
pub(super) fn expected(
    object: &ReconciliationSpec,
    counting: Counting,
    problems: &mut Problems,
) -> Expected {
    let (spec, place) = (&object.expected, "spec.expected");
    let field = |name: &str| format!("{place}.{name}");
    let conditions = conditions(place, &spec.conditions, problems);
    let key = spec.key.as_ref().and_then(|key| singular(field("key"), key, problems));
    let items = items(spec, problems);
    if spec.item.is_some() && spec.allow_empty {
        let message = "has no effect beside item: each record lists one";
        problems.add(field("allowEmpty"), message, "remove it");
    }
    let quantity = spec.quantity.as_ref();
    let quantity = quantity.and_then(|quantity| parse(field("quantity"), quantity, problems));
    let are_read = items.is_some();
    let items = items.unwrap_or(Items::Fixed(Vec::new()));
    let paths = Paths::Expected(ExpectedPaths { key, items, quantity });
    let keep = keep(place, &spec.keep, problems);
    let deadlines = deadlines::paths(object, problems);
    let envelope = envelope(spec.envelope);
    let (record_key, key_format) = record_key(place, spec.record_key.as_ref(), problems);
    let entry = Entry { envelope, record_key, conditions, keep, deadlines, paths };
    if are_read {
        let items = if spec.item.is_some() { "item" } else { "items" };
        compile(&entry, counting, place, items, problems);
    }
    let (place, topic) = (place.to_owned(), spec.topic.clone());
    let format =
        format::format(&place, spec.format, (spec.avro.as_ref(), spec.protobuf.as_ref()), problems);
    let allow_empty = spec.allow_empty;
    let key_format = format::of_keys(key_format);
    Expected { place, topic, format, key_format, entry, allow_empty }
}

/// Returns an observed topic, which is at `place` in the object, with its paths.
pub(super) fn observed(
    place: &str,
    spec: &ObservedSpec,
    counting: Counting,
    problems: &mut Problems,
) -> Observed {
    let field = |name: &str| format!("{place}.{name}");
    let conditions = conditions(place, &spec.conditions, problems);
    let key = spec.key.as_ref().and_then(|key| singular(field("key"), key, problems));
    let item = match &spec.item {
        ItemSpec::At(item) => singular(field("item"), item, problems).map(Item::At),
        ItemSpec::Fixed(item) => {
            let place = field("item.fixed");
            fixed_item(&place, &item.fixed, problems).map(Item::Fixed)
        }
    };
    let quantity = spec.quantity.as_ref();
    let quantity = quantity.and_then(|quantity| singular(field("quantity"), quantity, problems));
    let id = spec.id.as_ref().and_then(|id| singular(field("id"), id, problems));
    let outcome = spec.outcome.as_ref();
    let outcome = outcome.and_then(|outcome| outcomes::outcome(place, outcome, problems));
    let are_read = item.is_some();
    let item = item.unwrap_or(Item::Fixed(String::new()));
    let paths = Paths::Observed(ObservedPaths { key, item, quantity, id, outcome });
    let keep = keep(place, &spec.keep, problems);
    let deadlines = DeadlinePaths::default();
    let envelope = envelope(spec.envelope);
    let (record_key, key_format) = record_key(place, spec.record_key.as_ref(), problems);
    let entry = Entry { envelope, record_key, conditions, keep, deadlines, paths };
    if are_read {
        compile(&entry, counting, place, "item", problems);
    }
    let format =
        format::format(place, spec.format, (spec.avro.as_ref(), spec.protobuf.as_ref()), problems);
    let (place, topic) = (place.to_owned(), spec.topic.clone());
    let key_format = format::of_keys(key_format);
    Observed { place, topic, format, key_format, entry }
}

/// Returns what a key needs, which the object says in one way.
fn items(spec: &ExpectedSpec, problems: &mut Problems) -> Option<Items> {
    let place = "spec.expected";
    let ways = [
        ("items", spec.items.is_some()),
        ("count", spec.count.is_some()),
        ("item", spec.item.is_some()),
    ];
    let mut ways = ways.into_iter().filter_map(|(name, is_there)| is_there.then_some(name));
    let (way, another) = (ways.next(), ways.next());
    if let (Some(way), Some(another)) = (way, another) {
        let message = format!("stands beside {way}, which says the same in another way");
        problems.add(format!("{place}.{another}"), message, "remove one of them");
        return None;
    }
    if spec.item.is_none() {
        for (name, is_there) in [("total", spec.total.is_some()), ("last", spec.last.is_some())] {
            if is_there {
                let remedy = "write item: with the path of the one item that a record lists, or \
                              remove it";
                problems.add(format!("{place}.{name}"), "has no effect without item", remedy);
            }
        }
    }
    match (&spec.items, &spec.count, &spec.item) {
        (Some(ItemsSpec::At(items)), ..) => {
            parse(format!("{place}.items"), items, problems).map(Items::At)
        }
        (Some(ItemsSpec::Fixed(items)), ..) => {
            fixed_items(&items.fixed, problems).map(Items::Fixed)
        }
        (_, Some(count), _) => {
            singular(format!("{place}.count"), count, problems).map(Items::Count)
        }
        (_, _, Some(item)) => {
            let item = singular(format!("{place}.item"), item, problems);
            let end = end(spec, problems);
            Some(Items::OneByOne(item?, end?))
        }
        _ => {
            problems.add(format!("{place}.items"), "is missing", suggest::NEEDS);
            None
        }
    }
}

/// Returns what closes a list that comes record by record.
fn end(spec: &ExpectedSpec, problems: &mut Problems) -> Option<End> {
    let place = "spec.expected";
    match (&spec.total, &spec.last) {
        (Some(total), None) => singular(format!("{place}.total"), total, problems).map(End::Total),
        (None, Some(LastSpec { path, one_of })) => {
            let path = singular(format!("{place}.last.path"), path, problems);
            let list = format!("{place}.last.in");
            if one_of.is_empty() {
                problems.add(list, "is empty", "list the texts of the last record");
                return None;
            }
            if one_of.len() > TEXTS_MAX as usize {
                let message = format!("lists {} texts", one_of.len());
                problems.add(list, message, format!("list at most {TEXTS_MAX}"));
                return None;
            }
            if let Some(text) = one_of.iter().find(|text| text.len() > TEXT_BYTES_MAX as usize) {
                let message = format!("has a text of {} bytes", text.len());
                problems.add(list, message, format!("use at most {TEXT_BYTES_MAX} bytes"));
                return None;
            }
            Some(End::Last(path?, one_of.clone()))
        }
        (Some(_), Some(_)) => {
            let message = "stands beside total, which closes the list in another way";
            problems.add(format!("{place}.last"), message, "remove one of them");
            None
        }
        (None, None) => {
            let remedy = "write total: with the path of how many items the list has, or last: \
                          {path: …, in: […]} for the record that closes it";
            problems.add(format!("{place}.total"), "is missing beside item", remedy);
            None
        }
    }
}

fn fixed_items(items: &[String], problems: &mut Problems) -> Option<Vec<String>> {
    let place = "spec.expected.items.fixed";
    if items.is_empty() {
        problems.add(place, "is empty", "list the items that every key needs");
        return None;
    }
    if items.len() > FIXED_ITEMS_MAX as usize {
        problems.add(
            place,
            format!("lists {} items", items.len()),
            format!("list at most {FIXED_ITEMS_MAX}"),
        );
        return None;
    }
    let one =
        |(index, item): (usize, &String)| fixed_item(&format!("{place}[{index}]"), item, problems);
    items.iter().enumerate().map(one).collect()
}

fn fixed_item(place: &str, item: &str, problems: &mut Problems) -> Option<String> {
    if item.is_empty() {
        problems.add(place, "is empty", "name an item");
    } else if item.len() > TEXT_BYTES_MAX as usize {
        let message = format!("has {} bytes", item.len());
        problems.add(place, message, format!("use at most {TEXT_BYTES_MAX} bytes"));
    } else {
        return Some(item.to_owned());
    }
    None
}

pub(super) fn parse(field: String, text: &str, problems: &mut Problems) -> Option<Path> {
    if text.len() > PATH_BYTES_MAX as usize {
        let message = format!("is a JSON path of {} bytes", text.len());
        problems.add(field, message, format!("use at most {PATH_BYTES_MAX} bytes"));
        return None;
    }
    let refused = |error: rollcall_core::codec::path::PathError| {
        let column = error.column;
        (
            format!("\"{text}\" is not a JSON path that Rollcall reads, from column {column} on"),
            error.problem.to_string(),
        )
    };
    problems.check(field, Path::parse(text).map_err(refused))
}

/// Checks each field on its own, because compiling reports only one mistake at a time.
pub(super) fn singular(field: String, text: &str, problems: &mut Problems) -> Option<Path> {
    let path = parse(field.clone(), text, problems)?;
    let is_singular = path.is_singular();
    if !is_singular {
        several_places(field, &path.to_string(), problems);
    }
    is_singular.then_some(path)
}

/// Reports why an entry does not compile; paths without effect and invalid paths are reported
/// together.
fn compile(entry: &Entry, counting: Counting, place: &str, item: &str, problems: &mut Problems) {
    let error =
        |counting| Decoder::new(std::slice::from_ref(entry), counting, Limits::default()).err();
    let Some(found) = error(counting) else { return };
    tell(&found, place, item, problems);
    if found == InputError::QuantityNotCounted
        && let Some(wrong) = error(Counting::Quantity)
    {
        tell(&wrong, place, item, problems);
    }
}

/// Adds a refusal to the field that it is about; `item` is the topic's name for its item path.
fn tell(error: &InputError, place: &str, item: &str, problems: &mut Problems) {
    let field = |role: &Role| match role {
        Role::Key => format!("{place}.key"),
        Role::Item => format!("{place}.{item}"),
        Role::Quantity => format!("{place}.quantity"),
        Role::Outcome => format!("{place}.outcome.path"),
        Role::Count => format!("{place}.count"),
        Role::Total => format!("{place}.total"),
        Role::Last => format!("{place}.last.path"),
        Role::Id => format!("{place}.id"),
        Role::Condition => format!("{place}.where"),
        Role::Keep => format!("{place}.keep"),
        Role::Overdue => "spec.overdue.at".to_owned(),
        Role::Expire => "spec.expire.at".to_owned(),
        Role::Envelope => format!("{place}.envelope"),
        Role::RecordKey => format!("{place}.recordKey"),
    };
    match error {
        InputError::NotSingular { role, path } => several_places(field(role), path, problems),
        InputError::QuantityElsewhere { quantity, start } => problems.add(
            field(&Role::Quantity),
            format!("\"{quantity}\" does not lie beside the item"),
            format!("begin it with {start}, and use no * after that"),
        ),
        InputError::QuantityNotCounted => problems.add(
            field(&Role::Quantity),
            "has no effect with counting: distinct",
            "remove it, or write counting: quantity",
        ),
        InputError::QuantityOfFixed => problems.add(
            field(&Role::Quantity),
            "has no effect beside fixed items",
            "remove it, and list an item as often as it is needed",
        ),
        InputError::IdNotCounted => problems.add(
            field(&Role::Id),
            "has no effect with counting: distinct, by which each item counts once",
            "remove it, or write counting: quantity",
        ),
        InputError::QuantityOfCount => problems.add(
            field(&Role::Quantity),
            "has no effect beside a count, which is that of all units",
            "remove it",
        ),
        InputError::NoEnvelope { role, path } => problems.add(
            field(role),
            format!("\"{path}\" leads into an envelope, and the topic has none"),
            format!(
                "write {place}.envelope: debezium, cloudevents or connect, or begin the path with $"
            ),
        ),
        // Reported with both places; a single entry has one of each.
        InputError::EnvelopesDiffer | InputError::RecordKeysDiffer => {}
        InputError::FixedItemTooLong { .. } => {
            problems.add(field(&Role::Item), error.to_string(), "shorten it");
        }
        InputError::Contradiction { role, path, place } => problems.add(
            field(role),
            format!("\"{path}\" contradicts another path of this topic at {place}"),
            format!(
                "read what is at {place} in one way only: as a value, as an object, as an array \
                 by index or as an array by *"
            ),
        ),
    }
}

fn several_places(field: String, path: &str, problems: &mut Problems) {
    let message = format!("\"{path}\" may lead to several places");
    problems.add(field, message, "write a name or an index for *");
}
