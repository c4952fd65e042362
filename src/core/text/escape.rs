//! Makes text written by others safe to show in a terminal, in a log line or in a URL.
//!
//! Promise: the result is one line that a terminal shows as it is; nothing in it moves the cursor,
//! rings the bell, changes the reading order or is invisible.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// Characters that need no escape anywhere in a URL (RFC 3986).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns `text` on one line; control and invisible characters become `\n`, `\u{1b}` and the like.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    write!(Printable(&mut out), "{text}").expect("a String takes everything");
    Cow::Owned(out)
}

/// Returns `text` with its line breaks kept; every line is escaped as by [`printable`].
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Returns `text` escaped for a path segment, a query value or a form.
pub fn url(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, ENCODED)
}

/// Returns bytes as text if they are text; the rest of a truncated character is left out.
pub fn text(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_binary = text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'));
    (!is_binary).then_some(text)
}

/// Returns the first `bytes_max` bytes in hexadecimal if they are not text; `None` for text.
pub fn hex(bytes: &[u8], bytes_max: usize) -> Option<String> {
    text(bytes).is_none().then(|| bytes_in_hex(bytes, bytes_max))
}

/// Returns the first `bytes_max` bytes in hexadecimal, text or not.
pub fn bytes_in_hex(bytes: &[u8], bytes_max: usize) -> String {
    let shown = &bytes[..bytes.len().min(bytes_max)];
    shown.iter().fold(String::with_capacity(2 * shown.len()), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}

/// Writes everything on in printable form, however it is split into pieces.
pub struct Printable<W>(pub W);

impl<W: Write> Write for Printable<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, unseen)) = rest.char_indices().find(|(_, c)| is_unseen(*c)) {
            self.0.write_str(&rest[..at])?;
            write!(self.0, "{}", unseen.escape_default())?;
            rest = &rest[at + unseen.len_utf8()..];
        }
        self.0.write_str(rest)
    }
}

/// Returns whether a terminal does anything other than show a character.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Soft hyphen, joiners and non-joiners, direction marks, Unicode line ends.
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_stays_one_line_and_does_nothing_to_a_terminal() {
        assert_eq!(printable("order-1 é 😀 \u{fffd}"), "order-1 é 😀 \u{fffd}");
        assert!(matches!(printable("order-1"), Cow::Borrowed(_)));
        assert_eq!(
            printable("a\nb\r\t\x1b[2J\x07\x7f\u{9b}31m"),
            "a\\nb\\r\\t\\u{1b}[2J\\u{7}\\u{7f}\\u{9b}31m"
        );
        assert_eq!(
            printable("a\u{202e}b\u{200b}\u{2028}c\u{feff}"),
            "a\\u{202e}b\\u{200b}\\u{2028}c\\u{feff}"
        );
    }

    #[test]
    fn lines_of_our_own_stay_lines() {
        assert_eq!(printable_lines("a: 1\nb: \x1b[m\n"), "a: 1\nb: \\u{1b}[m\n");
    }

    #[test]
    fn bytes_that_are_no_text_are_told_as_numbers() {
        assert_eq!(hex("{\n\t\"a\": \"\u{e9}\"}".as_bytes(), 9), None);
        assert_eq!(hex("\u{e9}".as_bytes().split_last().expect("two bytes").1, 9), None);
        assert_eq!(hex(b"\0\0\0\x01{}", 9).as_deref(), Some("000000017b7d"));
        assert_eq!(hex(b"\xff\xfe\xfd", 2).as_deref(), Some("fffe"));
        assert_eq!(hex(b"", 2), None);
    }

    #[test]
    fn any_text_fits_into_a_url() {
        assert_eq!(url("order-1_a.b~c").to_string(), "order-1_a.b~c");
        assert_eq!(url("a/b?c=d %ü&+").to_string(), "a%2Fb%3Fc%3Dd%20%25%C3%BC%26%2B");
    }
}
