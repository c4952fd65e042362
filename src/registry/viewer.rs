//! Values of input records as people read them: as JSON text, or with the reason why there is none.
//!
//! Promise: what is shown is the whole value, as it would be kept, and a registry that is away is
//! waited for only for a while. Ban: nothing here decides what becomes of a record.

use std::{borrow::Cow, fmt, sync::Arc, thread, time::Duration};

use tokio::runtime;

use super::Registry;
use rollcall_core::{
    codec::{
        input::{Format, Unread, Whole},
        output::SOURCE_TOPIC,
        schemas::{SchemaId, Schemas},
    },
    record::Headers,
};
use rollcall_object::Settings;

/// How often it is checked whether a schema is there.
const POLL: Duration = Duration::from_millis(20);

/// Shows the values of inputs, and of dead letters, which are copies of such records.
pub struct Viewer {
    inputs: Vec<Input>,
    dead_letters: String,
}

struct Input {
    topic: String,
    /// The name of its format.
    name: &'static str,
    /// Without it, the reason.
    format: Result<Format, String>,
}

/// How much longer schemas may be waited for, by all records that share this.
#[derive(Debug)]
pub struct SchemaTimeout {
    left: Duration,
}

/// A value as people read it.
#[derive(Debug)]
pub struct Shown<'v> {
    /// The name of its format, as in the object.
    pub format: &'static str,
    /// The id of the schema that it names, if it names one.
    pub schema: Option<SchemaId>,
    /// Its JSON text, or why there is none and what to do.
    pub json: Result<Cow<'v, str>, String>,
}

impl Viewer {
    /// Returns a viewer that asks the reconciliation's registry, if there is one, on `runtime`.
    ///
    /// A file with a schema that cannot be read is the reason that each value of its input shows.
    pub fn new(settings: &Settings, runtime: &runtime::Handle) -> Self {
        let schemas = Registry::of(settings, runtime).map(|registry| registry as Arc<dyn Schemas>);
        let inputs = settings.inputs().into_iter().map(|topic| Input {
            topic: topic.to_owned(),
            name: settings.input_formats(topic).0.name(),
            format: settings
                .formats_of(topic, schemas.as_ref())
                .map(|formats| formats.value)
                .map_err(|error| error.to_string()),
        });
        Self { inputs: inputs.collect(), dead_letters: settings.dead_letter_topic.clone() }
    }

    /// Returns the value of a record of `topic`; `None` for outputs, which are JSON.
    ///
    /// Blocks while an answer of the registry is about to come, until the timeout is used up.
    pub fn show<'v>(
        &self,
        topic: &str,
        value: &'v [u8],
        headers: &dyn Headers,
        timeout: &mut SchemaTimeout,
    ) -> Option<Shown<'v>> {
        let input = if topic == self.dead_letters {
            let source = source_topic(headers)?;
            self.input(&source)?
        } else {
            self.input(topic)?
        };
        let (schema, json) = match &input.format {
            Ok(format) => {
                let Whole { schema, json } = timeout.read(format, value, headers);
                (schema, json.map_err(reason))
            }
            Err(why) => (None, Err(why.clone())),
        };
        Some(Shown { format: input.name, schema, json })
    }

    fn input(&self, topic: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.topic == topic)
    }
}

impl SchemaTimeout {
    pub fn new(left: Duration) -> Self {
        Self { left }
    }

    /// Reads a value, and again until its schema is there.
    fn read<'v>(&mut self, format: &Format, value: &'v [u8], headers: &dyn Headers) -> Whole<'v> {
        loop {
            let whole = format.whole(value, Some(headers));
            if !matches!(whole.json, Err(Unread::Waits(None))) || self.left.is_zero() {
                return whole;
            }
            self.left = self.left.saturating_sub(POLL);
            thread::sleep(POLL);
        }
    }
}

/// Returns the topic whose record a dead letter is.
fn source_topic(headers: &dyn Headers) -> Option<String> {
    let mut source = None;
    headers.each(&mut |name, topic| {
        if name == SOURCE_TOPIC {
            source = topic.map(|topic| String::from_utf8_lossy(topic).into_owned());
        }
    });
    source
}

fn reason(unread: Unread) -> String {
    match unread {
        Unread::Useless(reason) => reason.to_string(),
        Unread::Waits(Some(why)) => why.to_string(),
        Unread::Waits(None) => "the schema registry has not answered yet: ask again".to_owned(),
    }
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topics = self.inputs.iter().map(|input| (&input.topic, input.name));
        f.debug_map().entries(topics).finish()
    }
}
