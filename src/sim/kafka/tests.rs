//! Checks that the in-memory cluster behaves as measured on a real one.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use rollcall_core::shard::{Bounds, CommittedOffset, Metadata};

const SHARD: ShardId = ShardId(0);
const CHANGELOG: TopicPartition = TopicPartition { topic: Topic::Changelog, shard: SHARD };
const PRODUCER: ProducerId = ProducerId(0);

fn message(key: &str, value: Option<&str>) -> Message {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let (key, value) = (Some(bytes(key)), value.map(bytes));
    Message { key, value, timestamp_ms: 0, headers: Vec::new() }
}

fn produce(cluster: &mut Cluster, epoch: u32, key: &str) -> Result<Offset, Refusal> {
    cluster.produce((PRODUCER, epoch), CHANGELOG, message(key, Some("row")), 0)
}

fn write_markers(cluster: &mut Cluster) {
    for marker in cluster.markers() {
        cluster.mark(&marker);
    }
}

/// Returns the keys that a reader sees, and the offset at which its reading ends.
fn read(cluster: &mut Cluster) -> (Vec<String>, Offset) {
    let log = cluster.log(CHANGELOG);
    log.replicate();
    let key = |message: &Message| String::from_utf8(message.key.clone().unwrap()).unwrap();
    (log.read(0).map(|(_, message)| key(message)).collect(), log.served())
}

fn offsets(next: Offset) -> Offsets {
    vec![(
        SHARD,
        0,
        CommittedOffset {
            next,
            metadata: Metadata { changelog_id: "1".to_owned(), ..Metadata::default() },
        },
    )]
}

fn member(cluster: &mut Cluster, process: usize) -> MemberId {
    cluster.group.join(process)
}

fn give(cluster: &mut Cluster, to: MemberId) {
    cluster.group.rebalance(&BTreeMap::from([(SHARD, to)]));
}

#[test]
fn a_transaction_is_visible_once_its_marker_is_written() {
    let mut cluster = Cluster::default();
    let epoch = cluster.init(PRODUCER).unwrap();
    produce(&mut cluster, epoch, "a").unwrap();
    assert_eq!(read(&mut cluster), (vec![], 0));
    cluster.end(PRODUCER, epoch, Decision::Commit).unwrap();
    assert_eq!(read(&mut cluster), (vec![], 0), "decided, but no marker is written");
    write_markers(&mut cluster);
    assert_eq!(read(&mut cluster), (vec!["a".to_owned()], 2));
}

#[test]
fn what_was_aborted_is_never_visible_and_its_marker_takes_an_offset() {
    let mut cluster = Cluster::default();
    let epoch = cluster.init(PRODUCER).unwrap();
    produce(&mut cluster, epoch, "a").unwrap();
    cluster.end(PRODUCER, epoch, Decision::Abort).unwrap();
    write_markers(&mut cluster);
    assert_eq!(read(&mut cluster), (vec![], 2));
}

#[test]
fn an_open_transaction_hides_what_comes_after_it() {
    let mut cluster = Cluster::default();
    let epoch = cluster.init(PRODUCER).unwrap();
    produce(&mut cluster, epoch, "a").unwrap();
    cluster.log(CHANGELOG).append(message("b", None), None);
    assert_eq!(read(&mut cluster), (vec![], 0));
    assert_eq!(cluster.log(CHANGELOG).bounds(), Bounds { start: 0, end: 2 });
}

#[test]
fn a_lagging_replica_shows_what_it_has_while_the_leader_tells_the_end() {
    let mut log = Log::new("1".to_owned());
    log.append(message("a", None), None);
    log.replicate();
    log.append(message("b", None), None);
    assert_eq!((log.read(0).count(), log.served(), log.bounds().end), (1, 1, 2));
}

