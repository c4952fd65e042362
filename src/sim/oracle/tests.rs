//! The oracle accepts what the core can do, and nothing else.

use super::*;
use rollcall_core::{
    codec::output::Time,
    matching::{
        Counting, Emitted, Event, Expectation, ItemOutcome, Items, Kept, Origin, Outcome, Rules,
        step,
    },
    record::Output,
    shard::Plan,
};

const SHARD: ShardId = ShardId(0);
const EXPECTED: TopicPartition = TopicPartition { topic: Topic::Input(0), shard: SHARD };
const OBSERVED: TopicPartition = TopicPartition { topic: Topic::Input(1), shard: SHARD };
const ORDER: &str = r#"{"id":"k","items":[{"id":1}]}"#;
const ARRIVAL: &str = r#"{"orderId":"k","productId":1}"#;

fn plan() -> Plan {
    let rules = Rules {
        counting: Counting::Distinct,
        allow_empty: false,
        failed: None,
        reports_cancelled: false,
        overdue_after_ms: Some(100),
        orphans_after_ms: None,
        expire_after_ms: None,
        memory_ms: 1_000,
        row_bytes_max: 4_096,
        list_bytes_max: None,
    };
    crate::plan(rules, 1)
}

fn record(value: Option<&str>, timestamp_ms: Timestamp) -> Message {
    let value = value.map(|value| value.as_bytes().to_vec());
    Message { key: Some(b"k".to_vec()), value, timestamp_ms, headers: Vec::new() }
}

/// Returns the case of an order and the arrival of its item, with the result of the core.
fn completed(plan: &Plan) -> Case<'_> {
    let order = fact(plan, EXPECTED, 0, &record(Some(ORDER), 10));
    let arrival = fact(plan, OBSERVED, 0, &record(Some(ARRIVAL), 20));
    let items: Items = [("1", 1, 0)].into_iter().collect();
    let open =
        step(&plan.rules, Row::default(), Event::Expectation(Expectation::of(&items)), 10).row;
    let event =
        Event::Observation { item: "1", quantity: 1, outcome: ItemOutcome::Arrived, id: None };
    let mut last = step(&plan.rules, open, event, 20);
    last.row.touched_by(Outcome::Expected, Origin { input: 0, offset: 0 });
    last.row.touched_by(Outcome::Observed, Origin { input: 1, offset: 0 });
    let completion = plan.outputs.emitted(b"k", &last.emitted.unwrap(), Time::of(20));
    Case {
        plan,
        key: b"k".to_vec(),
        first: Row::default(),
        last: last.row,
        facts: vec![vec![order], vec![arrival]],
        outputs: all([vec![as_message(&completion)], Vec::new(), Vec::new()]),
        tick_until_ms: 50,
        commit_ms: 60,
    }
}

/// Returns these completions, overdue records and dead letters as all outputs.
fn all([completed, overdue, dead]: [Vec<Message>; 3]) -> [Vec<Message>; OUTPUTS.len()] {
    [completed, overdue, dead, Vec::new(), Vec::new()]
}

/// Returns the record of an output as a reader sees it, in a transaction taken at 60.
fn as_message(output: &Output) -> Message {
    let mut output = output.clone();
    plan().outputs.stamp(std::slice::from_mut(&mut output), 60);
    Message::from(&output)
}

/// Returns the content of a record for which its own timestamp counts.
fn fact(plan: &Plan, place: TopicPartition, offset: Offset, record: &Message) -> Fact {
    let entries = crate::plan::entries(&plan.rules, 1, crate::plan::Kinds::PLAIN);
    let Topic::Input(input) = place.topic else { panic!("no input") };
    facts((plan, &entries[input], None), place, offset, record, vec![record.timestamp_ms])
}

#[test]
fn what_the_core_does_is_accepted() {
    assert_eq!(completed(&plan()).explain(), Ok(()));
}

#[test]
fn a_completion_that_is_missing_or_sent_twice_is_refused() {
    let plan = plan();
    let mut case = completed(&plan);
    let completion = case.outputs[0].pop().unwrap();
    assert!(case.explain().is_err());
    case.outputs[0] = vec![completion.clone(), completion];
    assert!(case.explain().is_err());
}

#[test]
fn a_record_that_was_skipped_or_used_twice_is_refused() {
    let plan = plan();
    let mut case = completed(&plan);
    let arrival = case.facts[1].pop().unwrap();
    assert!(case.explain().is_err());
    case.facts[1] = vec![arrival.clone(), arrival];
    assert_eq!(case.explain(), Ok(()), "a duplicate changes nothing");
    case.first = case.last.clone();
    assert!(case.explain().is_err(), "it was completed before");
}

#[test]
fn another_row_or_another_timestamp_is_refused() {
    let plan = plan();
    let mut case = completed(&plan);
    case.last.changed_at += 1;
    assert!(case.explain().is_err());
    let mut case = completed(&plan);
    case.outputs[0][0].timestamp_ms += 1;
    assert!(case.explain().is_err());
    let mut case = completed(&plan);
    case.last.changed_by = Some(Origin { input: 1, offset: 1 });
    assert!(case.explain().is_err(), "another record completed it");
}

