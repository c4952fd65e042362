//! Recognizes values that are not JSON text by their first bytes.

use std::fmt;

/// The encoding of a value that is not JSON text in UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 text after a byte order mark.
    ByteOrderMark,
    /// The format of schema-registry serializers: a zero byte and then the schema's id.
    Registry {
        schema_id: u32,
    },
    /// Text with two or four bytes per character.
    Utf16,
    Gzip,
    Zstd,
    Lz4,
    Snappy,
}

impl Encoding {
    /// Returns the encoding of `value`, which is not JSON; `None` when it cannot be recognized.
    ///
    /// No JSON text begins with any of these bytes.
    pub fn of(value: &[u8]) -> Option<Self> {
        match *value {
            [0xef, 0xbb, 0xbf, ..] => Some(Self::ByteOrderMark),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(Self::Utf16),
            // Without a byte order mark, JSON begins with two ASCII characters or consists of one.
            // A schema's id would have to be above 16,777,215 to look like this.
            [1..0x80, 0, ..] | [0, 1..0x80, 0, 1..0x80, ..] | [0, 1..0x80] => Some(Self::Utf16),
            [0, a, b, c, d, ..] => {
                Some(Self::Registry { schema_id: u32::from_be_bytes([a, b, c, d]) })
            }
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, ..]
            | [0xff, 0x06, 0, 0, b's', b'N', ..] => Some(Self::Snappy),
            _ => None,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compressed = |f: &mut fmt::Formatter<'_>, name| {
            write!(
                f,
                "the value itself is compressed with {name}: let the producer's compression.type \
                 do that, which compresses batches and is undone by every reader"
            )
        };
        match self {
            Self::ByteOrderMark => write!(
                f,
                "the value begins with a byte order mark (EF BB BF): write UTF-8 without one"
            ),
            Self::Registry { schema_id } => write!(
                f,
                "the value begins as the serializers of a schema registry do, with a zero byte \
                 and schema id {schema_id}: set the input's format to what the serializer writes, \
                 avro, protobuf or jsonSchema, with the registry"
            ),
            Self::Utf16 => write!(f, "the value is UTF-16 or UTF-32 text: write UTF-8"),
            Self::Gzip => compressed(f, "gzip"),
            Self::Zstd => compressed(f, "zstd"),
            Self::Lz4 => compressed(f, "lz4"),
            Self::Snappy => compressed(f, "snappy"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_written_a_value_is_told_by_its_first_bytes() {
        let cases: [(&[u8], Option<Encoding>); 16] = [
            (b"\xef\xbb\xbf{}", Some(Encoding::ByteOrderMark)),
            (b"\0\0\0\0\x07{\"id\":1}", Some(Encoding::Registry { schema_id: 7 })),
            (b"\0\0\x01\x86\xa3\x02", Some(Encoding::Registry { schema_id: 100_003 })),
            (b"\xff\xfe{\0}\0", Some(Encoding::Utf16)),
            (b"\xfe\xff\0{\0}", Some(Encoding::Utf16)),
            (b"{\0\"\0", Some(Encoding::Utf16)),
            (b"\0{\0\"", Some(Encoding::Utf16)),
            (b"{\0\0\0\"\0\0\0", Some(Encoding::Utf16)),
            (b"\x1f\x8b\x08\0", Some(Encoding::Gzip)),
            (b"\x28\xb5\x2f\xfd\x04", Some(Encoding::Zstd)),
            (b"\x04\x22\x4d\x18\x60", Some(Encoding::Lz4)),
            (b"\x82SNAPPY\0\0\0", Some(Encoding::Snappy)),
            (b"{\"id\":", None),
            (b"", None),
            (b"\0", None),
            (b"\xff", None),
        ];
        for (value, encoding) in cases {
            assert_eq!(Encoding::of(value), encoding, "{value:?}");
        }
    }
}
