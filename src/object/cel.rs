//! Rules in the custom resource definition, which the API server checks when the object is applied.
//!
//! Promise: each rule refuses either something that [`validate`](super::validate) would refuse too,
//! or a change that would separate running state from its topics. Every list and text that the
//! rules read is bounded in the schema; otherwise the API server would refuse the rules as too
//! costly.

use kube::core::Rule;
use serde_json::{Value, json};

/// The object's name becomes a group, topics, a Service and labels.
pub(super) fn name_rule() -> Rule {
    Rule::new(
        "self.metadata.name.size() <= 52 && \
         self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    )
    .message("metadata.name has at most 52 characters, of a-z, 0-9 and -, and begins with a letter")
}

pub(super) fn spec_rules() -> Value {
    let all = [topic_rules(), counting_rules(), change_rules()];
    all.into_iter().flat_map(|rules| rules.as_array().cloned().unwrap_or_default()).collect()
}

/// The parts are compared one by one: to an API server, the two objects are of different types.
const SAME_RECORD_KEY: &str = "self.partitioner == 'unchecked' || self.observed.all(o, \
     has(o.recordKey) == has(self.expected.recordKey) && \
     (!has(o.recordKey) || \
     (has(o.recordKey.json) && has(self.expected.recordKey.json) && \
     o.recordKey.json == self.expected.recordKey.json) || \
     (has(o.recordKey.avro) && has(self.expected.recordKey.avro) && \
     o.recordKey.avro == self.expected.recordKey.avro) || \
     (has(o.recordKey.protobuf) && has(self.expected.recordKey.protobuf) && \
     o.recordKey.protobuf == self.expected.recordKey.protobuf) || \
     (has(o.recordKey.jsonSchema) && has(self.expected.recordKey.jsonSchema) && \
     o.recordKey.jsonSchema == self.expected.recordKey.jsonSchema)))";

fn topic_rules() -> Value {
    let distinct = "topics must differ: a record that is written would be read again";
    let entries = "of the entries with the same topic, all but the last need a where";
    rules(&[
        (
            "has(self.expected.where) || \
             !self.observed.exists(o, o.topic == self.expected.topic)",
            entries,
        ),
        (
            "self.observed.all(o, self.observed.filter(p, p.topic == o.topic && \
             !has(p.where)).size() <= 1)",
            entries,
        ),
        (
            "self.observed.all(o, (o.topic != self.expected.topic || \
             (has(o.envelope) == has(self.expected.envelope) && \
             (!has(o.envelope) || o.envelope == self.expected.envelope))) && \
             self.observed.all(p, p.topic != o.topic || (has(p.envelope) == has(o.envelope) && \
             (!has(p.envelope) || p.envelope == o.envelope))))",
            "the entries with the same topic need the same envelope",
        ),
        (SAME_RECORD_KEY, "all inputs need the same recordKey, unless partitioner is unchecked"),
        (
            "self.completed.topic != self.expected.topic && \
             !self.observed.exists(o, o.topic == self.completed.topic)",
            distinct,
        ),
        (
            "!has(self.overdue) || !has(self.overdue.topic) || \
             (self.overdue.topic != self.expected.topic && \
             self.overdue.topic != self.completed.topic && \
             !self.observed.exists(o, o.topic == self.overdue.topic))",
            distinct,
        ),
        (
            "!has(self.deadLetter) || !has(self.deadLetter.topic) || \
             (self.deadLetter.topic != self.expected.topic && \
             self.deadLetter.topic != self.completed.topic && \
             !self.observed.exists(o, o.topic == self.deadLetter.topic) && \
             (!has(self.overdue) || !has(self.overdue.topic) || \
             self.overdue.topic != self.deadLetter.topic))",
            distinct,
        ),
        (
            "!has(self.failed) || !has(self.failed.topic) || \
             (self.failed.topic != self.expected.topic && \
             self.failed.topic != self.completed.topic && \
             !self.observed.exists(o, o.topic == self.failed.topic))",
            distinct,
        ),
        (
            "!has(self.cancelled) || !has(self.cancelled.topic) || \
             (self.cancelled.topic != self.expected.topic && \
             self.cancelled.topic != self.completed.topic && \
             !self.observed.exists(o, o.topic == self.cancelled.topic))",
            distinct,
        ),
    ])
}

fn counting_rules() -> Value {
    rules(&[
        (
            "self.counting == 'quantity' || (!has(self.expected.quantity) && \
             !self.observed.exists(o, has(o.quantity)))",
            "quantity paths need counting: quantity",
        ),
        (
            "self.counting == 'quantity' || !self.observed.exists(o, has(o.id))",
            "id needs counting: quantity",
        ),
        (
            "self.counting == 'distinct' || !self.observed.exists(o, has(o.outcome))",
            "outcome needs counting: distinct",
        ),
        (
            "has(self.failed) == \
             self.observed.exists(o, has(o.outcome) && has(o.outcome.failed))",
            "failed and the failed values of an outcome belong together",
        ),
        (
            "self.counting == 'distinct' || \
             !self.observed.exists(o, has(o.keep) && o.keep.size() > 0)",
            "observed[].keep needs counting: distinct",
        ),
        (
            "has(self.completed.itemsField) || has(self.failed) || \
             !self.observed.exists(o, has(o.keep) && o.keep.size() > 0)",
            "observed[].keep needs completed.itemsField, the field that lists the items",
        ),
        (
            "!has(self.completed.itemsField) || \
             (!has(self.expected.count) && !has(self.expected.item))",
            "completed.itemsField needs expected.items",
        ),
        (
            "!has(self.expected.item) || !has(self.expected.keep)",
            "expected.keep has no meaning beside expected.item: a key has many such records",
        ),
        (
            "!self.observed.exists(o, has(o.keep) && 'item' in o.keep)",
            "item is the field that names an item in a list: keep it under another name",
        ),
        (
            "!has(self.expected.keep) || (!(self.completed.keyField in self.expected.keep) && \
             (!has(self.completed.itemsField) || \
             !(self.completed.itemsField in self.expected.keep)))",
            "fields of completions must differ: keep values under other names",
        ),
    ])
}

/// Rules cannot see `fields`, whose values may be anything.
const READS_NOTHING: (&str, &str) =
    ("has(self.at) || (!has(self.zone) && !has(self.unit))", "zone and unit need at");

pub(super) fn overdue_rules() -> Value {
    rules(&[READS_NOTHING])
}

pub(super) fn expire_rules() -> Value {
    rules(&[READS_NOTHING, ("has(self.after) || has(self.at)", "write after or at")])
}

pub(super) fn completed_rules() -> Value {
    rules(&[(
        "!has(self.itemsField) || self.itemsField != self.keyField",
        "fields of completions must differ",
    )])
}

/// What cannot change, since running state belongs to it.
fn change_rules() -> Value {
    rules(&[
        (
            "self.counting == oldSelf.counting",
            "counting cannot change, since the state was counted by it: make a new object",
        ),
        (
            "self.kafka.groupProtocol == oldSelf.kafka.groupProtocol || \
             (self.paused && oldSelf.paused)",
            "groupProtocol changes only while paused: true, since a group speaks one protocol at \
             a time",
        ),
        (
            "self.observed.all(o, o.topic == oldSelf.expected.topic || \
             oldSelf.observed.exists(p, p.topic == o.topic)) && \
             oldSelf.observed.all(o, o.topic == self.expected.topic || \
             self.observed.exists(p, p.topic == o.topic))",
            "observed topics cannot change, since offsets and state belong to them: make a new \
             object",
        ),
        (
            "self.observed.all(o, oldSelf.observed.all(p, p.topic != o.topic || \
             (has(p.recordKey) == has(o.recordKey) && \
             (!has(p.recordKey) || p.recordKey == o.recordKey))))",
            "recordKey of observed topics cannot change, since the state belongs to keys: make a \
             new object",
        ),
    ])
}

pub(super) fn expected_rules() -> Value {
    rules(&[
        (
            "self.topic == oldSelf.topic",
            "expected.topic cannot change, since offsets and state belong to it: make a new object",
        ),
        (
            // The API server's rules cannot see `items`, since its schema has no type.
            "!has(self.count) || !has(self.item)",
            "give one of items, count and item",
        ),
        (
            "has(self.item) ? has(self.total) != has(self.last) : \
             !has(self.total) && !has(self.last)",
            "an item needs either total or last, and nothing else has them",
        ),
        (
            "!has(self.item) || !has(self.allowEmpty) || !self.allowEmpty",
            "allowEmpty has no effect beside item: each record lists one",
        ),
        (
            "!has(self.count) || !has(self.quantity)",
            "a count is that of all units and has no quantity",
        ),
        (
            "has(self.recordKey) == has(oldSelf.recordKey) && \
             (!has(self.recordKey) || self.recordKey == oldSelf.recordKey)",
            "recordKey cannot change, since the state belongs to keys: make a new object",
        ),
        (
            "has(self.count) == has(oldSelf.count) && has(self.item) == has(oldSelf.item)",
            "items, count and item cannot become each other, since the state was counted by them: \
             make a new object",
        ),
    ])
}

pub(super) fn condition_rules() -> Value {
    rules(&[
        ("has(self.path) != has(self.header)", "give path or header"),
        (
            "[has(self.__in__), has(self.notIn), has(self.exists)].filter(is, is).size() == 1",
            "give one of in, notIn and exists",
        ),
    ])
}

pub(super) fn kafka_rules() -> Value {
    rules(&[(
        "has(self.groupId) == has(oldSelf.groupId) && \
             (!has(self.groupId) || self.groupId == oldSelf.groupId)",
        "groupId cannot change, since offsets and state belong to it: make a new object",
    )])
}

pub(super) fn tls_rules() -> Value {
    rules(&[
        ("!has(self.caSecretRef) || !has(self.caFile)", "give caSecretRef or caFile, not both"),
        (
            "!has(self.certificateSecretRef) || \
             (!has(self.certificateFile) && !has(self.keyFile))",
            "give certificateSecretRef or certificateFile and keyFile, not both",
        ),
        (
            "has(self.certificateFile) == has(self.keyFile)",
            "certificateFile and keyFile belong together",
        ),
        (
            "!has(self.keyPasswordEnv) || !has(self.keyPasswordFile)",
            "give keyPasswordEnv or keyPasswordFile, not both",
        ),
    ])
}

pub(super) fn sasl_rules() -> Value {
    rules(&[
        (
            "self.mechanism == 'OAUTHBEARER' ? has(self.oauth) && !has(self.secretRef) && \
             !has(self.usernameEnv) && !has(self.usernameFile) && !has(self.passwordEnv) && \
             !has(self.passwordFile) : !has(self.oauth)",
            "OAUTHBEARER takes oauth alone, and no other mechanism takes it",
        ),
        (
            "self.mechanism == 'OAUTHBEARER' || (has(self.secretRef) ? \
             (!has(self.usernameEnv) && !has(self.usernameFile) && \
             !has(self.passwordEnv) && !has(self.passwordFile)) : \
             (has(self.usernameEnv) != has(self.usernameFile) && \
             has(self.passwordEnv) != has(self.passwordFile)))",
            "give secretRef alone, or one source of the user name and one of the password",
        ),
    ])
}

pub(super) fn oauth_rules() -> Value {
    rules(&[
        (
            "has(self.secretRef) ? (!has(self.clientIdEnv) && !has(self.clientIdFile) && \
             !has(self.clientSecretEnv) && !has(self.clientSecretFile)) : \
             (has(self.clientIdEnv) != has(self.clientIdFile) && \
             has(self.clientSecretEnv) != has(self.clientSecretFile))",
            "give secretRef alone, or one source of the client id and one of the client secret",
        ),
        ("!has(self.caSecretRef) || !has(self.caFile)", "give caSecretRef or caFile, not both"),
    ])
}

pub(super) fn record_key_rules() -> Value {
    rules(&[(
        "[has(self.json), has(self.avro), has(self.protobuf), has(self.jsonSchema)]\
             .filter(is, is).size() == 1",
        "give one of json, avro, protobuf and jsonSchema",
    )])
}

pub(super) fn avro_rules() -> Value {
    rules(&[("has(self.schema) != has(self.schemaFile)", "give schema or schemaFile")])
}

pub(super) fn registry_rules() -> Value {
    rules(&[
        (
            "has(self.usernameEnv) || has(self.usernameFile) ? \
             has(self.usernameEnv) != has(self.usernameFile) && \
             has(self.passwordEnv) != has(self.passwordFile) : \
             !has(self.passwordEnv) && !has(self.passwordFile)",
            "give one source of the user name and one of the password, or neither",
        ),
        (
            "[has(self.secretRef), has(self.usernameEnv), has(self.usernameFile), \
             has(self.tokenSecretRef), has(self.tokenEnv), has(self.tokenFile)]\
             .filter(is, is).size() <= 1",
            "give one of secretRef, tokenSecretRef, a user name with a password, and a token",
        ),
        ("!has(self.caSecretRef) || !has(self.caFile)", "give caSecretRef or caFile, not both"),
    ])
}

fn rules(rules: &[(&str, &str)]) -> Value {
    rules.iter().map(|(rule, message)| json!({ "rule": rule, "message": message })).collect()
}