#[test]
fn a_completion_carries_exactly_what_its_records_keep() {
    let rules = Rules { list_bytes_max: Some(4_096), ..plan().rules };
    let plan = crate::plan(rules, 1);
    let order = r#"{"id":"k","items":[{"id":1}],"note":{"zip": 1.0}}"#;
    let arrival = r#"{"orderId":"k","productId":1,"note":"a"}"#;
    let carried = concat!(
        r#"{"orderId":"k","state":"COMPLETE","note":{"zip":1.0},"#,
        r#""items":[{"item":"1","note":"a"}]}"#,
    );
    let case = |arrivals: &[&str], value: &str| {
        let mut case = completed(&plan);
        case.facts = vec![vec![fact(&plan, EXPECTED, 0, &record(Some(order), 10))], Vec::new()];
        let arrivals = arrivals.iter().zip(0..);
        let arrivals = arrivals.map(|(it, at)| fact(&plan, OBSERVED, at, &record(Some(it), 20)));
        case.facts[1] = arrivals.collect();
        case.outputs[0][0].value = Some(value.as_bytes().to_vec());
        case.explain()
    };
    let again = r#"{"orderId":"k","productId":1,"note":"b"}"#;
    assert_eq!(case(&[arrival, again], carried), Ok(()), "the first of them is kept");
    assert!(case(&[again, arrival], carried).is_err(), "not the second one");
    assert!(case(&[arrival], &carried.replace("1.0", "1")).is_err(), "another value");
    assert!(case(&[arrival], &carried.replace(r#","note":"a""#, "")).is_err(), "nothing");
}

#[test]
fn the_order_within_a_partition_is_kept_and_between_partitions_it_is_free() {
    let plan = plan();
    let mut case = completed(&plan);
    // Observed first or expected first: both complete, at the later record's time.
    let completion = |at| {
        let (items, kept) = ([("1", 1, 1)].into_iter().collect(), Kept::NOTHING);
        let emitted = Emitted::Completion { late: false, expected_at: 10, items, kept };
        as_message(&plan.outputs.emitted(b"k", &emitted, Time::of(at)))
    };
    case.outputs[0] = vec![completion(10)];
    case.last.changed_at = 20;
    case.last.changed_by = Some(Origin { input: 0, offset: 0 });
    assert_eq!(case.explain(), Ok(()), "the arrival came first");
    case.last.changed_by = Some(Origin { input: 1, offset: 0 });
    let cancellation = fact(&plan, EXPECTED, 1, &record(None, 30));
    case.facts[0].insert(0, cancellation);
    case.outputs[0] = vec![completion(20)];
    assert_eq!(case.explain(), Ok(()), "cancelled, then expected again, then complete");
    case.facts[0].swap(0, 1);
    case.last.phase = Phase::Cancelled;
    assert!(case.explain().is_err(), "a completed key is not cancelled");
}

#[test]
fn a_deadline_fires_when_it_is_due_and_only_once() {
    let plan = plan();
    let items: Items = [("1", 1, 0)].into_iter().collect();
    let open =
        step(&plan.rules, Row::default(), Event::Expectation(Expectation::of(&items)), 10).row;
    let fired = step(&plan.rules, open.clone(), Event::Tick, 120);
    let overdue = as_message(&plan.outputs.emitted(b"k", &fired.emitted.unwrap(), Time::of(120)));
    let case = |told: Vec<Message>, tick_until_ms| Case {
        plan: &plan,
        key: b"k".to_vec(),
        first: open.clone(),
        last: fired.row.clone(),
        facts: vec![Vec::new(), Vec::new()],
        outputs: all([Vec::new(), told, Vec::new()]),
        tick_until_ms,
        commit_ms: 60,
    };
    assert_eq!(case(vec![overdue.clone()], 120).explain(), Ok(()));
    assert!(case(vec![overdue.clone()], 119).explain().is_err(), "nobody's clock was there");
    assert!(case(vec![overdue.clone(), overdue], 120).explain().is_err());
    assert!(case(Vec::new(), 120).explain().is_err(), "the row says that it fired");
}

#[test]
fn a_dead_letter_belongs_to_its_record() {
    let plan = plan();
    let broken = fact(&plan, OBSERVED, 7, &record(Some("{"), 20));
    let refused = |fact: &Fact| {
        let facts::Says::Refused(reason) = &fact.says else { panic!("it was understood") };
        as_message(&fact.dead_letter(&plan, reason, 20))
    };
    let case = |told| Case {
        plan: &plan,
        key: b"k".to_vec(),
        first: Row::default(),
        last: Row::default(),
        facts: vec![Vec::new(), vec![broken.clone()]],
        outputs: all([Vec::new(), Vec::new(), told]),
        tick_until_ms: 50,
        commit_ms: 60,
    };
    assert_eq!(case(vec![refused(&broken)]).explain(), Ok(()));
    assert!(case(Vec::new()).explain().is_err());
    let other = fact(&plan, OBSERVED, 8, &record(Some("{"), 20));
    assert!(case(vec![refused(&other)]).explain().is_err());
}

#[test]
fn one_of_the_times_of_reading_counts_where_the_records_own_cannot() {
    let plan = plan();
    let mut case = completed(&plan);
    case.facts[0][0].counts_ms = vec![10, 30];
    assert_eq!(case.explain(), Ok(()), "it was read at 10, and at 30 again");
    case.facts[0][0].counts_ms = vec![30];
    assert!(case.explain().is_err(), "it was not read at 10");
}
