//! What a record means, in words.

use rollcall_core::matching::{Counting, Event, Expectation, Extent, ItemOutcome, Part};
use rollcall_object::Settings;

/// Most items of an expectation that are printed.
const ITEMS_MAX: usize = 20;

/// Returns the deadlines that an expectation names, each on a line.
pub fn deadlines(event: &Event<'_>) -> String {
    let Event::Expectation(Expectation { deadlines, .. }) = event else { return String::new() };
    let named = [("is overdue", deadlines.overdue), ("expires", deadlines.expire)];
    let line = |(what, at): (&str, Option<i64>)| {
        let at = jiff::Timestamp::from_millisecond(at?).ok()?;
        Some(format!("\n  it {what} at {at}"))
    };
    named.into_iter().filter_map(line).collect()
}

/// Returns what an event means for its key.
pub fn of(settings: &Settings, key: &str, event: Event<'_>) -> String {
    match event {
        Event::Expectation(Expectation { extent: Extent::Count(count), .. }) => {
            let counted = match (settings.counting, count) {
                (Counting::Distinct, 1) => "item",
                (Counting::Distinct, _) => "items",
                (Counting::Quantity, 1) => "unit",
                (Counting::Quantity, _) => "units",
            };
            format!("the key {key} needs {count} {counted}, whichever they are")
        }
        Event::Expectation(Expectation { items, extent: Extent::Part(part), .. }) => {
            let item = items.iter().next().map_or("", |item| item.text);
            let rest = match part {
                Part::Of(total) => format!("its list has {total}"),
                Part::More => "its list goes on".to_owned(),
                Part::Last => "that closes its list".to_owned(),
            };
            format!("the key {key} needs the item {item} among others; {rest}")
        }
        Event::Expectation(Expectation { items, .. }) => {
            let mut names: Vec<String> = items
                .iter()
                .take(ITEMS_MAX)
                .map(|item| match item.need {
                    1 => item.text.to_owned(),
                    need => format!("{} ({need} times)", item.text),
                })
                .collect();
            let total = items.iter().count();
            if total > names.len() {
                names.push(format!("and {} more", total - names.len()));
            }
            match total {
                0 => format!("the key {key} needs nothing"),
                1 => format!("the key {key} needs 1 item: {}", names[0]),
                _ => format!("the key {key} needs {total} items: {}", names.join(", ")),
            }
        }
        Event::Cancellation => format!("the key {key} is cancelled"),
        Event::Observation { item, quantity, outcome, id } => match (outcome, quantity) {
            (ItemOutcome::Arrived, 1) => {
                format!("the item {item} of the key {key} has arrived{}", by(id))
            }
            (ItemOutcome::Arrived, _) => {
                format!("{quantity} of the item {item} of the key {key} have arrived{}", by(id))
            }
            (ItemOutcome::Failed, _) => format!("the item {item} of the key {key} has failed"),
            (ItemOutcome::Withdrawn, _) => {
                format!("what was said of the item {item} of the key {key} is withdrawn")
            }
        },
        Event::Tick => unreachable!("a decoder makes no ticks"),
    }
}

fn by(id: Option<&str>) -> String {
    id.map(|id| format!(", by the id {id}")).unwrap_or_default()
}
