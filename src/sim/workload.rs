//! The input records of a schedule: every kind that the contract covers, in any order.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Random, Setting,
    kafka::{Message, Topic, TopicPartition},
    plan::{EVENT_HEADER, Expects, Kinds, LAST_COUNTS, Where},
    setting::{Deadlines, START_MS},
};
use rollcall_core::record::{Header, InputIndex, ShardId, Timestamp};

/// What an observation says has become of its item; only plans that read it make a difference.
const ARRIVED: &str = "PASS";
const RESULTS: [&str; 5] = [ARRIVED, ARRIVED, ARRIVED, "FAIL", "REVOKED"];

/// Members of records that only some plans keep.
const NOTES: [&str; 6] = [
    "",
    "",
    r#","note":"a \" b""#,
    r#", "note" : [ 1, {"x" : 2.50} ]"#,
    r#","note":null"#,
    r#","note":1e400"#,
];

/// Members that say what kind of record it is; only plans with conditions read it.
const KINDS: [&str; 10] = [
    "",
    r#","kind":"order""#,
    r#","kind":"order""#,
    r#","kind":1"#,
    r#","kind":true"#,
    r#","kind":"scan""#,
    r#","kind":"draft""#,
    r#","kind":null"#,
    r#","kind":1.5"#,
    r#","kind":{}"#,
];
/// The kind that makes a record without an event header one that is not skipped.
const TAKEN: &str = KINDS[1];

const ITEMS: [&str; 4] = ["1", "2", "\"three\"", "4"];

/// How many different ids the observations of a key have: some occur again.
const IDS: usize = 8;
/// The first of ids that only probes have.
const PROBE_ID: usize = 10;

/// A record still to be written.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub place: TopicPartition,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

impl Arrival {
    /// Adds a member to the value, if that is an object.
    fn with(mut self, member: &str) -> Self {
        if let Some(value) = self.value.as_mut().filter(|value| value.ends_with(b"}")) {
            value.truncate(value.len() - 1);
            value.extend_from_slice(member.as_bytes());
            value.push(b'}');
        }
        self
    }

    pub fn at(self, timestamp_ms: Timestamp) -> (TopicPartition, Message) {
        let Self { place, key, value, headers } = self;
        (place, Message { key, value, timestamp_ms, headers })
    }
}

/// The input of a schedule.
#[derive(Debug)]
pub struct Workload {
    /// In reverse order of arrival.
    pub left: Vec<Arrival>,
    /// Keys that are expected once, whose items all arrive, and to which nothing else happens: each
    /// completes exactly once, whatever else happens.
    pub sure: BTreeMap<ShardId, BTreeSet<Vec<u8>>>,
}

impl Workload {
    pub fn draw(random: &mut Random, setting: &Setting) -> Self {
        let mut left = Vec::new();
        let mut sure: BTreeMap<ShardId, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for &shard in &setting.shards {
            let inputs = setting.inputs();
            for _ in 0..1 + setting.keys_per_shard / 3 {
                let stem = format!("sure-{shard}-{}", left.len());
                let key = setting.partitions.key_in(shard, &stem);
                // Rows that take everything.
                let notes =
                    if setting.plan.rules.row_bytes_max > 1_000 { &NOTES } else { &[""][..] };
                let kind = (inputs, setting.kinds, notes);
                sure_key(random, &mut left, shard, kind, &key);
                sure.entry(shard).or_default().insert(key.into_bytes());
            }
        }
        while left.len() < setting.records {
            let shard = *random.pick(&setting.shards);
            let keys = setting.keys_per_shard;
            let key = if random.chance(setting.strays) {
                setting.partitions.stray(random, shard, keys)
            } else {
                let stem = format!("key-{shard}-{}", random.below(keys));
                setting.partitions.key_in(shard, &stem)
            };
            let input = random.below(setting.inputs());
            left.push(any(random, setting.kinds.selects, (shard, input), &key));
        }
        for last in (1..left.len()).rev() {
            left.swap(last, random.below(last + 1));
        }
        for arrival in &mut left {
            arrival.headers.extend(headers(random));
        }
        setting.encode(&mut left, &mut random.aside());
        Self { left, sure }
    }

    /// Returns the timestamp of a record that is written at `now_ms`; some are unusable.
    pub fn timestamp(random: &mut Random, setting: &Setting, now_ms: Timestamp) -> Timestamp {
        if random.chance(setting.unusable_times) {
            // None, the start of the epoch, seconds, microseconds, nanoseconds.
            return *random.pick(&[-1, 0, now_ms / 1_000, now_ms * 1_000, now_ms * 1_000_000]);
        }
        match setting.deadlines {
            Deadlines::Backlog => now_ms,
            _ if random.chance(100) => now_ms - random.between(0, 6_000),
            _ => now_ms - random.between(0, 50),
        }
    }

