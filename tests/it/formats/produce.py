"""Writes records as Confluent's serializers do: each line of standard input is one of them, with
topic, key, value, schema, format (avro or json) and, to put the schema's id into a header, inHeader.
Prints the ids of the schemas, a line for each record."""

import json
import sys

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

kafka, registry = sys.argv[1:]
producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
client = SchemaRegistryClient({"url": registry})
serializers = {}


def serializer(record):
    kind = (record["topic"], record["schema"], record.get("format", "avro"))
    if kind not in serializers:
        if kind[2] == "json":
            serializers[kind] = JSONSerializer(record["schema"], client)
        else:
            serializers[kind] = AvroSerializer(client, record["schema"])
    return serializers[kind]


for line in sys.stdin:
    record = json.loads(line)
    headers = {}
    context = SerializationContext(record["topic"], MessageField.VALUE, headers)
    value = serializer(record)(record["value"], context)
    headers = []
    if record.get("inHeader"):
        headers, value = [("__value_schema_id", value[:5])], value[5:]
        print("in a header")
    else:
        print(int.from_bytes(value[1:5], "big"))
    producer.produce(record["topic"], key=record["key"], value=value, headers=headers)
producer.flush()
