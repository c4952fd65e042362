//! Bytes as text, in base64 with padding (RFC 4648).

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Returns the bytes that `text` stands for, white space aside.
///
/// # Errors
/// What is wrong with it.
pub fn decode(text: &str) -> Result<Vec<u8>, String> {
    let text: String = text.split_whitespace().collect();
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if let Some(wrong) = digits.chars().find(|c| !c.is_ascii() || value(*c as u8).is_none()) {
        return Err(format!("\"{wrong}\" is no digit of base64"));
    }
    if digits.len() % 4 == 1 || padding > 2 || (padding > 0 && !text.len().is_multiple_of(4)) {
        return Err("its length is not that of base64".to_owned());
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0);
    for value in digits.bytes().filter_map(value) {
        bits = (bits << 6) | value;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).expect("eight bits"));
        }
    }
    Ok(bytes)
}

fn value(digit: u8) -> Option<u32> {
    ALPHABET.iter().position(|at| *at == digit).and_then(|at| u32::try_from(at).ok())
}

/// Returns the text that [`decode`] reads as these bytes.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for index in 0..4 {
            let digit = (bits >> (18 - 6 * index) & 0x3f) as usize;
            text.push(if index <= chunk.len() { char::from(ALPHABET[digit]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RFC 4648.
    const VECTORS: [(&str, &str); 7] = [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ];

    #[test]
    fn bytes_are_written_and_read_as_in_the_rfc() {
        for (bytes, text) in VECTORS {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text), Ok(bytes.as_bytes().to_vec()));
            assert_eq!(decode(text.trim_end_matches('=')), Ok(bytes.as_bytes().to_vec()));
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Ok(all));
        assert_eq!(decode(" Zm9v\n Yg== "), Ok(b"foob".to_vec()));
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in ["Z", "Zm9v!", "Zg=", "Zg===", "Z=g=", "ZÄ==", "_w=="] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
