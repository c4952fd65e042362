//! How values are written, and where their schemas are.

use super::*;
use crate::{FormatError, InputFormat, RegistryLogin, SchemaAt};

const REGISTRY: &str = "registry: { urls: ['https://registry:8081/'] }\n";

/// The smallest object with these formats of the expected topic and the observed one.
fn object(more: &str, expected: &str, observed: &str) -> String {
    let text = minimal()
        .replace("topic: orders,", &format!("topic: orders, {expected}"))
        .replace("topic: manufactured,", &format!("topic: manufactured, {observed}"));
    format!("{text}  {more}")
}

fn one(text: &str) -> String {
    match &problems(text)[..] {
        [problem] => problem.clone(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn an_input_is_json_unless_it_says_something_else() {
    let settings = parse(&minimal()).expect("a valid object");
    assert_eq!(settings.input_formats("orders").0, &InputFormat::Json);
    let text = object(REGISTRY, "format: avro,", "format: jsonSchema,");
    let settings = parse(&text).expect("a valid object");
    assert_eq!(settings.input_formats("orders").0, &InputFormat::Avro(SchemaAt::Registry));
    assert_eq!(settings.input_formats("manufactured").0, &InputFormat::JsonSchema);
    assert!(settings.asks_registry());
    let registry = settings.registry.as_ref().expect("it is named");
    assert_eq!(registry.urls, ["https://registry:8081"]);
    let unread = settings.formats(None).expect_err("there is no port");
    assert_eq!(
        unread.to_string(),
        "spec.expected.format: the schemas of orders are in the schema registry, which is not \
         asked here: name one in avro.schema or avro.schemaFile"
    );
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let avro = |avro: &str| format!("format: avro, avro: {avro},");
    for (expected, observed, problem) in [
        ("format: avro,", "", "spec.expected.format: is avro, and nothing says where the schemas"),
        ("", "format: xml,", "spec.observed[0].format"),
        ("avro: { schemaFile: a },", "", "spec.expected.avro: is of no use"),
        ("", &avro("{}"), "spec.observed[0].avro: gives no schema"),
        ("", &avro("{ schema: '\"int\"', schemaFile: a }"), "avro: gives the schema twice"),
        ("", &avro("{ schema: '[' }"), "avro.schema: is no schema of Avro: it is not JSON"),
        ("", &avro("{ schema: '\"no\"' }"), "the type \"no\" is not defined"),
        (
            "format: protobuf,",
            "",
            "expected.format: is protobuf, and nothing says where the schemas",
        ),
        ("protobuf: { schemaFile: a, message: M },", "", "spec.expected.protobuf: is of no use"),
        ("", "format: protobuf, protobuf: { schemaFile: a, message: '' },", "message: is empty"),
        ("", "format: protobuf, protobuf: { schemaFile: a },", "protobuf"),
    ] {
        let found = one(&object("", expected, observed));
        assert!(found.contains(problem), "{expected} {observed}: {found}");
    }
}

#[test]
fn the_entries_of_a_topic_have_one_format() {
    let entries = |first: &str, second: &str| {
        let from = "[{ topic: manufactured, item: $.productId }]";
        let entry = format!(
            "[{{ topic: made, item: $.id, where: [{{ header: a, exists: true }}], {first} }}, \
             {{ topic: made, item: $.id, {second} }}]"
        );
        minimal().replace(from, &entry) + "  " + REGISTRY
    };
    assert_eq!(problems(&entries("format: avro", "format: avro")), [""; 0]);
    let found = one(&entries("format: avro", "format: json"));
    assert!(found.contains("spec.observed[1].format: differs from spec.observed[0]"), "{found}");
    let given = "format: avro, avro: { schemaFile: a }";
    let found = one(&entries(given, "format: avro"));
    assert!(found.contains("spec.observed[1].format: differs"), "{found}");
}

#[test]
fn a_schema_in_a_file_is_read_when_it_is_needed() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("order.avsc");
    let avro = format!("format: avro, avro: {{ schemaFile: '{}' }},", file.display());
    let settings = parse(&object("", &avro, "")).expect("a valid object");
    assert!(!settings.asks_registry());
    let missing = settings.formats(None).expect_err("there is no file");
    assert!(matches!(missing, FormatError::Unreadable { .. }), "{missing}");
    std::fs::write(&file, "{").expect("written");
    let wrong = settings.formats(None).expect_err("it is no schema");
    assert!(wrong.to_string().contains("is no schema of Avro: it is not JSON"), "{wrong}");
    std::fs::write(&file, "\"int\"").expect("written");
    assert_eq!(settings.formats(None).expect("a schema").len(), 2);
}

#[test]
fn a_registry_is_named_by_urls_and_at_most_one_login() {
    let registry = |more: &str| format!("registry: {{ urls: ['http://r'], {more} }}");
    for (registry, problem) in [
        ("registry: { urls: [] }".to_owned(), "spec.registry.urls: is empty"),
        ("registry: { urls: ['r:8081'] }".to_owned(), "neither https nor http"),
        ("registry: { urls: ['http://a', 'https://me:pw@b'] }".to_owned(), "urls[1]: holds a user"),
        ("registry: { urls: ['http://a?b=c'] }".to_owned(), "has more than a path"),
        (registry("usernameEnv: A"), "user name and password belong together"),
        (registry("tokenEnv: A, tokenFile: a"), "both tokenEnv and tokenFile"),
        (registry("tokenFile: a, secretRef: { name: s }"), "names the login twice"),
        (
            registry("usernameEnv: A, passwordEnv: B, tokenSecretRef: { name: s }"),
            "names the login twice",
        ),
        (registry("caFile: a, caSecretRef: { name: s }"), "authority twice"),
    ] {
        let found = one(&object(&registry, "", ""));
        assert!(found.contains(problem), "{registry}: {found}");
        assert!(!found.contains("pw@"), "a password is repeated: {found}");
    }
    let text = object(&registry("secretRef: { name: s }, caSecretRef: { name: c }"), "", "");
    let found = parse(&text).expect("a valid object").registry.expect("it is named");
    assert!(matches!(found.login, Some(RegistryLogin::Password { .. })));
    let ca = found.ca_file.expect("it is named");
    assert_eq!(ca.display().to_string(), "/etc/rollcall/secrets/registry-ca/ca.crt");
}

/// The message `p.M` with nothing inside.
const SET: &[u8] = b"\x0a\x08\x12\x01p\x22\x03\x0a\x01M";

#[test]
fn a_message_of_a_compiled_file_is_read_when_it_is_needed() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("order.desc");
    let protobuf = |message: &str| {
        let given = format!("{{ schemaFile: '{}', message: {message} }}", file.display());
        let text = object("", &format!("format: protobuf, protobuf: {given},"), "");
        parse(&text).expect("a valid object")
    };
    let refusal = |message| protobuf(message).formats(None).expect_err("none").to_string();
    assert!(!protobuf("p.M").asks_registry());
    assert!(refusal("p.M").starts_with("spec.expected.protobuf.schemaFile: cannot read"));
    std::fs::write(&file, "message M {}").expect("written");
    assert!(refusal("p.M").contains("is no schema of Protobuf: it is no compiled description"));
    std::fs::write(&file, SET).expect("written");
    assert!(refusal("M").contains("has no message M: write its name with its package"));
    assert_eq!(protobuf("p.M").formats(None).expect("a schema").len(), 2);
    let text = object(REGISTRY, "format: protobuf,", "");
    let settings = parse(&text).expect("a valid object");
    assert!(settings.asks_registry());
    let unread = settings.formats(None).expect_err("there is no port").to_string();
    assert!(unread.ends_with("not asked here: name one in protobuf.schemaFile"), "{unread}");
}
