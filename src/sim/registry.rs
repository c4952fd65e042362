//! A registry with the schemas of a schedule's records, which sometimes does not answer.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::Value;

use super::{Random, avro as encoder, workload::Arrival};
use crate::kafka::Topic;
use rollcall_core::{
    codec::{
        avro,
        input::{Format, Source},
        schemas::{Lookup, Schema, SchemaId, Schemas},
    },
    record::InputIndex,
    shard::Plan,
};

/// Why the registry does not answer.
pub const REGISTRY_DOWN: &str = "the schema registry does not answer";
/// An id that the registry does not have.
const UNKNOWN: u32 = 1_000_000;

/// The registry, and what depends on it.
#[derive(Debug, Clone)]
pub struct Registry {
    schemas: Arc<Mutex<Contents>>,
    /// The inputs whose values are in Avro.
    inputs: BTreeSet<InputIndex>,
    /// The steps between which it does not answer, as long as there are faults.
    outages: Vec<(u64, u64)>,
}

#[derive(Debug, Default)]
struct Contents {
    ids: BTreeMap<String, u32>,
    schemas: Vec<Schema>,
    /// The JSON of what was encoded, for those who judge without decoding it.
    texts: BTreeMap<Vec<u8>, String>,
    is_down: bool,
}

impl Contents {
    fn get(&self, id: SchemaId) -> Lookup {
        let at = match id {
            SchemaId::Number(number) => usize::try_from(number).ok(),
            SchemaId::Guid(_) => None,
        };
        let known = at.and_then(|at| self.schemas.get(at));
        known.map_or(Lookup::Unknown, |schema| Lookup::Known(schema.clone()))
    }
}

impl Registry {
    /// Draws which of the inputs, at least one, are in Avro, and when the registry is down.
    pub fn draw(random: &mut Random, inputs: usize) -> Self {
        let first = random.below(inputs);
        let others = (0..inputs).filter(|_| random.chance(500));
        let inputs = others.chain([first]).collect();
        let outage = |_| {
            let from = u64::try_from(random.between(0, 1_500)).expect("it is positive");
            (from, from + u64::try_from(random.between(20, 300)).expect("it is positive"))
        };
        let outages = (0..3).map(outage).collect();
        Self { schemas: Arc::default(), inputs, outages }
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.schemas.lock().expect("nothing panics under this lock")
    }

    /// Makes the registry answer, or not, from this step on; `None` once there are no more faults.
    pub fn at(&self, step: Option<u64>) {
        let is_in = |(from, to): &(u64, u64)| step.is_some_and(|step| (*from..*to).contains(&step));
        self.contents().is_down = self.outages.iter().any(is_in);
    }

    /// Puts the value of a record into Avro, with a schema of its own, if its input is. What cannot
    /// be read stays so, for one reason or another.
    pub fn encode(&self, arrival: &mut Arrival, random: &mut Random) {
        let Topic::Input(input) = arrival.place.topic else { return };
        let Some(value) = arrival.value.take_if(|_| self.inputs.contains(&input)) else { return };
        // A number that only JSON can have.
        let text = String::from_utf8_lossy(&value).replace("1e400", "1.5");
        let parsed = serde_json::from_str::<Value>(&text);
        let is_json = parsed.is_ok();
        let (id, bytes) = match parsed {
            Ok(json) => {
                let (schema, bytes) = encoder::encode(&json);
                (self.register(&schema.to_string()), bytes)
            }
            Err(_) => match random.below(3) {
                0 => (UNKNOWN, value),
                1 => (self.register("\"long\""), value),
                _ => {
                    arrival.value = Some(value);
                    return;
                }
            },
        };
        let value = [&[0][..], &id.to_be_bytes(), &bytes].concat();
        if is_json {
            self.contents().texts.insert(value.clone(), text);
        }
        arrival.value = Some(value);
    }

    /// Returns the JSON that was encoded as `value`; other values as they are.
    pub fn json_of<'a>(&self, value: &'a [u8]) -> Cow<'a, [u8]> {
        let text = self.contents().texts.get(value).cloned();
        text.map_or(Cow::Borrowed(value), |text| Cow::Owned(text.into_bytes()))
    }

    fn register(&self, schema: &str) -> u32 {
        let mut contents = self.contents();
        let next = u32::try_from(contents.schemas.len()).expect("there are few schemas");
        let id = *contents.ids.entry(schema.to_owned()).or_insert(next);
        if id == next {
            let schema = avro::Schema::parse(schema, &[]).expect("it is written by us");
            contents.schemas.push(schema.into());
        }
        id
    }

    /// Makes a plan read the inputs that are in Avro with the schemas of `port`.
    pub fn read_by(&self, plan: &mut Plan, port: &Arc<dyn Schemas>) {
        for &input in &self.inputs {
            let format = Format::Avro(Source::Named(Arc::clone(port)));
            plan.inputs[input] = plan.inputs[input].clone().reading(format);
        }
    }

    /// Returns the port of those who judge: it always knows all schemas.
    pub fn port_of_judge(&self) -> Arc<dyn Schemas> {
        Arc::new(Judge(Arc::clone(&self.schemas)))
    }

    /// Returns the port of a process that starts: it has not asked for any schema yet.
    pub fn port_of_process(&self) -> Arc<dyn Schemas> {
        Arc::new(Cache { registry: Arc::clone(&self.schemas), asked: Mutex::default() })
    }
}

#[derive(Debug)]
struct Judge(Arc<Mutex<Contents>>);

impl Schemas for Judge {
    fn find(&self, id: SchemaId) -> Lookup {
        self.0.lock().expect("nothing panics under this lock").get(id)
    }
}

/// The schemas that a process knows.
#[derive(Debug)]
struct Cache {
    registry: Arc<Mutex<Contents>>,
    /// Whether there was an answer.
    asked: Mutex<BTreeMap<SchemaId, bool>>,
}

impl Schemas for Cache {
    fn find(&self, id: SchemaId) -> Lookup {
        let registry = self.registry.lock().expect("nothing panics under this lock");
        let mut asked = self.asked.lock().expect("nothing panics under this lock");
        match asked.get_mut(&id) {
            Some(true) => registry.get(id),
            Some(_) if registry.is_down => Lookup::Unavailable(REGISTRY_DOWN.into()),
            Some(is_answered) => {
                *is_answered = true;
                registry.get(id)
            }
            None => {
                asked.insert(id, false);
                Lookup::Pending
            }
        }
    }
}
