//! What a registry answers.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Deserialize;

use rollcall_core::text::escape::printable;

/// Codes of Confluent's API for a subject, a version or a schema that does not exist.
const NOT_FOUND: std::ops::RangeInclusive<u32> = 40_401..=40_499;
/// Longest part of an answer that is shown.
const SHOWN_MAX: usize = 200;

/// A schema as a registry sends it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    pub schema: String,
    /// Left out for Avro.
    #[serde(default)]
    pub schema_type: Option<String>,
    #[serde(default)]
    pub references: Vec<Reference>,
}

/// Another schema, which a schema uses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reference {
    /// The name by which schemas use it: for Avro, that of its type; for Protobuf, that by which
    /// its file is imported.
    pub name: String,
    pub subject: String,
    pub version: u32,
}

/// What a schema is a schema of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Type {
    #[default]
    Avro,
    Protobuf,
    Json,
}

impl Registered {
    /// Returns what it is a schema of.
    ///
    /// # Errors
    /// When it is of a type that nothing here reads.
    pub fn of(&self) -> Result<Type, Arc<str>> {
        match self.schema_type.as_deref() {
            None | Some("AVRO") => Ok(Type::Avro),
            Some("PROTOBUF") => Ok(Type::Protobuf),
            Some("JSON") => Ok(Type::Json),
            Some(_) => Err("it is a schema of another type than Avro, Protobuf and JSON".into()),
        }
    }
}

#[derive(Deserialize)]
struct Error {
    error_code: u32,
    #[serde(default)]
    message: String,
}

/// Reads an answer; `None` if the registry does not have what was asked for.
///
/// A 404 counts only with the code of a registry: that of another server, or of a wrong path, says
/// nothing about a schema.
///
/// # Errors
/// What is wrong with the answer, and what to do.
pub fn read(status: StatusCode, body: &[u8]) -> Result<Option<Registered>, String> {
    if status.is_success() {
        return serde_json::from_slice(body).map(Some).map_err(|error| {
            format!(
                "it answers something else than a schema ({error}): check that the URL is that of \
                 the registry's API"
            )
        });
    }
    let told: Option<Error> = serde_json::from_slice(body).ok();
    let said = match &told {
        Some(Error { message, .. }) => {
            printable(&message.chars().take(SHOWN_MAX).collect::<String>()).into_owned()
        }
        None => String::new(),
    };
    let said = if said.is_empty() { status.to_string() } else { format!("{status}: {said}") };
    match (status, told) {
        (StatusCode::NOT_FOUND, Some(Error { error_code, .. }))
            if NOT_FOUND.contains(&error_code) =>
        {
            Ok(None)
        }
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
            Err(format!("it answers {said}: check the login of spec.registry"))
        }
        (StatusCode::NOT_FOUND, _) => Err(format!(
            "it answers {said}: check that the URL is that of the registry's API, with its path"
        )),
        _ if status.is_redirection() => Err(format!(
            "it answers {said}, and redirects are not followed: name the URL that it leads to"
        )),
        _ => Err(format!("it answers {said}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).expect("a status");
        read(status, body.as_bytes()).expect_err("it is no answer")
    }

    #[test]
    fn a_schema_may_say_its_type_and_what_it_uses() {
        let plain = read(StatusCode::OK, br#"{"schema":"\"int\"","more":1}"#);
        let plain = plain.expect("an answer").expect("a schema");
        assert_eq!((plain.schema.as_str(), plain.schema_type), ("\"int\"", None));
        let body = br#"{"schema":"x","schemaType":"PROTOBUF",
            "references":[{"name":"a.b","subject":"s","version":2}]}"#;
        let found = read(StatusCode::OK, body).expect("an answer").expect("a schema");
        let (name, subject) = ("a.b".to_owned(), "s".to_owned());
        assert_eq!(found.references, [Reference { name, subject, version: 2 }]);
    }

    #[test]
    fn only_a_registry_can_say_that_there_is_no_schema() {
        let body = br#"{"error_code":40403,"message":"Schema 7 not found"}"#;
        assert_eq!(read(StatusCode::NOT_FOUND, body), Ok(None));
        for body in ["<html>", "{}", r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#] {
            assert!(refusal(404, body).contains("with its path"), "{body}");
        }
    }

    #[test]
    fn whatever_else_is_answered_has_its_remedy() {
        for (status, body, remedy) in [
            (200, "<html>", "check that the URL"),
            (200, "[]", "check that the URL"),
            (401, "", "check the login of spec.registry"),
            (403, r#"{"error_code":40301,"message":"denied"}"#, "403 Forbidden: denied: check the"),
            (302, "", "redirects are not followed"),
            (500, "", "it answers 500 Internal Server Error"),
        ] {
            let refusal = refusal(status, body);
            assert!(refusal.contains(remedy), "{status} {body}: {refusal}");
        }
    }
}
