//! The reconciliation that is simulated.
//!
//! The core's tests of `shard/` include this file, too: they cannot depend on this crate, which
//! depends on theirs.

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use rollcall_core::{
    codec::{
        Decoder, Outputs, Path,
        input::{
            Condition, DeadlineAt, DeadlinePaths, End, Entry, ExpectedPaths, Item, Items, Keep,
            Limits as InputLimits, ObservedPaths, OutcomeAt, Subject, Test, Unit,
        },
        output::{Constant, Facts, Fields, OutputSettings, Stamp},
    },
    matching::{Counting, Rules, Times},
    shard::{Identity, InputTopics, OnTruncation, Placement, Plan, StartFrom},
};

/// What the records of the expected topic say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expects {
    /// Which items a key needs.
    Items,
    /// How many.
    Count,
    /// One of them, and how many there will be.
    Lines,
    /// One of them, and whether it is the last.
    LinesToTheLast,
    /// Nothing: every key needs [`FIXED`].
    Fixed,
}

/// The items that the object itself names.
pub const FIXED: [&str; 4] = ["1", "2", "three", "4"];
/// The counts of the records that are the last of their list.
pub const LAST_COUNTS: [usize; 2] = [1, 3];
/// The header that conditions look at.
pub const EVENT_HEADER: &str = "event-type";

/// Which records of a topic are of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// All of them are of one kind.
    Everywhere,
    /// A header decides, so that other records are skipped without reading them.
    Header,
    /// A member decides.
    Path,
    /// Both do, in different entries.
    Both,
}

/// What the records of the inputs say, besides what the rules ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds {
    pub expects: Expects,
    /// Observations have ids, if quantities are counted.
    pub ids: Ids,
    pub deadlines: NamedDeadlines,
    pub selects: Where,
}

/// Whether expectations may name deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedDeadlines {
    None,
    Read,
}

/// Whether observations are told apart by ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    None,
    Read,
}

impl Kinds {
    pub const PLAIN: Self = Self {
        expects: Expects::Items,
        ids: Ids::None,
        deadlines: NamedDeadlines::None,
        selects: Where::Everywhere,
    };
}

/// Returns a plan with `observed` observed topics in addition to the expected one.
pub fn plan(rules: Rules, observed: usize) -> Plan {
    plan_of(rules, observed, Kinds::PLAIN)
}

/// Returns the same plan for other kinds of records.
pub fn plan_of(rules: Rules, observed: usize, kinds: Kinds) -> Plan {
    let (counting, limits) = (rules.counting, InputLimits::default());
    let decoder = |entries: Vec<Entry>| Decoder::new(&entries, counting, limits);
    let inputs = entries(&rules, observed, kinds).into_iter().map(decoder);
    Plan {
        name: "simulated".to_owned(),
        identity: Identity {
            namespace: None,
            name: "simulated".to_owned(),
            uid: None,
            counting: rules.counting,
            topics: InputTopics::of(&[]),
            partitions: None,
        },
        offsets_renewed_every: Duration::from_secs(3_600),
        deadlines: format!("{rules:?}"),
        topics: (0..=observed).map(|input| format!("input-{input}")).collect(),
        inputs: inputs.map(|input| input.expect("the paths fit")).collect(),
        outputs: outputs(Stamp::Commit, &rules),
        rules,
        times: Times::ANY,
        key_bytes_max: limits.key_bytes_max,
        // Each simulated process gets a separate one.
        placement: Arc::new(Placement::unchecked()),
        start_from: StartFrom::Earliest,
        on_truncation: OnTruncation::Stop,
        tombstones_kept: Duration::from_secs(60),
        on_step: None,
        span_seed: None,
    }
}

