//! Amounts of bytes in Kubernetes' notation: `512Ki`, `1.5Gi`, `64M`, `1048576`.

const UNITS: [(&str, u64); 8] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
];
const FRACTION_DIGITS_MAX: usize = 9;

/// Returns the bytes that `text` stands for, rounded down, or `None` when it is not an amount.
pub fn parse(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit_bytes = match unit {
        "" => 1,
        _ => UNITS.iter().find(|(name, _)| *name == unit)?.1,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > FRACTION_DIGITS_MAX {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let parts = whole.parse::<u64>().ok()?.checked_mul(unit_bytes)?;
    let fraction_bytes = fraction.parse::<u128>().ok()? * u128::from(unit_bytes) / scale;
    parts.checked_add(u64::try_from(fraction_bytes).ok()?)
}

/// Returns the shortest text that [`parse`] reads as exactly `bytes`.
pub fn format(bytes: u64) -> String {
    let unit = UNITS[..4].iter().rev().find(|(_, size)| bytes > 0 && bytes.is_multiple_of(*size));
    unit.map_or_else(|| bytes.to_string(), |(name, size)| format!("{}{name}", bytes / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_kubernetes_reads_them() {
        assert_eq!(parse("1048576"), Some(1_048_576));
        assert_eq!(parse("512Ki"), Some(524_288));
        assert_eq!(parse("1.5Gi"), Some(1_610_612_736));
        assert_eq!(parse("64M"), Some(64_000_000));
        assert_eq!(parse("2Ti"), Some(2_199_023_255_552));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "Ki", "512KiB", "1 Mi", "-1", "1.Gi", ".5Gi", "1e3", "100m", "20000000Ti"]
        {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_amount_reads_back_as_it_was_written() {
        for text in ["0", "1", "512Ki", "64Mi", "1Ti", "1000"] {
            assert_eq!(format(parse(text).expect("an amount")), text);
        }
    }
}
