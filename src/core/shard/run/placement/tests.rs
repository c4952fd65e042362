//! Tests with keys as producers distribute them, and the conclusions drawn from them.

use super::*;

const FOUR: NonZeroU32 = NonZeroU32::new(4).expect("four is not zero");

fn auto() -> Placement {
    let topics = vec!["orders".to_owned(), "manufactured".to_owned()];
    Placement::new(Partitioning::Auto, topics, FOUR)
}

fn shard(number: u32) -> ShardId {
    ShardId(i32::try_from(number).expect("a small number"))
}

/// Shows `keys` of a producer's keys to an input, starting with `first`.
fn show(placement: &Placement, input: InputIndex, by: Partitioner, first: usize, keys: usize) {
    for key in first..first + keys {
        let key = format!("order-{key}");
        let place = shard(by.partition(key.as_bytes(), FOUR));
        let _ = placement.check(input, place, key.as_bytes());
    }
}

#[test]
fn inputs_that_agree_decide_and_what_is_elsewhere_is_refused_from_then_on() {
    for by in Partitioner::ALL {
        let placement = auto();
        show(&placement, 0, by, 0, 500);
        assert_eq!(placement.partitioner(), None, "the other input has not shown anything");
        show(&placement, 1, by, 7, KEYS_MIN - 1);
        assert_eq!(placement.partitioner(), None);
        let key = b"any";
        let belongs = by.partition(key, FOUR);
        let elsewhere = shard((belongs + 1) % 4);
        assert_eq!(placement.check(0, elsewhere, key).expect("no conflict"), None);
        show(&placement, 1, by, 90, 1);
        assert_eq!((placement.partitioner(), placement.learnt()), (Some(by), Some(by)));
        let misplaced = Some(Misplaced { belongs, partitioner: by });
        assert_eq!(placement.check(0, elsewhere, key).expect("no conflict"), misplaced);
        assert_eq!(placement.check(0, shard(belongs), key).expect("no conflict"), None);
    }
}

#[test]
fn the_same_key_again_is_no_further_evidence() {
    let placement = auto();
    for _ in 0..10 {
        show(&placement, 0, Partitioner::Crc32, 0, KEYS_MIN - 1);
        show(&placement, 1, Partitioner::Murmur2, 0, KEYS_MIN - 1);
    }
    assert_eq!((placement.partitioner(), placement.conflict()), (None, None));
}

#[test]
fn inputs_that_differ_are_named_and_nothing_goes_on() {
    let placement = auto();
    show(&placement, 0, Partitioner::Crc32, 0, KEYS_MIN);
    show(&placement, 1, Partitioner::Murmur2, 0, KEYS_MIN);
    let why = placement.conflict().expect("they differ");
    for part in ["orders uses crc32", "manufactured uses murmur2", "murmur2_random", "unchecked"] {
        assert!(why.contains(part), "{why}");
    }
    assert!(placement.agreed().is_err());
    assert!(placement.check(0, shard(0), b"any").is_err());
    assert_eq!(placement.partitioner(), None);
    placement.remember(Partitioner::Crc32);
    assert!(placement.agreed().is_err(), "a conflict stays");
}

#[test]
fn an_input_that_fits_none_is_named_at_once() {
    let placement = auto();
    for key in 0..KEYS_MAX {
        let place = shard(u32::try_from(key % 4).expect("below four"));
        let _ = placement.check(1, place, format!("order-{key}").as_bytes());
    }
    let why = placement.conflict().expect("it fits none");
    assert!(why.contains("orders uses what is not known yet"), "{why}");
    assert!(why.contains("manufactured uses none of murmur2, crc32 and fnv1a"), "{why}");
}

#[test]
fn two_producers_of_one_topic_that_differ_are_none() {
    let placement = auto();
    for key in 0..KEYS_MAX {
        let by = if key % 2 == 0 { Partitioner::Crc32 } else { Partitioner::Murmur2 };
        show(&placement, 0, by, key, 1);
    }
    assert!(placement.conflict().is_some());
}

#[test]
fn one_stray_record_does_not_hide_the_rule() {
    let placement = auto();
    let key = b"by hand";
    let elsewhere = (Partitioner::Murmur2.partition(key, FOUR) + 1) % 4;
    for input in [0, 1] {
        placement.check(input, shard(elsewhere), key).expect("no conflict");
        show(&placement, input, Partitioner::Murmur2, 0, KEYS_MIN);
    }
    assert_eq!(placement.partitioner(), Some(Partitioner::Murmur2));
}

#[test]
fn one_partition_alone_takes_more_keys() {
    let placement = auto();
    let keys = (0..1_000).map(|key| format!("order-{key}"));
    let of_shard_2 = keys.filter(|key| Partitioner::Fnv1a.partition(key.as_bytes(), FOUR) == 2);
    for (seen, key) in of_shard_2.take(KEYS_MAX).enumerate() {
        assert_eq!(placement.partitioner(), None, "{seen}");
        for input in [0, 1] {
            placement.check(input, ShardId(2), key.as_bytes()).expect("no conflict");
        }
    }
    assert_eq!(placement.partitioner(), Some(Partitioner::Fnv1a));
}

#[test]
fn what_is_named_or_remembered_needs_no_evidence() {
    let topics = vec!["orders".to_owned()];
    let named = Partitioning::Named(Partitioner::Crc32);
    let placement = Placement::new(named, topics.clone(), FOUR);
    let belongs = Partitioner::Crc32.partition(b"a", FOUR);
    let misplaced = placement.check(0, shard((belongs + 1) % 4), b"a").expect("no conflict");
    assert_eq!(misplaced.map(|misplaced| misplaced.belongs), Some(belongs));
    assert_eq!((placement.partitioner(), placement.learnt()), (Some(Partitioner::Crc32), None));
    placement.remember(Partitioner::Murmur2);
    assert_eq!(placement.partitioner(), Some(Partitioner::Crc32), "the object wins");

    let placement = Placement::new(Partitioning::Auto, topics.clone(), FOUR);
    placement.remember(Partitioner::Fnv1a);
    placement.remember(Partitioner::Murmur2);
    assert_eq!(placement.learnt(), Some(Partitioner::Fnv1a));

    let one = Placement::new(Partitioning::Auto, topics.clone(), NonZeroU32::MIN);
    let unchecked = Placement::new(Partitioning::Unchecked, topics, FOUR);
    for key in 0..200 {
        let key = format!("order-{key}");
        assert_eq!(one.check(0, ShardId(0), key.as_bytes()).expect("it has to fit"), None);
        assert_eq!(unchecked.check(0, ShardId(3), key.as_bytes()).expect("nobody asks"), None);
    }
    assert_eq!((unchecked.partitioner(), unchecked.conflict()), (None, None));
}
