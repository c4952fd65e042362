//! Input and output records: topics, paths, deadlines.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::constants::{Constants, constants_schema};
use super::format::{AvroSpec, FormatSpec, ProtobufSpec};
use super::selection::{
    ConditionSpec, ItemSpec, ItemsSpec, LastSpec, OutcomeSpec, entry_schema, where_schema,
};
use super::{EnvelopeSpec, RecordKeySpec};
use crate::{bounds, cel, duration, names};

/// The records that say which items a key needs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = cel::expected_rules()))]
pub struct ExpectedSpec {
    /// Topic of the expectations; a null value cancels its key. All other topics must have as many
    /// partitions as this one, and workers divide its partitions among themselves. Changes are
    /// refused, because offsets and state belong to the topic: create an object with another name
    /// for another topic.
    #[schemars(length(max = bounds::TOPIC_LENGTH_MAX), extend("pattern" = names::TOPIC_PATTERN))]
    pub topic: String,
    /// How the values of the topic are written: `json`, `avro`, `protobuf`, or `jsonSchema`, which
    /// is JSON behind the id of its schema. Paths mean the same in each; what values in Avro and
    /// Protobuf hold is in [formats.md](formats.md). Records of another format become dead letters,
    /// so change it with the producers, once what they wrote before is processed.
    #[serde(default, skip_serializing_if = "FormatSpec::is_json")]
    pub format: FormatSpec,
    /// The schema of all values of the topic, if they do not name their schema in a registry. Only
    /// with `format: avro`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avro: Option<AvroSpec>,
    /// The same for `format: protobuf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protobuf: Option<ProtobufSpec>,
    /// What the values of the topic are wrapped in, if anything. `debezium`: a change event, with
    /// or without `schema` and `payload`; paths begin at `after`, a deletion cancels its key, and
    /// the null that follows it is skipped. `cloudevents`: a CloudEvent in structured or binary
    /// mode; paths begin at `data`. `connect`: JSON of Kafka Connect with its schema; paths begin
    /// at `payload`. The envelope is at `$envelope`, such as `$envelope.op` or `$envelope.type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<EnvelopeSpec>,
    /// Where the key is in the record key, if that is not the key: `{json: $.id}` for keys such as
    /// `{"id": 5}`, or likewise `avro`, `protobuf` and `jsonSchema`. Left out, the record key is
    /// the key. The partition of a record follows all bytes of its record key, the id of a schema
    /// included, so all inputs need the same unless `partitioner` is `unchecked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_key: Option<RecordKeySpec>,
    /// Which records of the topic are expectations: those for which all conditions hold. Left out,
    /// all of them are, and nothing else may be read from the topic. A null value cancels its key
    /// whatever the conditions on paths say.
    #[serde(rename = "where", default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "where_schema")]
    pub conditions: Vec<ConditionSpec>,
    /// JSON path of the key within the value, which is checked against the record key. Left out,
    /// the record key alone counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub key: Option<String>,
    /// JSON path of the items within the value, such as `$.items[*].id`. Or the items themselves,
    /// if all keys need the same: `{fixed: [fraud, stock]}`. One of this, `count` and `item` is
    /// needed, and one cannot become another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "entry_schema")]
    pub items: Option<ItemsSpec>,
    /// JSON path of how many different items a key needs, whichever they are, such as `$.records`
    /// in the trailer of a file; with `counting: quantity`, how many units. An integer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub count: Option<String>,
    /// JSON path of one item, such as `$.lineNo`, if the list of items comes record by record. It
    /// needs `total` or `last`, which say when the list is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub item: Option<String>,
    /// JSON path of how many different items the list will have, beside `item`. An integer of at
    /// least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub total: Option<String>,
    /// Which record is the last one of the list, instead of `total`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastSpec>,
    /// JSON path of how often each item is needed, next to the item, such as `$.items[*].quantity`.
    /// Only with `counting: quantity`; left out, each listing counts as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub quantity: Option<String>,
    /// What outputs carry of the expectation, by the name of the field: JSON paths of values within
    /// its record, such as `{customer: $.customer.id}`. Values are kept as they came, in the state
    /// of the key; `$` keeps the whole value, and what is missing is left out. At most 32.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = bounds::KEEP_MAX))]
    pub keep: BTreeMap<String, String>,
    /// Completes a key at once if its expectation lists no items, instead of refusing the record.
    #[serde(default)]
    pub allow_empty: bool,
}

