//! Where the records of the input topics hold key, item and quantity.
//!
//! Promise: paths are parsed and compiled by the code that also reads the records, so everything
//! that it would refuse is reported here, with its field and its fix.

use super::super::bounds::PATH_BYTES_MAX;
use super::super::problem::Problems;
use super::super::resource::{ExpectedSpec, ObservedSpec};
use super::super::settings::{Expected, Observed};
use rollcall_core::codec::Path;
use rollcall_core::codec::input::{
    Decoder, ExpectedPaths, InputError, Limits, ObservedPaths, Role,
};
use rollcall_core::matching::Counting;

/// Returns the expected topic with its paths.
pub(super) fn expected(
    spec: &ExpectedSpec,
    counting: Counting,
    problems: &mut Problems,
) -> Expected {
    let field = |name: &str| format!("spec.expected.{name}");
    let key = spec.key.as_ref().and_then(|key| singular(field("key"), key, problems));
    let items = parse(field("items"), &spec.items, problems);
    let quantity = spec.quantity.as_ref();
    let quantity = quantity.and_then(|quantity| parse(field("quantity"), quantity, problems));
    let are_read = items.is_some();
    let paths = ExpectedPaths { key, items: items.unwrap_or_default(), quantity };
    if are_read {
        let compile = |counting| Decoder::expected(&paths, counting, Limits::default());
        for error in refusals(compile, counting) {
            tell(&error, "spec.expected", "items", problems);
        }
    }
    Expected { topic: spec.topic.clone(), paths, allow_empty: spec.allow_empty }
}

/// Returns an observed topic, which is at `place` in the object, with its paths.
pub(super) fn observed(
    place: &str,
    spec: &ObservedSpec,
    counting: Counting,
    problems: &mut Problems,
) -> Observed {
    let field = |name: &str| format!("{place}.{name}");
    let key = spec.key.as_ref().and_then(|key| singular(field("key"), key, problems));
    let item = singular(field("item"), &spec.item, problems);
    let quantity = spec.quantity.as_ref();
    let quantity = quantity.and_then(|quantity| singular(field("quantity"), quantity, problems));
    let are_read = item.is_some();
    let paths = ObservedPaths { key, item: item.unwrap_or_default(), quantity };
    if are_read {
        let compile = |counting| Decoder::observed(&paths, counting, Limits::default());
        for error in refusals(compile, counting) {
            tell(&error, place, "item", problems);
        }
    }
    Observed { topic: spec.topic.clone(), paths }
}

fn parse(field: String, text: &str, problems: &mut Problems) -> Option<Path> {
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
fn singular(field: String, text: &str, problems: &mut Problems) -> Option<Path> {
    let path = parse(field.clone(), text, problems)?;
    let is_singular = path.is_singular();
    if !is_singular {
        several_places(field, &path.to_string(), problems);
    }
    is_singular.then_some(path)
}

/// Returns why paths do not compile; paths without effect and invalid paths are reported together.
fn refusals(
    compile: impl Fn(Counting) -> Result<Decoder, InputError>,
    counting: Counting,
) -> Vec<InputError> {
    match compile(counting) {
        Ok(_) => Vec::new(),
        Err(InputError::QuantityNotCounted) => {
            let wrong = compile(Counting::Quantity).err();
            std::iter::once(InputError::QuantityNotCounted).chain(wrong).collect()
        }
        Err(error) => vec![error],
    }
}

/// Adds a refusal to the field that it is about; `item` is the topic's name for its item path.
fn tell(error: &InputError, place: &str, item: &str, problems: &mut Problems) {
    let field = |role: &Role| match role {
        Role::Key => format!("{place}.key"),
        Role::Item => format!("{place}.{item}"),
        Role::Quantity => format!("{place}.quantity"),
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
