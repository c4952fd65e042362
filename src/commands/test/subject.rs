//! The object that is tested, as its workers would run it.

use std::num::NonZeroU32;
use std::time::Duration;

use rollcall_core::{
    codec::{
        Partitioner,
        input::{Format, Formats},
    },
    record::{InputIndex, Sink},
    shard::{Partitioning, Plan},
};
use rollcall_kafka::Topics;
use rollcall_object::{FormatError, Settings};

/// What a record may take in bytes unless a topic says something else; as in Kafka.
const MESSAGE_BYTES_MAX: usize = 1_048_588;
/// How long Kafka keeps tombstones and the offsets of a group.
const TOMBSTONES_KEPT: Duration = Duration::from_secs(24 * 3_600);
const OFFSETS_RETENTION: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The object that is tested.
pub struct Subject {
    pub settings: Settings,
    /// How the records of each input are read.
    formats: Vec<Formats>,
}

impl Subject {
    /// Returns the object that is tested; reads the files with schemas that it names.
    ///
    /// # Errors
    /// When there is no schema, or one is in a registry.
    pub fn new(settings: Settings) -> Result<Self, FormatError> {
        let formats = settings.formats(None)?;
        Ok(Self { settings, formats })
    }

    /// Returns whether the values of an input are plain JSON.
    pub fn is_json(&self, input: InputIndex) -> bool {
        matches!(self.formats[input].value, Format::Json)
    }

    /// Returns the plan of a worker, on topics with so many partitions and Kafka's own limits.
    pub fn plan(&self, partitions: NonZeroU32) -> Plan {
        let topics = self.topics(partitions);
        let plan = rollcall_worker::plan(&self.settings, &topics, self.formats.clone());
        // The steps would be printed once for every run.
        Plan { on_step: None, ..plan }
    }

    fn topics(&self, partitions: NonZeroU32) -> Topics {
        let settings = &self.settings;
        let partitions = partitions.get().cast_signed();
        let inputs: Vec<String> = settings.inputs().into_iter().map(str::to_owned).collect();
        Topics {
            input_ids: inputs.clone(),
            inputs,
            completed: settings.completed.topic.clone(),
            overdue: settings.overdue_topic.clone(),
            dead_letter: settings.dead_letter_topic.clone(),
            failed: settings.output(Sink::Failed).map(str::to_owned),
            cancelled: settings.output(Sink::Cancelled).map(str::to_owned),
            completed_partitions: partitions,
            partitions,
            cluster_id: String::new(),
            changelog_id: String::new(),
            message_bytes_max: MESSAGE_BYTES_MAX,
            batch_bytes_max: MESSAGE_BYTES_MAX,
            dead_letter_bytes_max: MESSAGE_BYTES_MAX,
            row_bytes_max: MESSAGE_BYTES_MAX,
            carrying: Vec::new(),
            list_bytes_max: MESSAGE_BYTES_MAX,
            tombstones_kept: TOMBSTONES_KEPT,
            offsets_retention: Some(OFFSETS_RETENTION),
        }
    }

    /// Returns the number of an input topic.
    pub fn input(&self, topic: &str) -> Option<InputIndex> {
        self.settings.inputs().iter().position(|input| *input == topic)
    }

    /// Returns which output a topic is.
    pub fn sink(&self, topic: &str) -> Option<Sink> {
        Sink::ALL.into_iter().find(|sink| self.settings.output(*sink) == Some(topic))
    }

    /// Returns the partition that the producers of the inputs choose for a key.
    pub fn partition(&self, key: Option<&[u8]>, partitions: NonZeroU32) -> u32 {
        let partitioner = match self.settings.partitioning {
            Partitioning::Named(partitioner) => partitioner,
            Partitioning::Auto | Partitioning::Unchecked => Partitioner::Murmur2,
        };
        let key = key.filter(|key| !key.is_empty());
        key.map_or(0, |key| partitioner.partition(key, partitions))
    }
}
