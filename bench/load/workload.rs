//! A stream of orders and manufactured products with a known answer.
//!
//! Everything about an order is derived from the seed and the order's number, and the number can be
//! recovered from the order's id, so the judge needs no table of what was sent.

use std::io::Write;

/// Length of an order id in bytes of text: a UUID.
pub(crate) const ID_BYTES: usize = 36;

/// One in this many records is sent twice.
const DUPLICATE_ONE_IN: u64 = 100;
/// One in this many orders is sent among its products instead of before them.
const SHUFFLED_ONE_IN: u64 = 8;
/// Odd, so that multiplying by it permutes the 32-bit numbers.
const SCRAMBLE: u32 = 0x9e37_79b1;
/// `SCRAMBLE * UNSCRAMBLE == 1` in 32 bits.
const UNSCRAMBLE: u32 = 0x0e8b_2f51;

/// The shape of a stream of orders.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    pub seed: u64,
    /// How many orders are begun before the stream ends.
    pub orders: u32,
    /// How many orders are under way at the same time.
    pub open: usize,
    /// Orders have 1 to this many items, all equally likely.
    pub items_max: u64,
    /// Percentage of orders whose last record is withheld, so that they stay open.
    pub unfinished_percent: u64,
    /// Each record says in a header what it is.
    pub headers: bool,
}

/// One record of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub order: u32,
    /// `None` for the order itself, `Some(n)` for its n-th manufactured product.
    pub product: Option<u8>,
    /// This is the last record of an order without withheld records.
    pub completes: bool,
}

/// The properties of one order that the seed determines.
#[derive(Debug, Clone, Copy)]
struct Plan {
    items: u8,
    /// How many of its products are sent before the order itself.
    announced_after: u8,
    first_product: u64,
    unfinished: bool,
}

impl Workload {
    /// Orders of one to five items that all finish, without end.
    pub(crate) const ENDLESS: Self = Self {
        seed: 7,
        orders: u32::MAX,
        open: 1000,
        items_max: 5,
        unfinished_percent: 0,
        headers: false,
    };

    /// Returns whether the order gets all of its records.
    pub(crate) fn finishes(&self, order: u32) -> bool {
        !self.plan(order).unfinished
    }

    /// Returns how many of the first `orders` orders get all of their records.
    pub(crate) fn finished_among(&self, orders: u32) -> u64 {
        (0..orders).filter(|order| self.finishes(*order)).count() as u64
    }

    /// Writes the record's key, the order's id.
    pub(crate) fn id(&self, order: u32, id: &mut [u8; ID_BYTES]) {
        let mix = mix(self.seed ^ u64::from(order));
        let scrambled = order.wrapping_mul(SCRAMBLE) ^ low_half(self.seed);
        *id = *b"00000000-0000-4000-8000-000000000000";
        hex(mix >> 32, &mut id[0..8]);
        hex(mix, &mut id[9..13]);
        hex(mix >> 16, &mut id[15..18]);
        hex(mix >> 28, &mut id[20..23]);
        hex(mix >> 8, &mut id[24..28]);
        hex(u64::from(scrambled), &mut id[28..36]);
    }

    /// Returns the number of the order with this id, or `None` if this workload has no such order.
    pub(crate) fn order_of(&self, id: &[u8]) -> Option<u32> {
        let tail = std::str::from_utf8(id.get(ID_BYTES - 8..)?).ok()?;
        let scrambled = u32::from_str_radix(tail, 16).ok()? ^ low_half(self.seed);
        let order = scrambled.wrapping_mul(UNSCRAMBLE);
        let mut expected = [0; ID_BYTES];
        self.id(order, &mut expected);
        (expected == id).then_some(order)
    }

    /// Writes the record's JSON over `value`.
    pub(crate) fn value(&self, record: Record, id: &[u8; ID_BYTES], value: &mut Vec<u8>) {
        let plan = self.plan(record.order);
        let id = std::str::from_utf8(id).expect("ids are hexadecimal text");
        value.clear();
        let written = match record.product {
            Some(n) => write!(
                value,
                "{{\"orderId\":\"{id}\",\"productId\":{},\
                 \"manufacturedDate\":\"2023-05-08T21:40:00.000000001\"}}",
                plan.first_product + u64::from(n)
            ),
            None => write_order(plan, id, value),
        };
        written.expect("memory takes what is written");
    }

    fn plan(&self, order: u32) -> Plan {
        let dice = mix(self.seed.rotate_left(17) ^ u64::from(order));
        let items = 1 + dice % self.items_max;
        let shuffled = (dice >> 8).is_multiple_of(SHUFFLED_ONE_IN);
        let announced_after = if shuffled { (dice >> 16) % (items + 1) } else { 0 };
        Plan {
            items: items as u8,
            announced_after: announced_after as u8,
            first_product: 1 + (dice >> 24) % 1000,
            unfinished: (dice >> 40) % 100 < self.unfinished_percent,
        }
    }
}

/// The records of a workload in sending order.
pub(crate) struct Stream {
    workload: Workload,
    next_order: u32,
    end: u32,
    dice: u64,
    under_way: Vec<UnderWay>,
    again: Option<Record>,
}

#[derive(Clone, Copy)]
struct UnderWay {
    order: u32,
    sent: u8,
}

impl Stream {
    /// Returns the stream whose first order has the number `first`.
    pub(crate) fn new(workload: Workload, first: u32) -> Self {
        let end = first.saturating_add(workload.orders);
        let dice = workload.seed ^ u64::from(first);
        Self { workload, next_order: first, end, dice, under_way: Vec::new(), again: None }
    }

    /// Returns the number of the first order that has not been begun.
    pub(crate) fn next_order(&self) -> u32 {
        self.next_order
    }

