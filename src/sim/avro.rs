//! JSON values in Avro, each with a schema of its own.
//!
//! The core's tests include this file, too: they cannot depend on this crate, which depends on
//! theirs.

use serde_json::{Map, Value, json};

/// Returns the schema of a value, and the value by that schema.
pub fn encode(value: &Value) -> (Value, Vec<u8>) {
    let (mut bytes, mut records) = (Vec::new(), 0);
    let schema = push(value, &mut bytes, &mut records);
    (schema, bytes)
}

fn push(value: &Value, bytes: &mut Vec<u8>, records: &mut usize) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(value) => {
            bytes.push(u8::from(*value));
            json!("boolean")
        }
        Value::Number(number) => match number.as_i64() {
            Some(number) => {
                push_long(number, bytes);
                json!("long")
            }
            None => {
                bytes.extend(number.as_f64().unwrap_or_default().to_le_bytes());
                json!("double")
            }
        },
        Value::String(text) => {
            push_text(text, bytes);
            json!("string")
        }
        Value::Array(elements) => {
            let mut branches = vec![json!("null")];
            if !elements.is_empty() {
                push_length(elements.len(), bytes);
            }
            for element in elements {
                let mut of = Vec::new();
                let schema = push(element, &mut of, records);
                let known = branches.iter().position(|known| *known == schema);
                push_length(known.unwrap_or(branches.len()), bytes);
                bytes.extend(of);
                if known.is_none() {
                    branches.push(schema);
                }
            }
            push_length(0, bytes);
            json!({"type": "array", "items": branches})
        }
        Value::Object(members) => push_record(members, bytes, records),
    }
}

fn push_record(members: &Map<String, Value>, bytes: &mut Vec<u8>, records: &mut usize) -> Value {
    let name = format!("R{records}");
    *records += 1;
    let field = |(name, value): (&String, &Value)| {
        let of = push(value, bytes, records);
        json!({"name": name, "type": of})
    };
    let fields: Vec<Value> = members.iter().map(field).collect();
    json!({"type": "record", "name": name, "fields": fields})
}

fn push_text(text: &str, bytes: &mut Vec<u8>) {
    push_length(text.len(), bytes);
    bytes.extend(text.as_bytes());
}

fn push_length(length: usize, bytes: &mut Vec<u8>) {
    push_long(i64::try_from(length).expect("it is in memory"), bytes);
}

fn push_long(number: i64, bytes: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest >= 0x80 {
        bytes.push(u8::try_from(rest & 0x7f | 0x80).expect("it is one byte"));
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).expect("it is one byte"));
}