#[test]
fn a_new_owner_aborts_the_open_transaction_of_the_old_one_and_fences_it() {
    let mut cluster = Cluster::default();
    let old = cluster.init(PRODUCER).unwrap();
    produce(&mut cluster, old, "a").unwrap();
    assert_eq!(cluster.init(PRODUCER), Err(Refusal::Busy), "the abort has to end first");
    assert_eq!(produce(&mut cluster, old, "b"), Err(Refusal::Fenced));
    assert_eq!(cluster.end(PRODUCER, old, Decision::Commit), Err(Refusal::Fenced));
    write_markers(&mut cluster);
    let new = cluster.init(PRODUCER).unwrap();
    assert!(new > old);
    produce(&mut cluster, new, "c").unwrap();
    cluster.end(PRODUCER, new, Decision::Commit).unwrap();
    write_markers(&mut cluster);
    assert_eq!(read(&mut cluster).0, ["c"]);
}

#[test]
fn a_decided_transaction_commits_whoever_takes_over() {
    let mut cluster = Cluster::default();
    let old = cluster.init(PRODUCER).unwrap();
    produce(&mut cluster, old, "a").unwrap();
    cluster.end(PRODUCER, old, Decision::Commit).unwrap();
    assert_eq!(cluster.init(PRODUCER), Err(Refusal::Busy));
    write_markers(&mut cluster);
    cluster.init(PRODUCER).unwrap();
    assert_eq!(read(&mut cluster).0, ["a"]);
}

#[test]
fn the_next_transaction_waits_for_the_markers_of_the_last() {
    let mut cluster = Cluster::default();
    let epoch = cluster.init(PRODUCER).unwrap();
    produce(&mut cluster, epoch, "a").unwrap();
    cluster.end(PRODUCER, epoch, Decision::Commit).unwrap();
    assert_eq!(produce(&mut cluster, epoch, "b"), Err(Refusal::Busy));
    write_markers(&mut cluster);
    produce(&mut cluster, epoch, "b").unwrap();
}

#[test]
fn a_decision_asked_for_twice_is_taken_once() {
    let mut cluster = Cluster::default();
    let epoch = cluster.init(PRODUCER).unwrap();
    produce(&mut cluster, epoch, "a").unwrap();
    assert!(cluster.end(PRODUCER, epoch, Decision::Commit).unwrap().is_some());
    assert_eq!(cluster.end(PRODUCER, epoch, Decision::Commit), Ok(None));
}

#[test]
fn a_transaction_past_its_timeout_is_aborted_and_its_owner_fenced() {
    let mut cluster = Cluster::default();
    let epoch = cluster.init(PRODUCER).unwrap();
    produce(&mut cluster, epoch, "a").unwrap();
    assert_eq!(cluster.expire_transactions(0), []);
    assert_eq!(cluster.expire_transactions(1), [PRODUCER]);
    assert_eq!(cluster.end(PRODUCER, epoch, Decision::Commit), Err(Refusal::Fenced));
    write_markers(&mut cluster);
    assert_eq!(read(&mut cluster).0, Vec::<String>::new());
}

#[test]
fn offsets_come_with_their_transaction_and_are_unstable_until_its_marker() {
    let mut cluster = Cluster::default();
    let (epoch, member) = (cluster.init(PRODUCER).unwrap(), member(&mut cluster, 0));
    give(&mut cluster, member);
    cluster.send_offsets((PRODUCER, epoch), (member, 1), offsets(7), 0).unwrap();
    assert_eq!(cluster.group.stable(SHARD, 0, 1), Err(Refusal::Busy));
    cluster.end(PRODUCER, epoch, Decision::Commit).unwrap();
    assert_eq!(cluster.group.stable(SHARD, 0, 1), Err(Refusal::Busy));
    write_markers(&mut cluster);
    assert_eq!(cluster.group.stable(SHARD, 0, 1).unwrap()[0].as_ref().unwrap().next, 7);
}