    /// Begins no more orders: the stream ends once those under way are done.
    pub(crate) fn wind_down(&mut self) {
        self.end = self.next_order;
    }

    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.dice)
    }

    /// While orders are being opened, three records out of four open one, so that all of them are
    /// open soon; after that an order is begun whenever one has ended.
    fn choose(&mut self, roll: u64) -> Option<usize> {
        let room = self.under_way.len() < self.workload.open && self.next_order < self.end;
        if room && (self.under_way.is_empty() || roll % 4 < 3) {
            self.under_way.push(UnderWay { order: self.next_order, sent: 0 });
            self.next_order += 1;
            return Some(self.under_way.len() - 1);
        }
        let count = self.under_way.len() as u64;
        (count > 0).then(|| ((roll >> 2) % count) as usize)
    }
}

impl Iterator for Stream {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if let Some(record) = self.again.take() {
            return Some(record);
        }
        loop {
            let roll = self.roll();
            let chosen = self.choose(roll)?;
            let UnderWay { order, sent } = self.under_way[chosen];
            let plan = self.workload.plan(order);
            let last = sent == plan.items;
            if last {
                self.under_way.swap_remove(chosen);
                if plan.unfinished {
                    continue;
                }
            } else {
                self.under_way[chosen].sent += 1;
            }
            let product = match sent.cmp(&plan.announced_after) {
                std::cmp::Ordering::Less => Some(sent),
                std::cmp::Ordering::Equal => None,
                std::cmp::Ordering::Greater => Some(sent - 1),
            };
            if (roll >> 40).is_multiple_of(DUPLICATE_ONE_IN) {
                self.again = Some(Record { order, product, completes: false });
            }
            return Some(Record { order, product, completes: last });
        }
    }
}

fn write_order(plan: Plan, id: &str, value: &mut Vec<u8>) -> std::io::Result<()> {
    write!(value, r#"{{"id":"{id}","orderDate":"2023-05-08T21:37:38.571850862","items":["#)?;
    for n in 0..u64::from(plan.items) {
        let (comma, product) = (if n == 0 { "" } else { "," }, plan.first_product + n);
        write!(value, r#"{comma}{{"id":{product},"name":"Product {product}"}}"#)?;
    }
    value.write_all(b"]}")
}

/// Fills `digits` with the low end of `number`.
fn hex(mut number: u64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 0xf) as usize];
        number >>= 4;
    }
}

fn low_half(number: u64) -> u32 {
    (number & 0xffff_ffff) as u32
}

/// The finalizer of splitmix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    const SMALL: Workload =
        Workload { seed: 9, orders: 2000, open: 300, unfinished_percent: 50, ..Workload::ENDLESS };

    #[test]
    fn the_number_of_an_order_can_be_read_back_from_its_id() {
        let mut ids = HashSet::new();
        for order in (0..1000).chain([u32::MAX - 1, u32::MAX]) {
            let mut id = [0; ID_BYTES];
            SMALL.id(order, &mut id);
            assert_eq!(SMALL.order_of(&id), Some(order));
            assert!(ids.insert(id));
            let other = Workload { seed: 10, ..SMALL };
            assert_eq!(other.order_of(&id), None, "another workload has no such order");
        }
    }

    #[test]
    fn the_answer_follows_from_the_records_that_were_sent() {
        let mut expected: HashMap<String, HashSet<u64>> = HashMap::new();
        let mut observed: HashMap<String, HashSet<u64>> = HashMap::new();
        let mut announced_late = 0;
        for record in Stream::new(SMALL, 0) {
            let (mut id, mut value) = ([0; ID_BYTES], Vec::new());
            SMALL.id(record.order, &mut id);
            SMALL.value(record, &id, &mut value);
            let json: serde_json::Value = serde_json::from_slice(&value).expect("valid JSON");
            let key = String::from_utf8(id.to_vec()).expect("text");
            if record.product.is_some() {
                assert_eq!(json["orderId"], key);
                let product = json["productId"].as_u64().expect("a number");
                observed.entry(key).or_default().insert(product);
            } else {
                assert_eq!(json["id"], key);
                announced_late += u32::from(observed.contains_key(&key));
                let items = json["items"].as_array().expect("a list").iter();
                let items = items.map(|item| item["id"].as_u64().expect("a number"));
                expected.insert(key, items.collect());
            }
        }
        let complete = expected.iter().filter(|(key, items)| observed.get(*key) == Some(items));
        assert_eq!(complete.count() as u64, SMALL.finished_among(SMALL.orders));
        assert!(announced_late > 0, "some products come before their order");
    }

    #[test]
    fn a_record_completes_its_order_only_when_it_is_the_last_one() {
        let mut completed = HashSet::new();
        for record in Stream::new(SMALL, 0) {
            if record.completes {
                assert!(SMALL.finishes(record.order) && completed.insert(record.order));
            }
        }
        assert_eq!(completed.len() as u64, SMALL.finished_among(SMALL.orders));
    }

    #[test]
    fn as_many_orders_are_open_as_were_asked_for_and_no_more() {
        let mut stream = Stream::new(SMALL, 0);
        let mut most = 0;
        while stream.next().is_some() {
            most = most.max(stream.under_way.len());
        }
        assert_eq!(most, SMALL.open);
    }

    #[test]
    fn a_stream_that_winds_down_ends_with_every_begun_order_done() {
        let all = Workload { orders: u32::MAX, unfinished_percent: 0, ..SMALL };
        let mut stream = Stream::new(all, 0);
        for _ in 0..5000 {
            stream.next();
        }
        stream.wind_down();
        let begun = stream.next_order();
        assert!(stream.by_ref().count() > 0);
        assert_eq!((stream.next_order(), stream.under_way.len()), (begun, 0));
    }
}