/// Records that say that one item of a key has arrived.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObservedSpec {
    /// Topic of the observations. If several entries name the same topic, `expected` included, a
    /// record belongs to the first of them whose `where` holds, and all but the last need a
    /// `where`.
    #[schemars(length(max = bounds::TOPIC_LENGTH_MAX), extend("pattern" = names::TOPIC_PATTERN))]
    pub topic: String,
    /// How the values of the topic are written: `json`, `avro`, `protobuf` or `jsonSchema`, as in
    /// `expected`; the same for all entries of a topic.
    #[serde(default, skip_serializing_if = "FormatSpec::is_json")]
    pub format: FormatSpec,
    /// The schema of all values of the topic, if they do not name their schema in a registry. Only
    /// with `format: avro`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avro: Option<AvroSpec>,
    /// The same for `format: protobuf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protobuf: Option<ProtobufSpec>,
    /// What the values of the topic are wrapped in, if anything. `debezium`: a change event, with
    /// or without `schema` and `payload`; paths begin at `after`, a deletion is refused unless
    /// `outcome` is at `$envelope.op`, and the null that follows it is skipped. `cloudevents`: a
    /// CloudEvent in structured or binary mode; paths begin at `data`. `connect`: JSON of Kafka
    /// Connect with its schema; paths begin at `payload`. The envelope is at `$envelope`, such as
    /// `$envelope.op` or `$envelope.type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<EnvelopeSpec>,
    /// Where the key is in the record key, if that is not the key: `{json: $.id}` for keys such as
    /// `{"id": 5}`, or likewise `avro`, `protobuf` and `jsonSchema`. Left out, the record key is
    /// the key. The partition of a record follows all bytes of its record key, the id of a schema
    /// included, so all inputs need the same unless `partitioner` is `unchecked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_key: Option<RecordKeySpec>,
    /// Which records of the topic belong to this entry: those for which all conditions hold. Left
    /// out, all of them do. A record that belongs to no entry of its topic is skipped and counted.
    #[serde(rename = "where", default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "where_schema")]
    pub conditions: Vec<ConditionSpec>,
    /// JSON path of the key within the value, which is checked against the record key. Left out,
    /// the record key alone counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub key: Option<String>,
    /// JSON path of the item within the value, such as `$.productId`. Or the item itself, if all
    /// records of the entry say the same: `{fixed: paid}`.
    #[schemars(schema_with = "entry_schema")]
    pub item: ItemSpec,
    /// JSON path of how many units arrived, such as `$.count`. Only with `counting: quantity`; left
    /// out, each record counts as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub quantity: Option<String>,
    /// JSON path of what tells the record from others of its key, such as `$.eventId`: an integer
    /// or a string of at most 255 bytes. A second record with it is a duplicate and adds nothing.
    /// Only with `counting: quantity`; ids count towards `limits.rowBytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub id: Option<String>,
    /// What became of the item. Left out, every record says that the item has arrived. Only with
    /// `counting: distinct`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeSpec>,
    /// What the lists of outputs carry of the observation, beside its item: JSON paths of values
    /// within its record, by the name of the field, such as `{madeAt: $.manufacturedDate}`. Needs
    /// `completed.itemsField` or `failed`, and `counting: distinct`. At most 32.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = bounds::KEEP_MAX))]
    pub keep: BTreeMap<String, String>,
}

/// The record emitted once per key, when every expected item was observed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = cel::completed_rules()))]
pub struct CompletedSpec {
    /// Topic of the completions.
    #[schemars(length(max = bounds::TOPIC_LENGTH_MAX), extend("pattern" = names::TOPIC_PATTERN))]
    pub topic: String,
    /// Name of the field that holds the key in the JSON values of all outputs.
    #[serde(default = "default_key_field")]
    #[schemars(length(min = 1, max = 255))]
    pub key_field: String,
    /// Name of a field of completions that lists the expected items, in the order of the
    /// expectation, each with what its observation keeps. Left out, they are not listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub items_field: Option<String>,
    /// Fields that are the same in all completions, such as `{state: VALIDATED}`. At most 32.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "constants_schema")]
    pub fields: Constants,
    /// Where a completion carries more than its key. `lateHeader`: a header `rollcall-late` on
    /// completions of keys that had been reported as overdue. `headers`: also
    /// `rollcall-expected-at`, on all completions. `value`: fields `expectedAt` and `late` in the
    /// value.
    #[serde(default)]
    pub facts: FactsSpec,
}

/// Where a completion carries more than its key.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum FactsSpec {
    /// A header `rollcall-late` on completions of keys that had been reported as overdue, none on
    /// others.
    #[default]
    LateHeader,
    /// Headers `rollcall-expected-at` and, for keys that had been reported as overdue,
    /// `rollcall-late`.
    Headers,
    /// Fields `expectedAt` and `late` in the value.
    Value,
}

