//! The partition that producers choose for a key.
//!
//! Promise: the same partition as the producers that a [`Partitioner`] stands for, for every key
//! that is not empty (for empty keys, many producers choose any partition).

use std::{fmt, num::NonZeroU32};

/// How a producer chooses the partition of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioner {
    /// Java's producer, and all compatible ones.
    Murmur2,
    /// The default of librdkafka: `consistent_random`.
    Crc32,
    /// Sarama's `NewHashPartitioner`.
    Fnv1a,
}

impl Partitioner {
    pub const ALL: [Self; 3] = [Self::Murmur2, Self::Crc32, Self::Fnv1a];

    /// Returns the name, as in the object.
    pub fn name(self) -> &'static str {
        match self {
            Self::Murmur2 => "murmur2",
            Self::Crc32 => "crc32",
            Self::Fnv1a => "fnv1a",
        }
    }

    /// Returns the partitioner of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|partitioner| partitioner.name() == name)
    }

    /// Returns the clients that partition like this, for messages.
    pub fn users(self) -> &'static str {
        match self {
            Self::Murmur2 => "the default of Java producers",
            Self::Crc32 => "the default of librdkafka: Python, Go, .NET, Rust, kcat",
            Self::Fnv1a => "the default of Sarama",
        }
    }

    /// Returns the partition of `key` among `count`.
    ///
    /// # Panics
    /// When `key` is 4 GiB or longer, which no record allows.
    pub fn partition(self, key: &[u8], count: NonZeroU32) -> u32 {
        match self {
            // Java clears the sign instead of taking the absolute value.
            Self::Murmur2 => (murmur2(key) & 0x7fff_ffff) % count,
            Self::Crc32 => crc32(key) % count,
            // Sarama takes the remainder of a signed number, and its absolute value.
            Self::Fnv1a => fnv1a(key).cast_signed().unsigned_abs() % count,
        }
    }
}

impl fmt::Display for Partitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const SEED: u32 = 0x9747_b28c;
const MIX: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

/// Returns the 32-bit murmur2 hash with Kafka's seed; Java shows the same bits as a signed number.
///
/// # Panics
/// When `data` is 4 GiB or longer, which no record allows.
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

/// Bytes that [`crc32`] processes at a time.
const SLICE: usize = 8;

/// The effect of a byte on the checksum when 0 to 7 bytes follow it.
static CRC_TABLES: [[u32; 256]; SLICE] = crc_tables();

const fn crc_tables() -> [[u32; 256]; SLICE] {
    let mut tables = [[0; 256]; SLICE];
    let mut byte = 0;
    let mut value = 0_u32;
    while byte < 256 {
        let mut crc = value;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
        value += 1;
    }
    let mut follow = 1;
    while follow < SLICE {
        byte = 0;
        while byte < 256 {
            let before = tables[follow - 1][byte];
            tables[follow][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        follow += 1;
    }
    tables
}

/// Returns the CRC-32 of zlib, which librdkafka uses.
pub fn crc32(data: &[u8]) -> u32 {
    let at = |follow: usize, byte: u8| CRC_TABLES[follow][usize::from(byte)];
    let mut crc = u32::MAX;
    let mut slices = data.chunks_exact(SLICE);
    for slice in &mut slices {
        let [a, b, c, d] = crc.to_le_bytes();
        crc = at(7, slice[0] ^ a)
            ^ at(6, slice[1] ^ b)
            ^ at(5, slice[2] ^ c)
            ^ at(4, slice[3] ^ d)
            ^ at(3, slice[4])
            ^ at(2, slice[5])
            ^ at(1, slice[6])
            ^ at(0, slice[7]);
    }
    for byte in slices.remainder() {
        crc = (crc >> 8) ^ at(0, byte ^ crc.to_le_bytes()[0]);
    }
    !crc
}

/// Returns the 32-bit FNV-1a hash.
pub fn fnv1a(data: &[u8]) -> u32 {
    data.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, hash and partition out of six; computed by Kafka 4.3.1, whose tests have the first six
    /// too.
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
            assert_eq!(Partitioner::Murmur2.partition(key.as_bytes(), six), among_six, "{key}");
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

    /// From the tests of librdkafka, which took them from other tools: a shell's `crc32`, Java and
    /// Go.
    #[test]
    fn keys_hash_as_in_librdkafka_and_sarama() {
        let sentence = "this is another string with more length to it perhaps";
        for (key, crc, murmur, fnv) in [
            ("23456", 0xb1b4_51d7, 0x058d_780f, 0x27e6_f469),
            (sentence, 0xb015_0df7, 0x4f77_03da, 0x155e_3e5f),
            ("hejsan", 0xd077_037e, 0x5ec1_9395, 0x17b1_e27a),
        ] {
            for count in [7, 17, 1, 3, 64].map(|count| NonZeroU32::new(count).expect("above 0")) {
                let [murmur2, crc32, fnv1a] = Partitioner::ALL
                    .map(|partitioner| partitioner.partition(key.as_bytes(), count));
                assert_eq!(murmur2, murmur % count, "{key}");
                assert_eq!(crc32, crc % count, "{key}");
                assert_eq!(fnv1a, fnv % count, "{key}");
            }
        }
        for (key, hash) in [
            ("kafka", 0x0d33_c4e1),
            ("giberish123456789", 0x77a5_8295),
            ("1234", 0x023b_dd03),
            ("234", 0x2dea_3cd2),
            ("34", 0x740f_a83e),
            ("4", 0x310c_a263),
            ("PreAmbleWillBeRemoved,ThePrePartThatIs", 0x65cb_d69c),
            ("", 0x7ee3_623b),
        ] {
            assert_eq!(fnv1a(key.as_bytes()).cast_signed().unsigned_abs(), hash, "{key}");
        }
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926, "the check value of CRC-32");
    }

    #[test]
    fn a_checksum_of_slices_is_that_of_bytes() {
        let bytes: Vec<u8> = (0..=255_u8).map(|index| index.wrapping_mul(91)).collect();
        for length in 0..bytes.len() {
            let by_bits = bytes[..length].iter().fold(u32::MAX, |crc, byte| {
                (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
            });
            assert_eq!(crc32(&bytes[..length]), !by_bits, "{length}");
        }
    }
}
