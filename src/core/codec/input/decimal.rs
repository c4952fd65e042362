//! Integers as text.

#[derive(Debug, Clone, Copy)]
pub(super) enum Sign {
    Plus,
    Minus,
}

/// A sign and the digits of the largest `u64`.
pub(super) const DIGITS_MAX: usize = 21;

/// Writes a number in decimal. The standard formatting machinery would take as long as the parsing.
pub(super) fn decimal(magnitude: u64, sign: Sign, digits: &mut [u8; DIGITS_MAX]) -> &str {
    let (mut rest, mut at) = (magnitude, DIGITS_MAX);
    loop {
        at -= 1;
        digits[at] = b"0123456789"[(rest % 10) as usize];
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if matches!(sign, Sign::Minus) {
        at -= 1;
        digits[at] = b'-';
    }
    std::str::from_utf8(&digits[at..]).expect("digits are ASCII")
}
