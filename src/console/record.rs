//! A record of a topic, as the page gets it.
//!
//! Promise: bounded in size, whatever the record holds.

use rdkafka::message::{BorrowedMessage, Headers, Message};
use serde::Serialize;

use rollcall_core::text::escape;
use rollcall_registry::Shown;

const VALUE_BYTES_MAX: usize = 16 << 10;
const KEY_BYTES_MAX: usize = 1 << 10;
const HEADERS_MAX: usize = 50;
/// Maximum total size of a record's headers, names included.
const HEADERS_BYTES_MAX: usize = 8 << 10;
/// How many bytes of a value are shown in hexadecimal.
const HEX_BYTES_MAX: usize = 1 << 10;

/// A record. Bytes that are not text are replaced, and also given in hexadecimal.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    pub key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_hex: Option<String>,
    #[serde(flatten)]
    pub value: Value,
    pub headers: Vec<(String, String)>,
    /// How many headers are left out, because there are too many or they are too large.
    pub headers_left_out: usize,
}

/// The value of a record: as JSON text if it is an input's, and otherwise as it is.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Value {
    pub value: Option<String>,
    /// The first KiB of the value, if it is not text or could not be decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_hex: Option<String>,
    /// Size of the value in bytes, of which the first 16 KiB are shown.
    pub value_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoding: Option<Decoding>,
}

/// How the value of an input's record was decoded.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decoding {
    /// The name of the format, as in the object.
    pub format: &'static str,
    /// The id of the schema that the value names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Size of the JSON text in bytes, of which the first 16 KiB are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_bytes: Option<usize>,
    /// Why the value could not be decoded, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Record {
    pub fn of(message: &BorrowedMessage<'_>, shown: Option<&Shown<'_>>) -> Self {
        let (headers, headers_left_out) = headers(message);
        let key = message.key().map(|key| cut(key, KEY_BYTES_MAX));
        Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis(),
            key: key.map(text),
            key_hex: key.and_then(|key| escape::hex(key, HEX_BYTES_MAX)),
            value: message.payload().map(|value| Value::of(value, shown)).unwrap_or_default(),
            headers,
            headers_left_out,
        }
    }
}

impl Value {
    fn of(value: &[u8], shown: Option<&Shown<'_>>) -> Self {
        let json = shown.and_then(|shown| shown.json.as_deref().ok());
        let bytes = cut(json.map_or(value, str::as_bytes), VALUE_BYTES_MAX);
        let value_hex = match shown {
            Some(Shown { json: Ok(_), .. }) => None,
            // Only in JSON, text tells more than its bytes.
            Some(Shown { json: Err(_), format, .. }) if *format != "json" => {
                Some(escape::bytes_in_hex(bytes, HEX_BYTES_MAX))
            }
            Some(_) | None => escape::hex(bytes, HEX_BYTES_MAX),
        };
        let decoding = shown.map(|shown| Decoding {
            format: shown.format,
            schema: shown.schema.map(|id| id.to_string()),
            json_bytes: json.map(str::len),
            problem: shown.json.as_ref().err().cloned(),
        });
        Self { value: Some(text(bytes)), value_hex, value_bytes: value.len(), decoding }
    }
}

/// Returns the headers that are shown, and the number of those that are not.
fn headers(message: &BorrowedMessage<'_>) -> (Vec<(String, String)>, usize) {
    let (mut headers, mut left_out) = (Vec::new(), 0);
    let mut room = HEADERS_BYTES_MAX;
    for header in message.headers().into_iter().flat_map(Headers::iter) {
        let name = cut(header.key.as_bytes(), KEY_BYTES_MAX);
        let value = cut(header.value.unwrap_or_default(), KEY_BYTES_MAX);
        if headers.len() == HEADERS_MAX || name.len() + value.len() > room {
            left_out += 1;
            continue;
        }
        room -= name.len() + value.len();
        let shown = escape::hex(value, HEX_BYTES_MAX).unwrap_or_else(|| text(value));
        headers.push((text(name), shown));
    }
    (headers, left_out)
}

fn cut(bytes: &[u8], bytes_max: usize) -> &[u8] {
    &bytes[..bytes.len().min(bytes_max)]
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use rollcall_core::codec::schemas::SchemaId;

    use super::*;

    fn shown(format: &'static str, json: Result<&str, &str>) -> Shown<'static> {
        let json = json.map(|json| Cow::Owned(json.to_owned())).map_err(str::to_owned);
        Shown { format, schema: Some(SchemaId::Number(7)), json }
    }

    #[test]
    fn a_decoded_value_is_text_with_its_format_and_schema() {
        let value = Value::of(b"\0\0\0\0\x07\x02", Some(&shown("avro", Ok(r#"{"id":1}"#))));
        assert_eq!(value.value.as_deref(), Some(r#"{"id":1}"#));
        assert_eq!((value.value_hex, value.value_bytes), (None, 6));
        let (schema, json_bytes) = (Some("7".to_owned()), Some(8));
        let expected = Decoding { format: "avro", schema, json_bytes, problem: None };
        assert_eq!(value.decoding, Some(expected));
    }

    #[test]
    fn a_value_that_cannot_be_decoded_is_bytes_with_the_reason() {
        // Bytes that happen to be text.
        let value = Value::of(b"abc", Some(&shown("avro", Err("it ends too early"))));
        assert_eq!(value.value_hex.as_deref(), Some("616263"));
        let problem = value.decoding.and_then(|decoding| decoding.problem);
        assert_eq!(problem.as_deref(), Some("it ends too early"));
        let value = Value::of(&[0; 5000], Some(&shown("protobuf", Err("no"))));
        assert_eq!(value.value_hex.map(|hex| hex.len()), Some(2 * HEX_BYTES_MAX));
        assert_eq!(value.value_bytes, 5000);
    }

    #[test]
    fn text_that_is_no_json_stays_text_where_json_is_meant() {
        let value = Value::of(b"{", Some(&shown("json", Err("no JSON"))));
        assert_eq!((value.value.as_deref(), value.value_hex), (Some("{"), None));
        let value = Value::of(b"\xff{", Some(&shown("json", Err("no text"))));
        assert_eq!(value.value_hex.as_deref(), Some("ff7b"));
    }

    #[test]
    fn a_long_text_is_cut_and_its_size_is_given() {
        let json = format!("\"{}\"", "x".repeat(VALUE_BYTES_MAX));
        let value = Value::of(b"x", Some(&shown("avro", Ok(&json))));
        assert_eq!(value.value.map(|text| text.len()), Some(VALUE_BYTES_MAX));
        let shown = value.decoding.and_then(|decoding| decoding.json_bytes);
        assert_eq!(shown, Some(VALUE_BYTES_MAX + 2));
    }

    #[test]
    fn outputs_are_shown_as_they_are() {
        let value = Value::of(b"{\"orderId\":\"a\"}", None);
        assert_eq!((value.value.as_deref(), value.decoding), (Some("{\"orderId\":\"a\"}"), None));
        assert_eq!(Value::of(b"\x01", None).value_hex.as_deref(), Some("01"));
    }
}