/// The record emitted once per key of which items failed, instead of the completion.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailedSpec {
    /// Topic of the failed records. Left out, it is the object's name followed by `-failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::TOPIC_LENGTH_MAX), extend("pattern" = names::TOPIC_PATTERN))]
    pub topic: Option<String>,
    /// When a key fails. `first`: with its first expected item that failed. `allKnown`: once every
    /// expected item has arrived or failed, if one of them failed.
    #[serde(default)]
    pub when: FailedWhenSpec,
    /// Fields that are the same in all failed records, such as `{state: FAILED}`. At most 32.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "constants_schema")]
    pub fields: Constants,
}

/// When a key of which items failed is finished.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum FailedWhenSpec {
    /// With its first failed item.
    #[default]
    First,
    /// Once every expected item has arrived or failed.
    AllKnown,
}

/// Reports open keys that a null value cancels.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelledSpec {
    /// Topic of the reports. Left out, it is the object's name followed by `-cancelled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::TOPIC_LENGTH_MAX), extend("pattern" = names::TOPIC_PATTERN))]
    pub topic: Option<String>,
}

/// Reports keys that are not complete in time.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = cel::overdue_rules()))]
pub struct OverdueSpec {
    /// Topic of the reports: overdue, orphaned and expired keys. Left out, it is the object's
    /// name followed by `-overdue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::TOPIC_LENGTH_MAX), extend("pattern" = names::TOPIC_PATTERN))]
    pub topic: Option<String>,
    /// How long after its expectation an incomplete key is reported; it stays open and can still
    /// complete. Left out, keys without a deadline of their own never
    /// become overdue. Between 1s and 3650d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = duration::PATTERN, "maxLength" = 32))]
    pub after: Option<String>,
    /// JSON path of a deadline that the expectation names, which then counts instead of `after`: a
    /// string in RFC 3339 (`2026-03-01T12:00:00+01:00`), a date with a time in `zone`, or an
    /// integer in `unit` since 1970. If there is nothing or null, `after` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub at: Option<String>,
    /// Time zone of dates with a time that say no offset, by its name in the IANA database, such as
    /// `Europe/Berlin`. Left out, it is UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::ZONE_BYTES_MAX))]
    pub zone: Option<String>,
    /// Unit of integers: `s` for seconds or `ms` for milliseconds. Left out, it is `ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitSpec>,
}

/// Forgets keys that were observed but never expected.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OrphansSpec {
    /// How long after its last observation a key without an expectation is reported to the overdue
    /// topic and forgotten. An expectation that arrives later starts from nothing. Between 1s and
    /// 3650d.
    #[schemars(extend("pattern" = duration::PATTERN, "maxLength" = 32))]
    pub after: String,
}

impl Default for OrphansSpec {
    fn default() -> Self {
        Self { after: "7d".to_owned() }
    }
}

/// Cancels expected keys that are still incomplete after a hard limit.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = cel::expire_rules()))]
pub struct ExpireSpec {
    /// How long after its expectation an incomplete key is cancelled and reported. Left out, keys
    /// without a deadline of their own never expire. Between 1s and 3650d, and longer than
    /// `overdue.after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = duration::PATTERN, "maxLength" = 32))]
    pub after: Option<String>,
    /// JSON path of a deadline that the expectation names, which then counts instead of `after`: a
    /// string in RFC 3339 (`2026-03-01T12:00:00+01:00`), a date with a time in `zone`, or an
    /// integer in `unit` since 1970. If there is nothing or null, `after` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub at: Option<String>,
    /// Time zone of dates with a time that say no offset, by its name in the IANA database, such as
    /// `Europe/Berlin`. Left out, it is UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::ZONE_BYTES_MAX))]
    pub zone: Option<String>,
    /// Unit of integers: `s` for seconds or `ms` for milliseconds. Left out, it is `ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitSpec>,
}

/// The unit of an integer that is a time.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitSpec {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Millis,
}

/// What happens to records that cannot be used.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeadLetterSpec {
    /// Topic of the dead letters: the unchanged records, with the reason in the headers. Left out,
    /// it is the object's name followed by `-dead-letter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::TOPIC_LENGTH_MAX), extend("pattern" = names::TOPIC_PATTERN))]
    pub topic: Option<String>,
}

/// Whether an item has to be observed once, or as often as it is expected.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum CountingSpec {
    /// Once, however often it is listed or arrives.
    #[default]
    Distinct,
    /// As often as it is listed, or as its quantity says.
    Quantity,
}

fn default_key_field() -> String {
    "key".to_owned()
}
