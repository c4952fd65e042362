//! Logs the steps of a key in the words that users of the original demo know.

use tracing::info;

use crate::matching::{Emitted, Event, Outcome, Row};

/// What must be remembered before a step in order to log it afterwards.
pub(in crate::shard) struct Told {
    listed: Option<(usize, usize)>,
}

impl Told {
    pub(in crate::shard) fn before(row: &Row, event: &Event<'_>) -> Self {
        let mut row = row.clone();
        match event {
            Event::Expectation(items) => {
                let merged =
                    items.iter().map(|item| (item.text, item.need, row.items.get(item.text).have));
                row.items = merged.collect();
                row.expected = true;
            }
            Event::Observation { item, quantity } => {
                let known = row.items.get(item);
                row.items.set(item, known.need, known.have.saturating_add(*quantity));
            }
            Event::Cancellation | Event::Tick => {}
        }
        let needed = || row.items.iter().filter(|item| item.need > 0);
        let made = needed().filter(|item| item.missing() == 0).count();
        Self { listed: row.expected.then(|| (made, needed().count())) }
    }

    pub(in crate::shard) fn tell(
        self,
        key: &[u8],
        row: &Row,
        outcome: Outcome,
        emitted: Option<&Emitted>,
    ) {
        let id = String::from_utf8_lossy(key);
        let moved = matches!(
            outcome,
            Outcome::Expected
                | Outcome::Amended
                | Outcome::Reopened
                | Outcome::Observed
                | Outcome::Unexpected
        );
        match (moved, self.listed, emitted) {
            (true, Some((made, needed)), Some(Emitted::Completion { .. })) => {
                info!("{made}/{needed} manufactured products");
                info!("All items of order {id} were manufactured, forwarding event to shipping");
            }
            (true, Some((made, needed)), _) => {
                info!("{made}/{needed} manufactured products");
                info!("Not all items of order {id} were manufactured, waiting");
            }
            (true, None, _) => {
                info!(
                    "Order {id} is not known yet, {} of its products waiting",
                    row.items.iter().count()
                );
            }
            (false, ..) if outcome != Outcome::Nothing => {
                info!("Order {id}: {}", outcome.name());
            }
            _ => {}
        }
    }
}
