"""Writes records as Confluent's serializers do: each line of standard input is one of them, with
topic, key, value, schema, format (avro, json or protobuf) and, to put the schema's id into a header,
inHeader. With keySchema, which is one of Avro, the key is written by it. In Protobuf, the schema is
the descriptor of a file in JSON, and message names a message of it. Prints the ids of the schemas
of values, a line for each record."""

import json
import sys

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf import timestamp_pb2  # noqa: F401  is imported by schemas

kafka, registry = sys.argv[1:]
producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
client = SchemaRegistryClient({"url": registry})
serializers = {}
messages = {}


def message(record):
    kind = (record["schema"], record["message"])
    if kind not in messages:
        file = json_format.Parse(record["schema"], descriptor_pb2.FileDescriptorProto())
        pool = descriptor_pool.Default()
        pool.AddSerializedFile(file.SerializeToString())
        messages[kind] = message_factory.GetMessageClass(pool.FindMessageTypeByName(kind[1]))
    return messages[kind]


def value_of(record):
    if record.get("format") == "protobuf":
        return json_format.ParseDict(record["value"], message(record)())
    return record["value"]


def serializer(record):
    of = record.get("format", "avro")
    kind = (record["topic"], record["schema"], of, record.get("message"))
    if kind not in serializers:
        if of == "json":
            serializers[kind] = JSONSerializer(record["schema"], client)
        elif of == "protobuf":
            serializers[kind] = ProtobufSerializer(message(record), client)
        else:
            serializers[kind] = AvroSerializer(client, record["schema"])
    return serializers[kind]


def key_of(record):
    schema = record.get("keySchema")
    if schema is None:
        return record["key"]
    kind = (record["topic"], schema)
    if kind not in serializers:
        serializers[kind] = AvroSerializer(client, schema)
    return serializers[kind](record["key"], SerializationContext(record["topic"], MessageField.KEY))


for line in sys.stdin:
    record = json.loads(line)
    headers = {}
    context = SerializationContext(record["topic"], MessageField.VALUE, headers)
    value = serializer(record)(value_of(record), context)
    headers = []
    if record.get("inHeader"):
        # In Protobuf, the indexes of the message follow the id: here a count and one for each.
        end = 5
        if record.get("format") == "protobuf":
            end += 1 + value[5] // 2
        headers, value = [("__value_schema_id", value[:end])], value[end:]
        print("in a header")
    else:
        print(int.from_bytes(value[1:5], "big"))
    producer.produce(record["topic"], key=key_of(record), value=value, headers=headers)
producer.flush()
