//! Values in Avro and behind the ids of their schemas, with a real schema registry and Confluent's
//! serializers.

mod keys;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::against_broker::look;
use super::eventually::eventually;
use super::http::get;
use super::kafka::{Broker, WAIT_TIMEOUT, free_port};
use super::reconciliation::Reconciliation;
use super::topics::Writer;
use super::worker::{Process, Worker};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/registry");

/// A schema registry, which keeps its schemas when it is stopped and started again.
pub struct Registry {
    port: u16,
    dir: TempDir,
    process: Process,
}

impl Registry {
    pub fn start() -> Self {
        let fetched = Command::new(SCRIPT).arg("fetch").status().expect("the script runs");
        assert!(fetched.success(), "there is no schema registry");
        let (port, dir) = (free_port(), TempDir::with_prefix("rollcall-registry-"));
        let dir = dir.expect("a temporary directory");
        let process = run(port, &dir);
        Self { port, dir, process }
    }

    fn url(&self) -> String {
        format!("http://localhost:{}/apis/ccompat/v7", self.port)
    }

    /// Stops it as an administrator would: killed, it would lose what it stored just before.
    pub fn stop(&mut self) {
        self.process.terminate();
    }

    pub fn start_again(&mut self) {
        self.process = run(self.port, &self.dir);
    }