/// Two claims that are pending at the same time, of which the later one commits first.
#[test]
fn offsets_are_superseded_once_newer_ones_are_decided_whenever_their_markers_are_written() {
    for marked in [false, true] {
        let mut cluster = Cluster::default();
        let (older, newer) = (PRODUCER, ProducerId(1));
        let member = member(&mut cluster, 0);
        give(&mut cluster, member);
        let mut claim = |producer, next| {
            let epoch = cluster.init(producer).unwrap();
            cluster.send_offsets((producer, epoch), (member, 1), offsets(next), 0).unwrap();
            epoch
        };
        let (old, new) = (claim(older, 7), claim(newer, 8));
        let new = cluster.end(newer, new, Decision::Commit).unwrap().unwrap();
        if marked {
            write_markers(&mut cluster);
        }
        let old = cluster.end(older, old, Decision::Commit).unwrap().unwrap();
        assert!(cluster.group.is_superseded(old, SHARD), "{marked}");
        assert!(!cluster.group.is_superseded(new, SHARD));
        write_markers(&mut cluster);
        assert_eq!(cluster.group.last(SHARD, 0).unwrap().next, 8);
    }
}

#[test]
fn offsets_of_an_aborted_transaction_are_forgotten() {
    let mut cluster = Cluster::default();
    let (epoch, member) = (cluster.init(PRODUCER).unwrap(), member(&mut cluster, 0));
    give(&mut cluster, member);
    cluster.send_offsets((PRODUCER, epoch), (member, 1), offsets(7), 0).unwrap();
    cluster.end(PRODUCER, epoch, Decision::Abort).unwrap();
    write_markers(&mut cluster);
    assert_eq!(cluster.group.stable(SHARD, 0, 1), Ok(vec![None]));
}

#[test]
fn offsets_of_another_generation_or_an_unknown_member_are_refused() {
    let mut cluster = Cluster::default();
    let (epoch, member) = (cluster.init(PRODUCER).unwrap(), member(&mut cluster, 0));
    give(&mut cluster, member);
    let mut send = |member, generation| {
        cluster.send_offsets((PRODUCER, epoch), (member, generation), offsets(7), 0)
    };
    assert_eq!(send(member, 0), Err(Refusal::StaleGeneration));
    assert_eq!(send(member, -1), Err(Refusal::StaleGeneration));
    assert_eq!(send(MemberId(99), 1), Err(Refusal::UnknownMember));
    assert_eq!(send(member, 1), Ok(()));
}

#[test]
fn a_member_of_the_generation_may_commit_for_a_shard_that_it_was_not_given() {
    let mut cluster = Cluster::default();
    let (owner, other) = (member(&mut cluster, 0), member(&mut cluster, 1));
    give(&mut cluster, owner);
    let epoch = cluster.init(PRODUCER).unwrap();
    assert_eq!(cluster.send_offsets((PRODUCER, epoch), (other, 1), offsets(7), 0), Ok(()));
}

#[test]
fn a_shard_goes_to_no_one_until_its_holder_has_given_it_up() {
    let mut cluster = Cluster::default();
    let (old, new) = (member(&mut cluster, 0), member(&mut cluster, 1));
    give(&mut cluster, old);
    give(&mut cluster, new);
    let shards = |cluster: &Cluster, member| cluster.group.assigned(member).unwrap().shards;
    assert_eq!(shards(&cluster, old), BTreeSet::new());
    assert_eq!(shards(&cluster, new), BTreeSet::new());
    cluster.group.gave_up(old, &BTreeSet::from([SHARD]));
    give(&mut cluster, new);
    assert_eq!(shards(&cluster, new), BTreeSet::from([SHARD]));
}

#[test]
fn a_shard_that_was_given_back_before_it_was_given_up_stays_with_its_holder() {
    let mut cluster = Cluster::default();
    let (old, new) = (member(&mut cluster, 0), member(&mut cluster, 1));
    give(&mut cluster, old);
    give(&mut cluster, new);
    give(&mut cluster, old);
    cluster.group.gave_up(old, &BTreeSet::from([SHARD]));
    give(&mut cluster, new);
    assert_eq!(cluster.group.assigned(new).unwrap().shards, BTreeSet::new());
    assert_eq!(cluster.group.holder(SHARD), Some(old));
}

