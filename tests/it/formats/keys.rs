//! Record keys in Avro, of which a part is the key.

use serde_json::{Value, json};

use super::{Registry, WAIT_TIMEOUT, awaits_a_schema, made, order};
use crate::kafka::Broker;
use crate::reconciliation::Reconciliation;
use crate::topics::Writer;
use crate::worker::Worker;

/// Makes the record key of a record a struct in Avro.
fn keyed(mut record: Value) -> Value {
    let schema = json!({"type": "record", "name": "Key", "fields": [
        {"name": "tenant", "type": "string"}, {"name": "id", "type": "string"}]});
    record["key"] = json!({"tenant": "t", "id": record["key"]});
    record["keySchema"] = json!(schema.to_string());
    record
}

#[test]
fn keys_are_parts_of_record_keys_in_avro_whose_registry_may_be_away_for_a_while() {
    let (broker, mut registry) = (Broker::shared(), Registry::start());
    let mut object = Reconciliation::new(&broker, "avro-keys");
    let (orders, manufactured) = (object.orders(), object.manufactured());
    object.set("registry", json!({"urls": [registry.url()]}));
    object.set("expected/format", "avro");
    object.set("expected/recordKey", json!({"avro": "$.id"}));
    let item = json!({"topic": manufactured, "key": "$.orderId", "item": "$.productId",
        "format": "avro", "recordKey": {"avro": "$.id"}});
    object.set("observed", json!([item]));
    let order = |id| keyed(order(&orders, id, 1));
    let made = |id, product| keyed(made(&manufactured, id, product));
    let records = [order("a"), made("a", 1), made("a", 2), order("b"), made("b", 1)];
    registry.produce(&broker, &records);
    let writer = Writer::new(&broker);
    // No struct at all, and one of an unknown schema.
    for key in [&b"b"[..], &[&[0][..], &9_999_u32.to_be_bytes(), b"\x02t\x02b"].concat()] {
        writer.send(&manufactured, Some(key), Some(b"{}"));
    }
    writer.flush();
    let mut worker = object.worker("w-1").ready();
    object.settle();
    assert_eq!(object.shipped_ids(), ["a"]);
    let shipped = object.shipped().remove(0);
    assert_eq!(shipped.key.as_deref(), Some("a"), "a completion has the key alone");
    assert_eq!(object.dead_letter_reasons(), ["bad-record-key"; 2]);

    worker.process.kill();
    registry.produce(&broker, &[made("b", 2)]);
    registry.stop();
    // A new process knows no schema.
    let worker = Worker::start(&object, "w-1");
    worker.answers("/readyz", 503, WAIT_TIMEOUT);
    awaits_a_schema(&worker);
    assert_eq!(object.shipped_ids(), ["a"]);
    registry.start_again();
    object.settle();
    assert_eq!(object.shipped_ids(), ["a", "b"]);
    assert_eq!(object.dead_letter_reasons().len(), 2);
}
