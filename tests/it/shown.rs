//! Records as people see them, in the console's topic browser and by `rollcall watch`, with a real
//! schema registry and Confluent's serializers.

use serde_json::{Value, json};

use super::eventually::eventually;
use super::formats::{Registry, in_avro, order, protobuf};
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::Reconciliation;
use super::topics::Writer;
use super::worker::{Process, Worker};

/// An object whose orders are in Avro and whose products are in Protobuf.
fn in_two_formats(broker: &std::sync::Arc<Broker>, registry: &Registry) -> Reconciliation {
    let mut object = in_avro(broker, "shown", registry);
    let item = json!({"topic": object.manufactured(), "key": "$.orderId",
        "item": "$.productId", "format": "protobuf"});
    object.set("observed", json!([item]));
    object
}

fn made(topic: &str, id: &str, product: u32) -> Value {
    protobuf(topic, "shop.Event.Made", id, &json!({"orderId": id, "productId": product}))
}

fn console(object: &Reconciliation) -> Worker {
    let file = object.file();
    let file = file.to_str().expect("the path is UTF-8");
    let console = Worker::serving("console", &["console", "-f", file, "--server", "127.0.0.1:1"]);
    console.answers("/healthz", 200, WAIT_TIMEOUT);
    console
}

fn watch(object: &Reconciliation) -> Process {
    let file = object.file();
    let file = file.to_str().expect("the path is UTF-8");
    Process::start("watch", ["watch", "--from-beginning", "-f", file])
}

/// The records of a topic as its page shows them, by their keys.
fn browse(console: &Worker, topic: &str, query: &str) -> serde_json::Map<String, Value> {
    let path = format!("/api/topics/{topic}/records?limit=50{query}");
    let (status, page) = console.get(&path).expect("a page, in time");
    assert_eq!(status, 200, "{page}");
    let page: Value = serde_json::from_str(&page).expect("JSON");
    assert_eq!(page["complete"], true, "{page}");
    let records = page["records"].as_array().expect("records").iter();
    let key = |record: &Value| record["key"].as_str().unwrap_or_default().to_owned();
    records.map(|record| (key(record), record.clone())).collect()
}

/// Checks that a record is shown as this value, with its format and schema.
#[track_caller]
fn assert_decoded(record: &Value, format: &str, schema: u32, value: &Value) {
    let text = record["value"].as_str().expect("a value");
    let found: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(found, *value);
    let decoding = json!({"format": format, "schema": schema.to_string(), "jsonBytes": text.len()});
    assert_eq!(record["decoding"], decoding);
    assert!(record["valueHex"].is_null(), "{record}");
}

/// Checks that a record is shown as bytes, with the reason.
#[track_caller]
fn assert_bytes(record: &Value, (schema, bytes): (u32, &[u8]), why: &str) {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(record["valueHex"], hex, "{record}");
    assert_eq!(record["decoding"]["schema"], schema.to_string(), "{record}");
    let problem = record["decoding"]["problem"].as_str().expect("a reason");
    assert!(problem.contains(why), "{problem}");
}

fn value_of(id: u32, rest: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), rest].concat()
}

#[test]
fn topics_are_browsed_and_dead_letters_watched_in_the_formats_of_their_records() {
    let (broker, mut registry) = (Broker::shared(), Registry::start());
    let object = in_two_formats(&broker, &registry);
    let (orders, manufactured) = (object.orders(), object.manufactured());
    let mut nothing = order(&orders, "nothing", 1);
    nothing["value"]["items"] = json!([]);
    let mut in_header = made(&manufactured, "b", 20);
    in_header["inHeader"] = json!(true);
    let records = [order(&orders, "a", 1), nothing, made(&manufactured, "a", 10), in_header];
    let ids = registry.produce(&broker, &records);
    let (avro, protobuf) = (ids[0], ids[2]);
    let (cut, unknown) = (value_of(avro, &[8, b'x']), value_of(9_999, b"x"));
    let writer = Writer::new(&broker);
    writer.send(&orders, Some(b"cut"), Some(&cut));
    writer.send(&manufactured, Some(b"unknown"), Some(&unknown));
    writer.flush();

    let console = self::console(&object);
    let at = "2023-11-14T22:13:20Z";
    let shown = eventually("the schemas are there", WAIT_TIMEOUT, || {
        let shown = browse(&console, &orders, "");
        shown["a"]["decoding"]["problem"].is_null().then_some(shown)
    });
    let value = json!({"id": "a", "at": at, "items": [{"id": 1}, {"id": 2}]});
    assert_decoded(&shown["a"], "avro", avro, &value);
    assert_bytes(&shown["cut"], (avro, &cut), "it ends too early");
    let shown = eventually("the registry says that it has no such schema", WAIT_TIMEOUT, || {
        let shown = browse(&console, &manufactured, "");
        let problem = shown["unknown"]["decoding"]["problem"].to_string();
        problem.contains("does not have schema 9999: register").then_some(shown)
    });
    assert_bytes(&shown["unknown"], (9_999, &unknown), "register the schema there");
    for (id, product) in [("a", 10), ("b", 20)] {
        let value = json!({"orderId": id, "productId": product});
        assert_decoded(&shown[id], "protobuf", protobuf, &value);
    }
    // A number in Protobuf is no text before it is decoded.
    let found = browse(&console, &manufactured, "&text=%22productId%22:20");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["b"]);

    let worker = object.worker("w-1").ready();
    object.settle();
    drop(worker);
    let letters = format!("{}-dead-letter", object.name);
    let shown = browse(&console, &letters, "");
    let value = json!({"id": "nothing", "at": at, "items": []});
    assert_decoded(&shown["nothing"], "avro", avro, &value);
    assert_bytes(&shown["cut"], (avro, &cut), "it ends too early");
    let watched = watch(&object);
    let format = format!("format=avro schema={avro}");
    watched.says(&[
        "dead-letter nothing {\"id\":\"nothing\",",
        &format,
        "rollcall-reason=no-items",
    ]);
    let hex: String = cut.iter().map(|byte| format!("{byte:02x}")).collect();
    watched
        .says(&[&format!("dead-letter cut 0x{hex} {format} undecoded=the value cannot be read")]);
    watched.says(&["undecoded=the schema registry does not have schema 9999"]);

    registry.stop();
    // New processes know no schema.
    let console = self::console(&object);
    let watched = watch(&object);
    let away = "no schema from the registry: http://localhost:1/";
    watched.says(&["dead-letter nothing 0x00", &format, &format!("undecoded={away}")]);
    let page = browse(&console, &orders, "");
    assert_eq!(page.len(), 3, "the page is there: {page:?}");
    eventually("the reason is shown", WAIT_TIMEOUT, || {
        let problem = browse(&console, &orders, "")["a"]["decoding"]["problem"].to_string();
        problem.contains(away).then_some(())
    });
    registry.start_again();
    eventually("the value is shown", WAIT_TIMEOUT, || {
        browse(&console, &orders, "")["a"]["decoding"]["problem"].is_null().then_some(())
    });
}