#[test]
fn a_shard_of_a_member_whose_session_has_ended_is_free_at_once() {
    let mut cluster = Cluster::default();
    let (old, new) = (member(&mut cluster, 0), member(&mut cluster, 1));
    give(&mut cluster, old);
    cluster.group.remove(old);
    give(&mut cluster, new);
    assert_eq!(cluster.group.assigned(old), None);
    assert_eq!(cluster.group.assigned(new).unwrap().shards, BTreeSet::from([SHARD]));
}

#[test]
fn a_static_member_that_comes_back_keeps_its_shards_and_its_former_id_is_refused() {
    let mut cluster = Cluster::default();
    let old = member(&mut cluster, 0);
    give(&mut cluster, old);
    let new = member(&mut cluster, 0);
    let assigned = cluster.group.assigned(new).unwrap();
    assert_eq!((assigned.generation, assigned.shards), (1, BTreeSet::from([SHARD])));
    assert_eq!(cluster.group.check(old, 1, &Vec::new()), Err(Refusal::UnknownMember));
    assert_eq!(cluster.group.check(new, 1, &Vec::new()), Ok(()));
}

#[test]
fn compaction_keeps_the_last_of_each_key_and_leaves_holes() {
    let mut cluster = Cluster::default();
    let epoch = cluster.init(PRODUCER).unwrap();
    for key in ["a", "b", "a"] {
        produce(&mut cluster, epoch, key).unwrap();
    }
    cluster.end(PRODUCER, epoch, Decision::Commit).unwrap();
    write_markers(&mut cluster);
    cluster.log(CHANGELOG).compact(0, 0);
    assert_eq!(read(&mut cluster), (vec!["b".to_owned(), "a".to_owned()], 4));
    let first = cluster.log(CHANGELOG).read(0).next().map(|(offset, _)| offset);
    assert_eq!(first, Some(1));
}

#[test]
fn compaction_leaves_alone_what_is_not_stable() {
    let mut cluster = Cluster::default();
    let epoch = cluster.init(PRODUCER).unwrap();
    cluster.log(CHANGELOG).append(message("a", Some("old")), None);
    produce(&mut cluster, epoch, "a").unwrap();
    cluster.log(CHANGELOG).compact(0, 0);
    assert_eq!(read(&mut cluster), (vec!["a".to_owned()], 1));
}

#[test]
fn a_tombstone_outlives_what_it_deletes_for_the_time_it_is_kept() {
    let mut log = Log::new("1".to_owned());
    log.append(message("a", Some("row")), None);
    log.append(message("a", None), None);
    assert_eq!(log.compact(1_000, 900), 0);
    log.replicate();
    assert_eq!(log.read(0).map(|(offset, _)| offset).collect::<Vec<_>>(), [1]);
    assert_eq!(log.compact(1_900, 1_000), 0);
    assert_eq!(log.compact(2_000, 1_001), 1);
    assert_eq!((log.read(0).count(), log.bounds().end), (0, 2));
}

#[test]
fn retention_moves_the_start_and_nothing_else() {
    let mut log = Log::new("1".to_owned());
    for key in ["a", "b", "c"] {
        log.append(message(key, None), None);
    }
    log.truncate(2);
    assert_eq!(log.bounds(), Bounds { start: 2, end: 3 });
    log.truncate(1);
    assert_eq!(log.bounds().start, 2);
}

#[test]
fn a_recreated_topic_is_empty_and_has_another_id() {
    let mut cluster = Cluster::default();
    cluster.log(CHANGELOG).append(message("a", None), None);
    let id = cluster.log(CHANGELOG).topic_id().to_owned();
    cluster.recreate(CHANGELOG);
    assert_ne!(cluster.log(CHANGELOG).topic_id(), id);
    assert_eq!(cluster.log(CHANGELOG).bounds(), Bounds { start: 0, end: 0 });
}
