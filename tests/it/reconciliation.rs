//! A reconciliation of the order example, with separate topics, group and files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::topics::{self, Record, Writer};
use super::worker::Worker;

pub const PARTITIONS: i32 = 4;

/// A reconciliation; its group has the same name.
pub struct Reconciliation {
    pub broker: Arc<Broker>,
    pub name: String,
    object: Value,
    dir: TempDir,
    writer: Writer,
}

impl Reconciliation {
    /// Returns a reconciliation whose input topics exist and are empty.
    pub fn new(broker: &Arc<Broker>, name: &str) -> Self {
        let reconciliation = Self::without_topics(broker, name).with("topics/createInputs", false);
        for topic in [reconciliation.orders(), reconciliation.manufactured()] {
            broker.create_topic(&topic, PARTITIONS, &[]);
        }
        reconciliation
    }

    /// Returns a reconciliation without topics; a worker creates all of them.
    pub fn without_topics(broker: &Arc<Broker>, name: &str) -> Self {
        static RUN: AtomicU32 = AtomicU32::new(0);
        let name = format!("{name}-{}", RUN.fetch_add(1, Ordering::Relaxed));
        let object = json!({
            "apiVersion": "rollcall.dev/v1alpha1",
            "kind": "Reconciliation",
            "metadata": {"name": name},
            "spec": {
                "kafka": {"bootstrapServers": broker.bootstrap_servers()},
                "expected": {
                    "topic": format!("{name}-orders"),
                    "key": "$.id",
                    "items": "$.items[*].id"
                },
                "observed": [{
                    "topic": format!("{name}-manufactured"),
                    "key": "$.orderId",
                    "item": "$.productId"
                }],
                "completed": {"topic": format!("{name}-shipping"), "keyField": "orderId"},
                "overdue": {"topic": format!("{name}-overdue"), "after": "72h"},
                "deadLetter": {"topic": format!("{name}-dead-letter")},
                "memory": "7d",
                "topics": {
                    "manage": true,
                    "createInputs": true,
                    "partitions": PARTITIONS,
                    "replicationFactor": broker.nodes()
                }
            }
        });
        let dir = TempDir::with_prefix("rollcall-").expect("a temporary directory");
        let writer = Writer::new(broker);
        let reconciliation = Self { broker: Arc::clone(broker), name, object, dir, writer };
        reconciliation.save();
        reconciliation
    }