    /// Returns how much time passes between two records of a backlog.
    pub fn backlog_pace_ms(random: &mut Random, setting: &Setting) -> Timestamp {
        let days = 6 * 24 * 3_600_000;
        random.between(0, 2 * days / i64::try_from(setting.records).unwrap_or(1))
    }

    /// Returns a valid record.
    pub fn plain(setting: &Setting, shard: ShardId, input: InputIndex, key: &str) -> Arrival {
        let mut arrival = [match input {
            0 => expectation(shard, key, &ITEMS[..2], TAKEN),
            _ => observation(shard, input, key, (ITEMS[0], 1, ARRIVED, 0), TAKEN),
        }];
        setting.encode(&mut arrival, &mut Random::new(0));
        let [arrival] = arrival;
        arrival
    }

    /// Returns a record for every key that shows what the shard knows about it.
    pub fn probes(
        setting: &Setting,
        keys: impl Iterator<Item = (ShardId, Vec<u8>)>,
    ) -> Vec<Arrival> {
        let mut probes = Vec::new();
        for (shard, key) in keys {
            let Ok(text) = std::str::from_utf8(&key) else { continue };
            for input in 1..setting.inputs() {
                let probe = ("\"probe\"", 1, ARRIVED, PROBE_ID + input);
                probes.push(observation(shard, input, text, probe, TAKEN));
            }
        }
        setting.encode(&mut probes, &mut Random::new(0));
        probes
    }
}

impl Setting {
    /// Puts the values of records into the format of their input.
    fn encode(&self, arrivals: &mut [Arrival], random: &mut Random) {
        if let Some(registry) = &self.registry {
            arrivals.iter_mut().for_each(|arrival| registry.encode(arrival, random));
        }
    }
}

fn sure_key(
    random: &mut Random,
    into: &mut Vec<Arrival>,
    shard: ShardId,
    (inputs, kinds, notes): (usize, Kinds, &[&str]),
    key: &str,
) {
    let Kinds { expects, selects, .. } = kinds;
    let mut into = |arrival: Arrival| into.push(arrival.with(taken(selects)));
    let note = *random.aside().pick(notes);
    let items = &ITEMS[..1 + random.below(ITEMS.len())];
    // They are the fixed ones, too.
    let items = if expects == Expects::Fixed { &ITEMS } else { items };
    let lines = lines(expects, items);
    for items in &lines {
        into(expectation(shard, key, items, note));
    }
    for (id, item) in items.iter().enumerate() {
        let input = 1 + random.below(inputs - 1);
        let note = *random.aside().pick(notes);
        into(observation(shard, input, key, (item, 1, ARRIVED, id), note));
        if random.chance(200) {
            into(observation(shard, input, key, (item, 1, ARRIVED, id), ""));
        }
    }
    if random.chance(200) {
        into(expectation(shard, key, &lines[0], note));
    }
}

/// Returns the items of each of the records that say what a key needs.
fn lines<'a>(expects: Expects, items: &[&'a str]) -> Vec<Vec<&'a str>> {
    let is_one_by_one = matches!(expects, Expects::Lines | Expects::LinesToTheLast);
    let records = if is_one_by_one { items.len() } else { 1 };
    // Each record lists its first item.
    let line = |first| {
        let mut items = items.to_vec();
        items.rotate_left(first);
        if expects == Expects::LinesToTheLast {
            // By their number it is told whether this is the last one.
            items.truncate(if first + 1 == records { LAST_COUNTS[0] } else { 2 });
        }
        items
    };
    (0..records).map(line).collect()
}

/// Returns the member with which a record is not skipped.
fn taken(selects: Where) -> &'static str {
    if selects == Where::Everywhere { "" } else { TAKEN }
}

fn any(
    random: &mut Random,
    selects: Where,
    (shard, input): (ShardId, InputIndex),
    key: &str,
) -> Arrival {
    let mut aside;
    let mut arrival = if input == 0 {
        let items: Vec<&str> = (0..random.below(4)).map(|_| *random.pick(&ITEMS)).collect();
        aside = random.aside();
        let note = *aside.pick(&NOTES);
        expectation(shard, key, &items, &format!("{note}{}", deadlines(&mut aside)))
    } else {
        let (item, quantity) = (*random.pick(&ITEMS), 1 + random.below(2));
        aside = random.aside();
        let (result, id, note) = (*aside.pick(&RESULTS), aside.below(IDS), *aside.pick(&NOTES));
        observation(shard, input, key, (item, quantity, result, id), note)
    };
    if selects != Where::Everywhere {
        arrival = marked(&mut aside, arrival, key);
    }
    match random.below(24) {
        0..2 => arrival.value = None,
        2 => arrival.key = None,
        3 => arrival.key = Some(format!("key-{shard}-other").into_bytes()),
        4 => arrival.value = Some(b"{\"id\":".to_vec()),
        5 => arrival.key = Some(vec![0xff, 0xfe]),
        _ => {}
    }
    arrival
}