/// Returns the entries of each input topic.
pub fn entries(rules: &Rules, observed: usize, kinds: Kinds) -> Vec<Vec<Entry>> {
    let expected = expected(rules, kinds);
    let arrival = |item| arrival(rules, kinds.ids, item);
    let (any, fixed) = (arrival(Item::At(path("$.productId"))), arrival(Item::Fixed("4".into())));
    let event = |test| Condition { of: Subject::Header(EVENT_HEADER.to_owned()), test };
    let kind = |test| Condition { of: Subject::Path(path("$.kind")), test };
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let only = |entry: &Entry, conditions: &[Condition]| Entry {
        conditions: conditions.to_vec(),
        ..entry.clone()
    };
    let no_heartbeat = event(Test::NotIn(texts(&["heartbeat"])));
    let is_scan = event(Test::In(texts(&["scan"])));
    let is_order = kind(Test::In(texts(&["order", "1", "true"])));
    let no_draft = kind(Test::NotIn(texts(&["draft"])));
    let (lead, other) = match kinds.selects {
        Where::Everywhere => (vec![expected], vec![any]),
        Where::Header => (
            vec![only(&expected, &[no_heartbeat])],
            vec![only(&fixed, &[is_scan]), only(&any, &[event(Test::Exists(false))])],
        ),
        Where::Path => (
            vec![only(&expected, &[is_order]), only(&any, std::slice::from_ref(&no_draft))],
            vec![only(&fixed, &[kind(Test::In(texts(&["scan"])))]), only(&any, &[no_draft])],
        ),
        Where::Both => (
            vec![
                only(&expected, &[no_heartbeat.clone(), is_order]),
                only(&fixed, &[is_scan.clone(), kind(Test::Exists(true))]),
            ],
            vec![only(&fixed, &[is_scan]), only(&any, &[kind(Test::Exists(true)), no_heartbeat])],
        ),
    };
    let mut topics = vec![lead];
    topics.resize(1 + observed, other);
    topics
}

fn path(text: &str) -> Path {
    Path::parse(text).expect("the path is well formed")
}

fn expected(rules: &Rules, kinds: Kinds) -> Entry {
    let paths = ExpectedPaths {
        // Nothing else need be read of a record that stands for fixed items.
        key: (kinds.expects != Expects::Fixed).then(|| path("$.id")),
        items: match kinds.expects {
            Expects::Items => Items::At(path("$.items[*].id")),
            Expects::Count => Items::Count(path("$.count")),
            Expects::Lines => Items::OneByOne(path("$.line"), End::Total(path("$.count"))),
            Expects::LinesToTheLast => {
                let last = LAST_COUNTS.map(|count| count.to_string()).to_vec();
                Items::OneByOne(path("$.line"), End::Last(path("$.count"), last))
            }
            Expects::Fixed => Items::Fixed(FIXED.map(str::to_owned).to_vec()),
        },
        quantity: None,
    };
    Entry { keep: keeps(rules), deadlines: deadlines(kinds.deadlines), ..paths.into() }
}

fn arrival(rules: &Rules, ids: Ids, item: Item) -> Entry {
    let counts_units = rules.counting == Counting::Quantity;
    let paths = ObservedPaths {
        key: Some(path("$.orderId")),
        item,
        quantity: counts_units.then(|| path("$.quantity")),
        id: (counts_units && ids == Ids::Read).then(|| path("$.id")),
        outcome: rules.failed.map(|_| outcomes()),
    };
    let keep = if counts_units { Vec::new() } else { keeps(rules) };
    Entry { keep, ..paths.into() }
}

/// Where the expectations of the workload name deadlines.
fn deadlines(named: NamedDeadlines) -> DeadlinePaths {
    let at = |text| Some(DeadlineAt { path: path(text), unit: Unit::Millis, zone: TimeZone::UTC });
    match named {
        NamedDeadlines::None => DeadlinePaths::default(),
        NamedDeadlines::Read => DeadlinePaths { overdue: at("$.due"), expire: at("$.until") },
    }
}

/// What the observations of the workload say of their items, for rules by which keys can fail.
fn outcomes() -> OutcomeAt {
    let one = |text: &str| vec![text.to_owned()];
    OutcomeAt {
        path: path("$.result"),
        arrived: one("PASS"),
        failed: one("FAIL"),
        withdrawn: one("REVOKED"),
    }
}

/// What is kept of the records of the workload, for rules by which completions list their items.
fn keeps(rules: &Rules) -> Vec<Keep> {
    let keep = Keep { name: "note".to_owned(), path: path("$.note") };
    rules.list_bytes_max.map(|_| keep).into_iter().collect()
}

fn fields(rules: &Rules) -> Fields {
    let constant = |value: &str| vec![Constant { name: "state".to_owned(), value: value.into() }];
    match rules.list_bytes_max {
        None => Fields::default(),
        Some(_) => Fields {
            items: Some("items".to_owned()),
            completed: constant("COMPLETE"),
            failed: constant("FAILED"),
        },
    }
}

/// Returns the output settings of [`plan`], compiled.
pub fn outputs(stamp: Stamp, rules: &Rules) -> Outputs {
    let settings = OutputSettings {
        reconciliation: "simulated".to_owned(),
        key_field: "orderId".to_owned(),
        facts: Facts::Headers,
        fields: fields(rules),
        stamp,
        dead_letter_bytes_max: 4_096,
    };
    Outputs::new(settings, rules).expect("the key field is no fact")
}