    /// Returns it with a field of the spec set, by its path, such as `overdue/after`.
    pub fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.set(path, value);
        self
    }

    /// Sets a field of the spec for workers that start later.
    pub fn set(&mut self, path: &str, value: impl Into<Value>) {
        let fields = path.split('/');
        let field = fields.fold(&mut self.object["spec"], |object, name| &mut object[name]);
        *field = value.into();
        self.save();
    }

    /// Returns it without a field of the spec that earlier versions do not know.
    pub fn without(mut self, path: &str) -> Self {
        let (parent, name) = path.rsplit_once('/').expect("a path");
        let fields = parent.split('/');
        let field = fields.fold(&mut self.object["spec"], |object, name| &mut object[name]);
        field.as_object_mut().expect("it has fields").remove(name);
        self.save();
        self
    }

    /// Renames the object for workers that start later; the group stays.
    pub fn rename(&mut self, name: &str) {
        self.set("kafka/groupId", self.name.clone());
        self.object["metadata"]["name"] = name.into();
        self.save();
    }

    fn save(&self) {
        // JSON is YAML too.
        std::fs::write(self.file(), self.object.to_string()).expect("the directory is ours");
    }

    pub fn file(&self) -> PathBuf {
        self.dir.path().join("reconciliation.yaml")
    }

    pub fn state_dir(&self, instance: &str) -> PathBuf {
        self.path(&format!("state-{instance}"))
    }

    /// Returns a path for this reconciliation only.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn orders(&self) -> String {
        format!("{}-orders", self.name)
    }

    pub fn manufactured(&self) -> String {
        format!("{}-manufactured", self.name)
    }

    pub fn changelog(&self) -> String {
        format!("{}-changelog", self.name)
    }

    /// Starts a worker and waits until it is ready.
    pub fn worker(&self, instance: &str) -> Worker {
        Worker::start(self, instance).ready()
    }

    /// Sends an order for these products.
    pub fn order(&self, id: &str, products: &[i64]) {
        self.order_value(Some(id), Some(&order(id, products)));
    }

    /// Sends an arbitrary record to the orders topic.
    pub fn order_value(&self, key: Option<&str>, value: Option<&str>) {
        self.writer.send(&self.orders(), key.map(str::as_bytes), value.map(str::as_bytes));
    }

    /// Sends the event that a product of an order was made.
    pub fn made(&self, id: &str, product: i64) {
        self.made_value(Some(id), Some(&made(id, product)));
    }

    /// Sends an arbitrary record to the manufactured topic.
    pub fn made_value(&self, key: Option<&str>, value: Option<&str>) {
        self.writer.send(&self.manufactured(), key.map(str::as_bytes), value.map(str::as_bytes));
    }

    /// Sends an arbitrary record with headers.
    pub fn send(&self, topic: &str, key: &str, value: &str, headers: &[(&str, &str)]) {
        self.writer.send_with(topic, key.as_bytes(), value.as_bytes(), headers);
    }

    /// Waits until everything sent so far has been processed, according to the offsets, which are
    /// committed together with the results.
    pub fn settle(&self) {
        self.settle_within(WAIT_TIMEOUT);
    }

    /// Like [`Self::settle`], for tests where the duration matters.
    pub fn settle_within(&self, patience: Duration) {
        self.flush();
        eventually(&format!("{} has processed its input", self.name), patience, || {
            let inputs = [self.orders(), self.manufactured()];
            inputs.iter().all(|topic| self.is_processed(topic)).then_some(())
        });
    }

    /// Like [`Self::settle`], while others go on sending.
    pub fn catches_up(&self) {
        self.flush();
        let inputs = [self.orders(), self.manufactured()];
        let ends = inputs.each_ref().map(|topic| topics::ends(&self.broker, topic));
        eventually(&format!("{} has caught up", self.name), WAIT_TIMEOUT, || {
            let mut parts = inputs.iter().zip(&ends);
            parts.all(|(topic, ends)| self.has_reached(topic, ends)).then_some(())
        });
    }

    /// Like [`Self::settle`], but returns whether it has happened.
    pub fn settles(&self) -> bool {
        self.flush();
        let until = std::time::Instant::now() + WAIT_TIMEOUT;
        eventually("an answer", WAIT_TIMEOUT * 2, || {
            let inputs = [self.orders(), self.manufactured()];
            let done = inputs.iter().all(|topic| self.is_processed(topic));
            (done || std::time::Instant::now() > until).then_some(done)
        })
    }

    /// Waits until the broker has everything sent so far.
    pub fn flush(&self) {
        self.writer.flush();
    }

    fn is_processed(&self, topic: &str) -> bool {
        self.has_reached(topic, &topics::ends(&self.broker, topic))
    }

    fn has_reached(&self, topic: &str, offsets: &BTreeMap<i32, i64>) -> bool {
        let committed = topics::committed(&self.broker, &self.name, topic);
        offsets.iter().all(|(id, offset)| committed.get(id).is_some_and(|at| at >= offset))
    }

    /// Returns the completions so far.
    pub fn shipped(&self) -> Vec<Record> {
        topics::read(&self.broker, &format!("{}-shipping", self.name))
    }

    /// Returns the keys of the completions so far, sorted.
    pub fn shipped_ids(&self) -> Vec<String> {
        let keys = self.shipped().into_iter().map(|record| record.key.unwrap_or_default());
        let mut ids: Vec<String> = keys.collect();
        ids.sort_unstable();
        ids
    }

    /// Returns the overdue records so far.
    pub fn overdue(&self) -> Vec<Record> {
        topics::read(&self.broker, &format!("{}-overdue", self.name))
    }

    /// Returns the dead letters so far.
    pub fn dead_letters(&self) -> Vec<Record> {
        topics::read(&self.broker, &format!("{}-dead-letter", self.name))
    }

    /// Returns the reasons of the dead letters so far, sorted.
    pub fn dead_letter_reasons(&self) -> Vec<String> {
        let letters = self.dead_letters();
        let mut reasons: Vec<String> =
            letters.iter().map(|letter| letter.header("rollcall-reason").to_owned()).collect();
        reasons.sort_unstable();
        reasons
    }

    /// Deletes a worker's state on disk.
    pub fn delete_state(&self, instance: &str) {
        let dir: &Path = &self.state_dir(instance);
        std::fs::remove_dir_all(dir).expect("the worker has left its state there");
    }
}

/// Returns the value of an order.
pub fn order(id: &str, products: &[i64]) -> String {
    let items: Vec<Value> = products.iter().map(|id| json!({"id": id, "name": "thing"})).collect();
    json!({"id": id, "orderDate": "2023-05-08T21:37:38.571850862", "items": items}).to_string()
}

/// Returns the value of the event that a product was made.
pub fn made(id: &str, product: i64) -> String {
    json!({"orderId": id, "productId": product, "manufacturedDate": "2023-05-08T21:40:00"})
        .to_string()
}