/// Makes a record one of several kinds. Those of the expected topic may become observations.
fn marked(aside: &mut Random, mut arrival: Arrival, key: &str) -> Arrival {
    let TopicPartition { topic, shard } = arrival.place;
    if topic == Topic::Input(0) && aside.chance(300) {
        let item = (*aside.pick(&ITEMS), 1, *aside.pick(&RESULTS), aside.below(IDS));
        arrival = observation(shard, 0, key, item, "");
    }
    let event = |value: Option<&[u8]>| (EVENT_HEADER.to_owned(), value.map(<[u8]>::to_vec));
    arrival.headers = match aside.below(10) {
        0..2 => vec![event(Some(b"scan"))],
        2 => vec![event(Some(b"heartbeat"))],
        // The last one counts.
        3 => vec![event(Some(b"heartbeat")), event(Some(b"scan"))],
        4 => vec![event(Some(b"scan")), event(None)],
        5 => vec![event(Some(&[0xff]))],
        _ => Vec::new(),
    };
    let kind = *aside.pick(&KINDS);
    arrival.with(kind)
}

/// Returns members that only some plans read: deadlines, mostly none, and some unreadable.
fn deadlines(random: &mut Random) -> String {
    let at = |random: &mut Random, name: &str, max_ms| match random.below(8) {
        0 => format!(",\"{name}\":\"soon\""),
        1 => format!(",\"{name}\":null"),
        2..4 => format!(",\"{name}\":{}", START_MS + random.between(0, max_ms)),
        _ => String::new(),
    };
    at(random, "due", 40_000) + &at(random, "until", 90_000)
}

/// A character that occurs in every malformed header, and in no other.
pub const MALFORMED: char = '!';

/// Returns the headers of a record: part of a trace, sampled or not, or malformed.
fn headers(random: &mut Random) -> Vec<Header> {
    let header = |name: &str, text: String| (name.to_owned(), Some(text.into_bytes()));
    let (trace, span) = (1 + random.below(1_000), 1 + random.below(1_000));
    let parent =
        |flags: &str| header("traceparent", format!("00-{trace:032x}-{span:016x}-{flags}"));
    let other = ("other".to_owned(), None);
    match random.below(12) {
        0..3 => Vec::new(),
        3 => vec![other],
        4 | 5 => vec![parent("01")],
        6 => vec![parent("00"), header("tracestate", "a=1".to_owned())],
        7 => vec![other, parent("01"), header("tracestate", "a=1,b=2".to_owned())],
        8 => vec![parent("01"), header("tracestate", "a=1,!".to_owned())],
        9 => vec![parent("0!")],
        10 => vec![parent("00"), parent("01"), header("rollcall-reason", "old".to_owned())],
        _ => vec![parent("01"), parent("!!"), header("tracestate", "a=1".to_owned())],
    }
}

fn expectation(shard: ShardId, key: &str, items: &[&str], note: &str) -> Arrival {
    let count = items.len();
    let line = items.first().map(|item| format!(",\"line\":{item}")).unwrap_or_default();
    let items: Vec<String> = items.iter().map(|item| format!("{{\"id\":{item}}}")).collect();
    let items = items.join(",");
    let value = format!("{{\"id\":\"{key}\",\"items\":[{items}],\"count\":{count}{line}{note}}}");
    arrival(shard, 0, key, value)
}

fn observation(
    shard: ShardId,
    input: InputIndex,
    key: &str,
    (item, quantity, result, id): (&str, usize, &str, usize),
    note: &str,
) -> Arrival {
    let value = format!(
        "{{\"orderId\":\"{key}\",\"productId\":{item},\"quantity\":{quantity},\
         \"result\":\"{result}\",\"id\":{id}{note}}}"
    );
    arrival(shard, input, key, value)
}

fn arrival(shard: ShardId, input: InputIndex, key: &str, value: String) -> Arrival {
    Arrival {
        place: TopicPartition { topic: Topic::Input(input), shard },
        key: Some(key.as_bytes().to_vec()),
        value: Some(value.into_bytes()),
        headers: Vec::new(),
    }
}

/// When a backlog begins: long enough before the schedule that deadlines fall within it.
pub const BACKLOG_START_MS: Timestamp = START_MS - 20 * 24 * 3_600_000;
