//! The orders of one partition that are in progress. No Kafka and no clock here: records and times
//! are passed in as values.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::progress::{PRODUCTS_MAX, Progress};
use crate::event::Order;
use rollcall_core::codec::input::Limits;

/// The unfinished orders of one partition.
#[derive(Debug)]
pub struct Workbench {
    /// In offset order; the first one is unfinished.
    orders: VecDeque<InWork>,
    /// Offset after the last record seen.
    next_offset: Option<i64>,
    /// Bits that no order has claimed yet; they were committed before this process took over.
    resumed: Progress,
    /// Whether something has changed since the progress was last requested.
    changed: bool,
}

#[derive(Debug)]
struct InWork {
    offset: i64,
    id: String,
    products: Vec<Product>,
}

#[derive(Debug)]
struct Product {
    id: i64,
    /// `None` once made.
    due: Option<Instant>,
}

/// A product was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub order_id: String,
    pub product_id: i64,
}

impl Workbench {
    /// Continues where `progress` ends.
    pub fn resume(progress: Progress) -> Self {
        Self {
            orders: VecDeque::new(),
            next_offset: progress.offset,
            resumed: progress,
            changed: false,
        }
    }

    /// Adds the record at `offset` to the work in progress; `order` is `None` if it orders nothing
    /// that can be made. Each product is due `delay()` after `now`.
    pub fn accept(
        &mut self,
        offset: i64,
        order: Option<Order>,
        now: Instant,
        delay: &mut dyn FnMut() -> Duration,
    ) {
        if self.resumed.offset.take().is_some_and(|resumed| resumed != offset) {
            // The order that the bits begin with is no longer in the topic.
            self.resumed.made.clear();
        }
        self.next_offset = Some(offset + 1);
        self.changed = true;
        if let Some(order) = order {
            let made = self.resumed.made.drain(..order.items.len().min(self.resumed.made.len()));
            let made: Vec<bool> =
                made.chain(std::iter::repeat(false)).take(order.items.len()).collect();
            let products = order
                .items
                .iter()
                .zip(made)
                .map(|(item, made)| Product { id: item.id, due: (!made).then(|| now + delay()) });
            self.orders.push_back(InWork { offset, id: order.id, products: products.collect() });
        }
        self.clear_away();
    }

    /// Makes what is due and returns it; the caller commits it together with [`Self::progress`], or
    /// drops this value.
    pub fn make(&mut self, now: Instant) -> Vec<Event> {
        let mut made = Vec::new();
        for order in &mut self.orders {
            for product in &mut order.products {
                if product.due.is_some_and(|due| due <= now) {
                    product.due = None;
                    made.push(Event { order_id: order.id.clone(), product_id: product.id });
                }
            }
        }
        self.changed |= !made.is_empty();
        self.clear_away();
        made
    }

    /// Returns the progress to commit, or `None` if it has not changed since the last call.
    pub fn progress(&mut self) -> Option<Progress> {
        std::mem::take(&mut self.changed).then(|| Progress {
            offset: self.orders.front().map(|order| order.offset).or(self.next_offset),
            made: self.products().map(|product| product.due.is_none()).collect(),
        })
    }

    /// Returns whether an order of the largest size might not fit any more.
    pub fn is_full(&self) -> bool {
        self.products().count() + ORDER_PRODUCTS_MAX > PRODUCTS_MAX
    }

    fn products(&self) -> impl Iterator<Item = &Product> {
        self.orders.iter().flat_map(|order| &order.products)
    }

    fn clear_away(&mut self) {
        let finished = |order: &InWork| order.products.iter().all(|product| product.due.is_none());
        while self.orders.front().is_some_and(finished) {
            self.orders.pop_front();
        }
    }
}

