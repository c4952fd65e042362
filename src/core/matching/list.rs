//! How much room the expected items take in the list of a completion, which is decided before they
//! are accepted: a completion that its topic refuses would stop its shard.

use super::{Counting, Items};

/// The most bytes of an entry besides its item: `{"item":""},` and `,"quantity":4294967295`.
const ENTRY_BYTES: usize = 12;
const QUANTITY_BYTES: usize = 22;

/// Returns the most bytes that the list of these items takes as JSON, without what is kept of them.
pub(crate) fn bytes(items: &Items, counting: Counting) -> usize {
    let entry = match counting {
        Counting::Distinct => ENTRY_BYTES,
        Counting::Quantity => ENTRY_BYTES + QUANTITY_BYTES,
    };
    items.iter().map(|item| entry + text_bytes(item.text)).sum()
}

/// Returns the most bytes of a text in JSON.
fn text_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        // Some of them are escaped by a letter.
        ..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_takes_at_most_what_is_counted() {
        for text in ["", "1", "größe", "a\"b\\c", "\u{0}\u{1f}\n\t\u{7f}", "\u{2028}"] {
            let json = serde_json::to_string(text).expect("a text is JSON");
            let counted = 2 + text_bytes(text);
            assert!((json.len()..=json.len() + 8).contains(&counted), "{json}: {counted}");
        }
    }
}
