//! Numbers of few bytes.

/// The most bytes of a number.
pub(super) const VARINT_BYTES_MAX: usize = 10;

/// Up to `N` bytes, to be appended in one copy.
pub(super) struct Written<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Default for Written<N> {
    fn default() -> Self {
        Self { bytes: [0; N], length: 0 }
    }
}

impl<const N: usize> Written<N> {
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    pub fn push_all<const M: usize>(&mut self, bytes: [u8; M]) {
        self.bytes[self.length..self.length + M].copy_from_slice(&bytes);
        self.length += M;
    }

    pub fn push_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.push(value.to_le_bytes()[0]);
    }
}

/// Takes a varint off the front, or `None` when it is truncated, too large or overlong.
pub(super) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for (index, &byte) in rest.iter().enumerate().take(VARINT_BYTES_MAX) {
        if index == VARINT_BYTES_MAX - 1 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *rest = &rest[index + 1..];
            return (byte != 0 || index == 0).then_some(value);
        }
    }
    None
}

/// Maps numbers near zero to small ones, whatever their sign.
pub(super) fn zigzag(value: i64) -> u64 {
    (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned()
}

pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}
