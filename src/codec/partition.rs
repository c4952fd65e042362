//! Which partition a key belongs to, as the Java producer decides it.
//!
//! Promise: the same partition as Java's default partitioner for every key, so that records of
//! our producers and of theirs meet in the same shard.

use std::num::NonZeroU32;

const SEED: u32 = 0x9747_b28c;
const MIX: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

/// Returns the partition of `key` among `count`.
pub fn partition(key: &[u8], count: NonZeroU32) -> u32 {
    // Java clears the sign instead of taking the absolute value.
    (murmur2(key) & 0x7fff_ffff) % count
}

/// Returns the 32-bit murmur2 hash with Kafka's seed; Java shows the same bits as a signed number.
///
/// # Panics
/// When `data` has 4 GiB or more, which no record has.
pub fn murmur2(data: &[u8]) -> u32 {
    let mut hash = SEED ^ u32::try_from(data.len()).expect("a key in Kafka is below 2 GiB");
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut mixed = u32::from_le_bytes(word.try_into().expect("a chunk of four bytes"));
        mixed = mixed.wrapping_mul(MIX);
        mixed ^= mixed >> SHIFT;
        hash = hash.wrapping_mul(MIX) ^ mixed.wrapping_mul(MIX);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(MIX);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, hash and partition among six; from Kafka 4.3.1 itself, the first six also in its tests.
    const VECTORS: [(&str, i32, u32); 14] = [
        ("21", -973_932_308, 0),
        ("foobar", -790_332_482, 0),
        ("a-little-bit-long-string", -985_981_536, 2),
        ("a-little-bit-longer-string", -1_486_304_829, 5),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971, 5),
        ("abc", 479_470_107, 3),
        ("", 275_646_681, 3),
        ("a", -1_563_381_124, 4),
        ("ab", 316_155_434, 2),
        ("abcd", -1_323_649_548, 2),
        ("0af9bdce-3825-41a8-870e-1ed9a37a97ba", -4_414_752, 2),
        ("Grüße-€-😀", 1_155_333_757, 1),
        ("1", -1_993_445_489, 3),
        ("order-42", 501_153_024, 0),
    ];

    #[test]
    fn keys_hash_and_part_as_in_java() {
        let six = NonZeroU32::new(6).expect("six is not zero");
        for (key, hash, among_six) in VECTORS {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
            assert_eq!(partition(key.as_bytes(), six), among_six, "{key}");
        }
    }

    #[test]
    fn bytes_of_every_length_and_sign_hash_as_in_java() {
        let bytes: Vec<u8> = (1..=255_u8).map(|index| index.wrapping_mul(37)).collect();
        let all = (0..256).fold(0_i32, |all, length| {
            all.wrapping_mul(31).wrapping_add(murmur2(&bytes[..length]).cast_signed())
        });
        assert_eq!(all, -1_100_673_998);
    }
}
