//! Valid limits, and invalid ones.

use std::sync::Arc;

use rdkafka::ClientConfig;

use super::*;
use crate::{Carried, Gravity, Login, Protocol};

fn connection(properties: &[(&str, &str)]) -> Connection {
    let mut base = ClientConfig::new();
    for (name, value) in properties {
        base.set(*name, *value);
    }
    Connection {
        base,
        login: Login::default(),
        group: "shipping".to_owned(),
        instance_id: "shipping-0".to_owned(),
        mark: String::new(),
        protocol: Protocol::Classic,
        brokers: Arc::default(),
    }
}

fn wanted() -> Wanted {
    Wanted {
        inputs: vec!["orders".to_owned(), "made".to_owned()],
        completed: "shipping".to_owned(),
        overdue: "overdue".to_owned(),
        dead_letter: "dead".to_owned(),
        failed: None,
        cancelled: None,
        manage: true,
        create_inputs: false,
        partitions: None,
        replication_factor: None,
        changelog_config: Config::new(),
        row_bytes_max: 512 << 10,
        key_bytes_max: 1 << 10,
        carried: Carried::default(),
        memory: Duration::from_secs(7 * 24 * 3_600),
        source_times: false,
    }
}

fn config(settings: &[(&str, &str)]) -> Config {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn names(role: Role, settings: &[(&str, &str)]) -> Vec<(&'static str, Gravity)> {
    let problems = of_topic("t", role, &config(settings), &connection(&[]), &wanted());
    problems.iter().map(|problem| (problem.name(), problem.gravity())).collect()
}

const ROLES: [Role; 6] = [
    Role::Expected,
    Role::Observed,
    Role::Completed,
    Role::Overdue,
    Role::DeadLetter,
    Role::Changelog,
];

#[test]
fn kafkas_own_defaults_and_topics_without_bounds_fit() {
    let defaults = [
        ("max.message.bytes", "1048588"),
        ("segment.bytes", "1073741824"),
        ("retention.ms", "604800000"),
        ("delete.retention.ms", "86400000"),
        ("message.timestamp.before.max.ms", "9223372036854775807"),
        ("message.timestamp.after.max.ms", "3600000"),
    ];
    for role in ROLES {
        assert_eq!(names(role, &defaults), [], "{role:?}");
        assert_eq!(names(role, &[]), [], "{role:?}, whose settings may not be read");
    }
    let huge = config(&[("max.message.bytes", "2147483647")]);
    let room = Room::of(&huge, &connection(&[]));
    assert_eq!(room.bytes, MESSAGE_BYTES_MAX);
}

#[test]
fn what_is_written_fits_into_its_topic() {
    let small = [("max.message.bytes", "5000")];
    let hurts = [("TopicLimitTooSmall", Gravity::Degrades)];
    for role in [Role::Completed, Role::Overdue, Role::DeadLetter] {
        assert_eq!(names(role, &small), hurts, "{role:?}");
    }
    assert_eq!(names(Role::Changelog, &small), [("TopicLimitTooSmall", Gravity::Refuses)]);
    let limited = [("TopicLimitTooSmall", Gravity::Advises)];
    assert_eq!(names(Role::Changelog, &[("max.message.bytes", "100000")]), limited);
    assert_eq!(names(Role::Changelog, &[("segment.bytes", "100000")]), limited);
    let ours = connection(&[("message.max.bytes", "200000")]);
    let room = Room::of(&config(&[("max.message.bytes", "1048588")]), &ours);
    assert_eq!(room.bytes, 200_000);
    assert!(room.setting.contains("spec.kafka.properties"), "{}", room.setting);
}

#[test]
fn outputs_that_carry_what_rows_keep_limit_the_rows() {
    let defaults = config(&[("max.message.bytes", "1048588")]);
    let small = config(&[("max.message.bytes", "100000")]);
    let tiny = config(&[("max.message.bytes", "5000")]);
    let of = |role, config, carried| {
        let wanted = Wanted { carried, ..wanted() };
        let problems = of_topic("t", role, config, &connection(&[]), &wanted);
        problems.iter().map(TopicProblem::gravity).collect::<Vec<_>>()
    };
    let kept = Carried { kept: true, ..Carried::default() };
    let list = Carried { list: true, ..Carried::default() };
    for role in [Role::Completed, Role::Overdue, Role::Failed, Role::Cancelled] {
        for carried in [Carried::default(), kept, list] {
            assert_eq!(of(role, &defaults, carried), [], "{role:?}, {carried:?}");
        }
        assert_eq!(of(role, &small, kept), [Gravity::Advises], "{role:?}");
        assert_eq!(of(role, &small, Carried::default()), [], "{role:?}");
        assert_eq!(of(role, &tiny, kept).len(), 1, "{role:?}");
    }
    assert_eq!(of(Role::Completed, &small, list), [Gravity::Advises]);
    assert_eq!(of(Role::Overdue, &small, list), []);
    let room = |bytes| Room { bytes, setting: "max.message.bytes" };
    let wanted = Wanted { carried: Carried { completed_bytes: 100, ..kept }, ..wanted() };
    let bytes = carried_row_bytes(Role::Completed, room(100_000), &wanted);
    assert_eq!(bytes, Some(100_000 - RECORD_OVERHEAD_BYTES - 2 * 1_024 - 100));
    let listing = Wanted { carried: list, ..wanted.clone() };
    let bytes = carried_row_bytes(Role::Completed, room(100_000), &listing);
    let all = 100_000 - RECORD_OVERHEAD_BYTES - completion_bytes(&listing);
    assert_eq!(bytes, Some(all / 4 * 3), "a quarter is left for the list");
    assert_eq!(carried_row_bytes(Role::DeadLetter, room(100_000), &wanted), None);
}

#[test]
fn a_changelog_keeps_tombstones_for_a_restart_at_least() {
    let short = [("delete.retention.ms", "1800000")];
    assert_eq!(names(Role::Changelog, &short), [("TombstonesTooShort", Gravity::Refuses)]);
    assert_eq!(names(Role::Changelog, &[("delete.retention.ms", "3600000")]), []);
    assert_eq!(names(Role::Completed, &short), []);
}

#[test]
fn inputs_that_are_kept_beyond_memory_are_worth_a_word() {
    let advice = [("ReplayBeyondMemory", Gravity::Advises)];
    assert_eq!(names(Role::Observed, &[("retention.ms", "604800001")]), advice);
    assert_eq!(names(Role::Observed, &[("retention.ms", "-1")]), advice);
    let compacted = [("retention.ms", "-1"), ("cleanup.policy", "compact")];
    assert_eq!(names(Role::Expected, &compacted), []);
    assert_eq!(names(Role::Completed, &[("retention.ms", "-1")]), []);
}

#[test]
fn topics_take_the_times_of_what_is_written() {
    let narrow = [("message.timestamp.before.max.ms", "60000")];
    let hurts = [("TopicTimesLimited", Gravity::Degrades)];
    assert_eq!(names(Role::Completed, &narrow), hurts);
    let day = config(&[("message.timestamp.before.max.ms", "86400000")]);
    let of = |role, source_times| {
        let wanted = Wanted { source_times, ..wanted() };
        of_topic("t", role, &day, &connection(&[]), &wanted).len()
    };
    assert_eq!((of(Role::Completed, false), of(Role::Completed, true)), (0, 1));
    assert_eq!(of(Role::Changelog, true), 0, "rows bear the time of their commit");
}

#[test]
fn brokers_take_our_transactions_and_sessions() {
    let names = |settings: &[(&str, &str)], properties: &[(&str, &str)]| {
        let cluster = Cluster { brokers: 1, config: config(settings) };
        let problems = of_cluster(&cluster, &connection(properties));
        problems.iter().map(TopicProblem::name).collect::<Vec<_>>()
    };
    assert_eq!(names(&[], &[]), [""; 0]);
    let short = [("transaction.max.timeout.ms", "5000")];
    assert_eq!(names(&short, &[]), ["TransactionTimeoutRefused"]);
    let sessions =
        [("group.min.session.timeout.ms", "6000"), ("group.max.session.timeout.ms", "1800000")];
    assert_eq!(names(&sessions, &[]), [""; 0]);
    for session in ["5000", "1900000"] {
        let refused = names(&sessions, &[("session.timeout.ms", session)]);
        assert_eq!(refused, ["SessionTimeoutRefused"], "{session}");
    }
}

#[test]
fn topics_of_the_brokers_need_as_many_brokers_as_copies() {
    let [_, (topic, setting)] = INTERNAL;
    let cluster = |brokers| Cluster { brokers, config: config(&[(setting, "3")]) };
    assert_eq!(of_internal(topic, setting, &cluster(3)), None);
    let problem = of_internal(topic, setting, &cluster(1)).expect("three copies on one broker");
    assert!(problem.to_string().contains("__transaction_state"), "{problem}");
}

#[test]
fn what_a_topic_would_be_made_with_is_known_beforehand() {
    let settings = [("message.max.bytes", "5000"), ("log.cleanup.policy", "compact")];
    let cluster = Cluster { brokers: 1, config: config(&settings) };
    let made = of_made(Role::DeadLetter, &cluster, &wanted());
    assert_eq!(policy(&made), Some("compact"));
    assert_eq!(Room::of(&made, &connection(&[])).bytes, 5_000);
    assert_eq!(copies_of_made(&cluster, &wanted()), None);
    let given = Wanted { replication_factor: Some(3), ..wanted() };
    assert_eq!(copies_of_made(&cluster, &given), Some(3));
}
