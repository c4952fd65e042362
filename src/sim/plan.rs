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
            DeadlineAt, DeadlinePaths, End, Entry, ExpectedPaths, Item, Items, Keep,
            Limits as InputLimits, ObservedPaths, OutcomeAt, Unit,
        },
        output::{Constant, Facts, Fields, OutputSettings, Stamp},
    },
    matching::{Counting, Rules, Times},
    shard::{Identity, OnTruncation, Placement, Plan, StartFrom, Topics},
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
}

/// What the records of the inputs say, besides what the rules ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds {
    pub expects: Expects,
    /// Observations have ids, if quantities are counted.
    pub ids: Ids,
    pub deadlines: NamedDeadlines,
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
    pub const PLAIN: Self =
        Self { expects: Expects::Items, ids: Ids::None, deadlines: NamedDeadlines::None };
}

/// Returns a plan with `observed` observed topics in addition to the expected one.
pub fn plan(rules: Rules, observed: usize) -> Plan {
    plan_of(rules, observed, Kinds::PLAIN)
}

/// Returns the same plan for other kinds of records.
pub fn plan_of(rules: Rules, observed: usize, kinds: Kinds) -> Plan {
    let path = |text| Path::parse(text).expect("the path is well formed");
    let (counting, quantity) = match rules.counting {
        Counting::Distinct => (Counting::Distinct, None),
        Counting::Quantity => (Counting::Quantity, Some(path("$.quantity"))),
    };
    let input_limits = InputLimits::default();
    let expected = ExpectedPaths {
        key: Some(path("$.id")),
        items: match kinds.expects {
            Expects::Items => Items::At(path("$.items[*].id")),
            Expects::Count => Items::Count(path("$.count")),
            Expects::Lines => Items::OneByOne(path("$.line"), End::Total(path("$.count"))),
        },
        quantity: None,
    };
    let arrival = ObservedPaths {
        key: Some(path("$.orderId")),
        item: Item::At(path("$.productId")),
        quantity,
        id: match (rules.counting, kinds.ids) {
            (Counting::Quantity, Ids::Read) => Some(path("$.id")),
            _ => None,
        },
        outcome: rules.failed.map(|_| outcomes()),
    };
    let input = |entry: Entry| Decoder::new(&[entry], counting, input_limits);
    let deadlines = deadlines(kinds.deadlines);
    let expected = Entry { keep: keeps(&rules), deadlines, ..expected.into() };
    let keep = if rules.counting == Counting::Distinct { keeps(&rules) } else { Vec::new() };
    let arrival = Entry { keep, ..arrival.into() };
    let mut inputs = vec![input(expected)];
    inputs.resize_with(1 + observed, || input(arrival.clone()));
    Plan {
        name: "simulated".to_owned(),
        identity: Identity {
            namespace: None,
            name: "simulated".to_owned(),
            uid: None,
            counting: rules.counting,
            topics: Topics::of(&[]),
            partitions: None,
        },
        offsets_renewed_every: Duration::from_secs(3_600),
        deadlines: format!("{rules:?}"),
        topics: (0..=observed).map(|input| format!("input-{input}")).collect(),
        inputs: inputs.into_iter().map(|input| input.expect("the paths fit")).collect(),
        outputs: outputs(Stamp::Commit, &rules),
        rules,
        times: Times::ANY,
        key_bytes_max: input_limits.key_bytes_max,
        // Each simulated process gets a separate one.
        placement: Arc::new(Placement::unchecked()),
        start_from: StartFrom::Earliest,
        on_truncation: OnTruncation::Stop,
        tombstones_kept: Duration::from_secs(60),
        on_step: None,
        span_seed: None,
    }
}

/// Where the expectations of the workload name deadlines.
fn deadlines(named: NamedDeadlines) -> DeadlinePaths {
    let at = |path| {
        let path = Path::parse(path).expect("the path is well formed");
        Some(DeadlineAt { path, unit: Unit::Millis, zone: TimeZone::UTC })
    };
    match named {
        NamedDeadlines::None => DeadlinePaths::default(),
        NamedDeadlines::Read => DeadlinePaths { overdue: at("$.due"), expire: at("$.until") },
    }
}

/// What the observations of the workload say of their items, for rules by which keys can fail.
fn outcomes() -> OutcomeAt {
    let one = |text: &str| vec![text.to_owned()];
    OutcomeAt {
        path: Path::parse("$.result").expect("the path is well formed"),
        arrived: one("PASS"),
        failed: one("FAIL"),
        withdrawn: one("REVOKED"),
    }
}

/// What is kept of the records of the workload, for rules by which completions list their items.
fn keeps(rules: &Rules) -> Vec<Keep> {
    let path = Path::parse("$.note").expect("the path is well formed");
    let keep = Keep { name: "note".to_owned(), path };
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