    /// Writes records by Confluent's serializers, and returns the ids of their schemas.
    pub fn produce(&self, broker: &Broker, records: &[Value]) -> Vec<u32> {
        let mut producer = Command::new(SCRIPT)
            .args(["produce", &broker.bootstrap_servers(), &self.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the script runs");
        let mut input = producer.stdin.take().expect("it was asked for");
        for record in records {
            writeln!(input, "{record}").expect("it reads");
        }
        drop(input);
        let output = producer.wait_with_output().expect("it ends");
        assert!(output.status.success(), "the records were not written");
        let ids = String::from_utf8(output.stdout).expect("text");
        ids.lines().filter_map(|id| id.parse().ok()).collect()
    }
}

fn run(port: u16, dir: &TempDir) -> Process {
    let dir = dir.path().display().to_string();
    let mut command = Command::new(SCRIPT);
    let process =
        Process::start_command("registry", command.args(["run", &port.to_string(), &dir]));
    let address = ([127, 0, 0, 1], port).into();
    eventually("the registry answers", WAIT_TIMEOUT, || {
        get(address, "/apis/ccompat/v7/subjects").filter(|(status, _)| *status == 200).map(drop)
    });
    process
}

/// A schema of orders, with more fields in later versions.
fn order_schema(version: usize) -> String {
    let mut fields = vec![
        json!({"name": "id", "type": "string"}),
        json!({"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}),
        json!({"name": "items", "type": {"type": "array", "items": ["null", {
            "type": "record", "name": "Item", "fields": [{"name": "id", "type": "long"}]}]}}),
    ];
    for more in 1..version {
        fields.push(json!({"name": format!("f{more}"), "type": ["null", "string"],
            "default": null}));
    }
    let order = json!({"type": "record", "name": "Order", "namespace": "shop", "fields": fields});
    order.to_string()
}

pub fn order(topic: &str, id: &str, version: usize) -> Value {
    let value = json!({"id": id, "at": 1_700_000_000_000_i64, "items": [{"id": 1}, {"id": 2}]});
    json!({"topic": topic, "key": id, "value": value, "schema": order_schema(version)})
}

fn made(topic: &str, id: &str, product: i64) -> Value {
    let schema = json!({"type": "record", "name": "Made", "fields": [
        {"name": "orderId", "type": "string"},
        {"name": "productId", "type": "long"}]});
    let value = json!({"orderId": id, "productId": product});
    json!({"topic": topic, "key": id, "value": value, "schema": schema.to_string()})
}

pub fn in_avro(broker: &std::sync::Arc<Broker>, name: &str, registry: &Registry) -> Reconciliation {
    let mut object = Reconciliation::new(broker, name);
    object.set("registry", json!({"urls": ["http://localhost:1", registry.url()]}));
    object.set("expected/format", "avro");
    object.set("expected/keep", json!({"at": "$.at"}));
    let item = json!({"topic": object.manufactured(), "key": "$.orderId",
        "item": "$.productId", "format": "avro"});
    object.set("observed", json!([item]));
    object
}

fn awaits_a_schema(worker: &Worker) {
    eventually("a shard waits for a schema and says so", WAIT_TIMEOUT, || {
        let (_, status) = worker.get("/v1/status")?;
        status.contains("no schema from the registry: http://localhost:").then_some(())
    });
    let (_, metrics) = worker.get("/metrics").expect("an answer");
    let awaited = metrics.lines().find(|line| line.starts_with("rollcall_schemas_awaited"));
    assert!(awaited.is_some_and(|line| !line.ends_with(" 0")), "{awaited:?}");
}

#[test]
fn values_in_avro_are_read_by_the_schemas_of_a_registry_which_may_be_away_for_a_while() {
    let (broker, mut registry) = (Broker::shared(), Registry::start());
    let object = in_avro(&broker, "avro", &registry);
    let (orders, manufactured) = (object.orders(), object.manufactured());
    let mut later = made(&manufactured, "a", 2);
    later["inHeader"] = json!(true);
    let ids = registry.produce(
        &broker,
        &[
            order(&orders, "a", 1),
            made(&manufactured, "a", 1),
            later,
            order(&orders, "b", 1),
            made(&manufactured, "b", 1),
        ],
    );
    assert_eq!(ids[0], ids[2], "one schema for all orders");
    let (passes, says, complaint) = look(&object, &[]);
    assert!(passes && says.contains("the key a needs 2 items: 1, 2"), "{says}{complaint}");
    let mut worker = object.worker("w-1").ready();
    object.settle();
    assert_eq!(object.shipped_ids(), ["a"]);
    let shipped = object.shipped().remove(0).value.expect("a completion has a value");
    let shipped: Value = serde_json::from_str(&shipped).expect("JSON");
    assert_eq!(shipped["at"], "2023-11-14T22:13:20Z");

    worker.process.kill();

    let newer = registry.produce(&broker, &[order(&orders, "c", 2)]);
    assert_ne!(newer[0], ids[0]);
    registry.stop();
    let unknown = [&[0][..], &9_999_u32.to_be_bytes(), b"x"].concat();
    let writer = Writer::new(&broker);
    writer.send(&manufactured, Some(b"b"), Some(&unknown));
    writer.flush();
    let (passes, _, complaint) = look(&object, &[]);
    assert!(!passes && complaint.contains("were not decoded, since their schemas"), "{complaint}");
    // A new process knows no schema.
    let worker = Worker::start(&object, "w-1");
    awaits_a_schema(&worker);
    worker.answers("/readyz", 503, WAIT_TIMEOUT);
    assert!(object.dead_letters().is_empty(), "nothing is decided while nobody can know");
    registry.start_again();
    object.settle();
    let made = |id, product| made(&manufactured, id, product);
    registry.produce(&broker, &[made("b", 2), made("c", 1), made("c", 2)]);
    object.settle();
    assert_eq!(object.shipped_ids(), ["a", "b", "c"]);
    assert_eq!(object.dead_letter_reasons(), ["unknown-schema"]);
}

/// The descriptor of a file with the messages `Order`, whose items are inside of it, and
/// `Event.Made`.
fn shop() -> String {
    let field = |name: &str, number: u32, of: &str, more: Value| {
        let mut field = json!({"name": name, "number": number, "label": "LABEL_OPTIONAL"});
        let (key, of) = if of.starts_with('.') { ("typeName", of) } else { ("type", of) };
        field[key] = json!(of);
        more.as_object().into_iter().flatten().for_each(|(key, value)| field[key] = value.clone());
        field
    };
    let (text, long) = ("TYPE_STRING", "TYPE_INT64");
    let item = json!({"name": "Item", "field": [field("id", 1, long, json!(null))]});
    let (time, message) = (".google.protobuf.Timestamp", json!({"type": "TYPE_MESSAGE"}));
    let items = json!({"type": "TYPE_MESSAGE", "label": "LABEL_REPEATED"});
    let order = json!({"name": "Order", "nestedType": [item], "field": [
        field("order_id", 1, text, json!(null)),
        field("at", 2, time, message),
        field("items", 3, ".shop.Order.Item", items)]});
    let made = json!({"name": "Made", "field": [
        field("order_id", 1, text, json!(null)),
        field("product_id", 2, long, json!(null))]});
    let other = json!({"name": "Other"});
    let event = json!({"name": "Event", "nestedType": [other, made]});
    json!({"name": "shop.proto", "package": "shop", "syntax": "proto3",
        "dependency": ["google/protobuf/timestamp.proto"], "messageType": [order, event]})
    .to_string()
}

/// A record whose value is this message of the shop.
pub fn protobuf(topic: &str, message: &str, id: &str, value: &Value) -> Value {
    json!({"topic": topic, "key": id, "format": "protobuf", "schema": shop(),
        "message": message, "value": value})
}

#[test]
fn values_in_protobuf_are_read_by_the_message_that_they_name() {
    let (broker, registry) = (Broker::shared(), Registry::start());
    let mut object = Reconciliation::new(&broker, "protobuf");
    object.set("registry", json!({"urls": [registry.url()]}));
    object.set("expected/format", "protobuf");
    object.set("expected/key", "$.order_id");
    object.set("expected/keep", json!({"at": "$.at"}));
    let (orders, manufactured) = (object.orders(), object.manufactured());
    let item = json!({"topic": manufactured, "key": "$.orderId", "item": "$.productId",
        "format": "protobuf"});
    object.set("observed", json!([item]));
    let order = |id: &str| {
        let value = json!({"orderId": id, "at": "2023-11-14T22:13:20Z",
            "items": [{"id": "1"}, {"id": "0"}]});
        protobuf(&orders, "shop.Order", id, &value)
    };
    let made = |id: &str, product: u32| {
        let value = json!({"orderId": id, "productId": product.to_string()});
        protobuf(&manufactured, "shop.Event.Made", id, &value)
    };
    let mut in_header = made("a", 0);
    in_header["inHeader"] = json!(true);
    let ids = registry.produce(&broker, &[order("a"), made("a", 1), in_header, order("b")]);
    let id = ids[1].to_be_bytes();
    let writer = Writer::new(&broker);
    // The third message of the file, which has two; and the message cut in the middle.
    for rest in [&[2, 4][..], &[4, 2, 2, 0x0a, 9]] {
        let value = [&[0][..], &id, rest].concat();
        writer.send(&manufactured, Some(b"b"), Some(&value));
    }
    writer.flush();
    let _worker = object.worker("w-1").ready();
    object.settle();
    assert_eq!(object.shipped_ids(), ["a"]);
    let shipped = object.shipped().remove(0).value.expect("a completion has a value");
    let shipped: Value = serde_json::from_str(&shipped).expect("JSON");
    assert_eq!(shipped["at"], "2023-11-14T22:13:20Z");
    assert_eq!(object.dead_letter_reasons(), ["not-the-schema"; 2]);
}

#[test]
fn json_behind_the_ids_of_its_schemas_needs_no_registry_to_be_read() {
    let (broker, registry) = (Broker::shared(), Registry::start());
    let mut object = Reconciliation::new(&broker, "json-schema");
    object.set("expected/format", "jsonSchema");
    let schema = json!({"title": "Order", "type": "object", "properties": {
        "id": {"type": "string"}, "items": {"type": "array"}}});
    let value = json!({"id": "a", "items": [{"id": 1}]});
    registry.produce(
        &broker,
        &[json!({"topic": object.orders(), "key": "a", "value": value, "format": "json",
            "schema": schema.to_string()})],
    );
    drop(registry);
    let _worker = object.worker("w-1").ready();
    object.made("a", 1);
    object.order_value(Some("plain"), Some(r#"{"id":"plain","items":[{"id":1}]}"#));
    object.settle();
    assert_eq!(object.shipped_ids(), ["a"]);
    assert_eq!(object.dead_letter_reasons(), ["no-schema-id"]);
}