/// The largest order that is made: as many items as a reconciliation accepts for one key. A larger
/// order ends up in the dead-letter topic, so nobody would need its products.
pub(super) const ORDER_PRODUCTS_MAX: usize = Limits::DEFAULT.items_max;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event;

    fn order(id: &str, products: &[i64]) -> Option<Order> {
        let items = products.iter().map(|&id| event::Product { id, name: None }).collect();
        Some(Order { id: id.into(), order_date: None, items })
    }

    /// Adds `order` to the work in progress, its products due after these seconds.
    fn accept(bench: &mut Workbench, offset: i64, id: &str, due: &[u64], start: Instant) {
        let products: Vec<i64> = (1..).take(due.len()).collect();
        let mut due = due.iter();
        bench.accept(offset, order(id, &products), start, &mut || {
            Duration::from_secs(*due.next().expect("one delay for each product in work"))
        });
    }

    fn made(events: &[Event]) -> Vec<(&str, i64)> {
        events.iter().map(|event| (event.order_id.as_str(), event.product_id)).collect()
    }

    #[test]
    fn products_are_made_when_they_are_due_and_not_before() {
        let start = Instant::now();
        let mut bench = Workbench::resume(Progress::default());
        accept(&mut bench, 0, "a", &[2, 1], start);
        assert_eq!(made(&bench.make(start)), []);
        assert_eq!(made(&bench.make(start + Duration::from_secs(1))), [("a", 2)]);
        assert_eq!(made(&bench.make(start + Duration::from_secs(5))), [("a", 1)]);
        assert_eq!(made(&bench.make(start + Duration::from_secs(9))), []);
    }

    #[test]
    fn the_offset_stays_at_the_first_order_that_is_not_finished() {
        let start = Instant::now();
        let mut bench = Workbench::resume(Progress::default());
        accept(&mut bench, 4, "a", &[9], start);
        accept(&mut bench, 5, "b", &[1, 2], start);
        bench.make(start + Duration::from_secs(1));
        let progress = bench.progress().expect("something was made");
        assert_eq!(progress, Progress { offset: Some(4), made: vec![false, true, false] });
        assert_eq!(bench.progress(), None, "nothing has changed since");

        bench.make(start + Duration::from_secs(9));
        assert_eq!(bench.progress(), Some(Progress { offset: Some(6), made: vec![] }));
    }

    #[test]
    fn whoever_takes_over_makes_exactly_what_was_not_made() {
        let start = Instant::now();
        let dues: [(i64, &str, &[u64]); 3] = [(4, "a", &[1, 6]), (5, "b", &[3]), (7, "c", &[5, 2])];
        for crash in 0..8 {
            let mut first = Workbench::resume(Progress::default());
            for (offset, id, due) in dues {
                accept(&mut first, offset, id, due, start);
            }
            let mut all = first.make(start + Duration::from_secs(crash));
            let progress = first.progress().expect("records were accepted");

            let metadata = progress.metadata();
            let offset = progress.offset.expect("records were accepted");
            let mut second = Workbench::resume(Progress::parse(offset, &metadata).expect("ours"));
            for (offset, id, due) in dues.into_iter().filter(|(at, ..)| *at >= offset) {
                accept(&mut second, offset, id, due, start);
            }
            all.extend(second.make(start + Duration::from_secs(60)));
            let mut all = made(&all);
            all.sort_unstable();
            assert_eq!(all, [("a", 1), ("a", 2), ("b", 1), ("c", 1), ("c", 2)], "crash {crash}");
        }
    }

    #[test]
    fn records_that_order_nothing_are_passed() {
        let start = Instant::now();
        let mut bench = Workbench::resume(Progress::default());
        bench.accept(3, None, start, &mut || Duration::ZERO);
        accept(&mut bench, 4, "empty", &[], start);
        assert_eq!(bench.progress(), Some(Progress { offset: Some(5), made: vec![] }));
    }

    #[test]
    fn bits_of_an_order_that_the_topic_has_lost_are_not_given_to_another() {
        let start = Instant::now();
        let mut bench = Workbench::resume(Progress { offset: Some(4), made: vec![true, true] });
        accept(&mut bench, 9, "later", &[1, 1], start);
        let all = bench.make(start + Duration::from_secs(1));
        assert_eq!(made(&all), [("later", 1), ("later", 2)]);
    }

    #[test]
    fn it_is_full_before_its_progress_outgrows_the_metadata() {
        let start = Instant::now();
        let mut bench = Workbench::resume(Progress::default());
        let products: Vec<i64> = (1..).take(ORDER_PRODUCTS_MAX).collect();
        let mut offset = 0;
        while !bench.is_full() {
            bench.accept(offset, order("a", &products), start, &mut || Duration::from_secs(1));
            offset += 1;
        }
        assert!(bench.progress().expect("records were accepted").made.len() <= PRODUCTS_MAX);
    }
}
