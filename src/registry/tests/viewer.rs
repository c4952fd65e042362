//! What people see of values, with a registry and without.

use super::*;
use rollcall_core::record::Header;

const ORDER: &[u8] = &[0, 0, 0, 0, 7, 14];

/// An object whose orders are in Avro and whose products are in JSON.
fn viewer(registry: &str, avro: &str, background: &Background) -> Viewer {
    let object = json!({
        "apiVersion": "rollcall.dev/v1alpha1", "kind": "Reconciliation",
        "metadata": {"name": "shipping"},
        "spec": {
            "kafka": {"bootstrapServers": "b:1"},
            "registry": {"urls": [registry]},
            "expected": {"topic": "orders", "format": "avro", "items": "$.items[*].id",
                "avro": serde_json::from_str::<serde_json::Value>(avro).expect("JSON")},
            "observed": [{"topic": "manufactured", "item": "$.id"}],
            "completed": {"topic": "shipped"},
            "overdue": {"topic": "late", "after": "1h"},
            "deadLetter": {"topic": "dead"}
        }
    });
    let settings = rollcall_object::parse(&object.to_string()).expect("a valid object");
    Viewer::new(&settings, background.handle())
}

/// What is shown of a value, as text.
fn shown(viewer: &Viewer, topic: &str, value: &[u8], headers: &[Header]) -> String {
    let mut timeout = SchemaTimeout::new(Duration::from_secs(60));
    told(viewer.show(topic, value, &headers.to_vec(), &mut timeout))
}

fn told(shown: Option<Shown<'_>>) -> String {
    let Some(Shown { format, schema, json }) = shown else { return "as it is".to_owned() };
    let schema = schema.map_or_else(String::new, |id| format!(" {id}"));
    match json {
        Ok(json) => format!("{format}{schema}: {json}"),
        Err(why) => format!("{format}{schema}, not: {why}"),
    }
}

fn background() -> Background {
    Background::start().expect("threads")
}

#[test]
fn a_value_is_shown_by_the_format_of_its_topic() {
    let (url, asks) = serve(|path, _| match path {
        "/schemas/ids/7" => (200, SCHEMA.to_owned()),
        _ => (404, NONE.to_owned()),
    });
    let background = background();
    let viewer = viewer(&url, "null", &background);
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| assert_eq!(shown(&viewer, "orders", ORDER, &[]), "avro 7: 7"));
        }
    });
    assert_eq!(asks.try_iter().count(), 1, "all pages ask once");
    assert_eq!(shown(&viewer, "manufactured", b"{\"id\":1}", &[]), "json: {\"id\":1}");
    let broken = shown(&viewer, "manufactured", b"{", &[]);
    assert!(broken.starts_with("json, not: the value is not a JSON document"), "{broken}");
    let unknown = shown(&viewer, "orders", &[0, 0, 0, 0, 8, 14], &[]);
    assert!(unknown.contains("avro 8, not: the schema registry does not have"), "{unknown}");
    assert!(unknown.contains("register the schema there"), "{unknown}");
    let cut = shown(&viewer, "orders", &ORDER[..5], &[]);
    assert!(cut.starts_with("avro 7, not: ") && cut.contains("it ends too early"), "{cut}");
    assert_eq!(shown(&viewer, "shipped", b"{}", &[]), "as it is");
}

#[test]
fn a_dead_letter_is_shown_as_the_record_that_it_is_a_copy_of() {
    let (url, _) = serve(|_, _| (200, SCHEMA.to_owned()));
    let background = background();
    let viewer = viewer(&url, "null", &background);
    let of =
        |topic: &str| vec![("rollcall-source-topic".to_owned(), Some(topic.as_bytes().to_vec()))];
    assert_eq!(shown(&viewer, "dead", ORDER, &of("orders")), "avro 7: 7");
    assert_eq!(shown(&viewer, "dead", b"7", &of("manufactured")), "json: 7");
    // Of an input that the object had before, or written by somebody else.
    assert_eq!(shown(&viewer, "dead", ORDER, &of("earlier")), "as it is");
    assert_eq!(shown(&viewer, "dead", ORDER, &[]), "as it is");
}

#[test]
fn a_registry_that_is_away_is_the_reason() {
    let background = background();
    let viewer = viewer("http://127.0.0.1:1", "null", &background);
    let found = shown(&viewer, "orders", ORDER, &[]);
    assert!(found.starts_with("avro 7, not: no schema from the registry: http://127"), "{found}");
    assert!(found.contains("see spec.registry"), "{found}");
}

#[test]
fn all_values_together_wait_for_a_registry_only_for_a_while() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let background = background();
    let viewer = viewer(&url, "null", &background);
    let mut timeout = SchemaTimeout::new(PENDING_MAX / 10);
    for id in 0..50 {
        let found = told(viewer.show("orders", &[0, 0, 0, 0, id], &Vec::new(), &mut timeout));
        // Later, the registry would be said to be slow.
        let expected = "not: the schema registry has not answered yet: ask again";
        assert!(found.ends_with(expected), "{found}");
    }
}

#[test]
fn a_schema_of_the_object_needs_no_registry_and_a_file_that_is_missing_is_the_reason() {
    let background = background();
    let given = viewer("http://127.0.0.1:1", r#"{"schema": "\"int\""}"#, &background);
    assert_eq!(shown(&given, "orders", &[14], &[]), "avro: 7");
    let missing = viewer("http://127.0.0.1:1", r#"{"schemaFile": "/no.avsc"}"#, &background);
    let found = shown(&missing, "orders", &[14], &[]);
    assert!(found.contains("not: spec.expected.avro.schemaFile: cannot read /no.avsc"), "{found}");
}
