//! The topics of a reconciliation: created if missing and managed, and always checked.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{NewTopic, TopicReplication},
    error::RDKafkaErrorCode,
};

use super::{
    Connection,
    admin::{Admin, Answer, SETTLE, SETTLE_PAUSE, options},
    check_clients,
    fit::Config,
    limits::{self, Room},
    survey::{Role, Seen, View},
    topic_error::TopicError,
    topic_problem::{Gravity, TopicProblem},
};
use rollcall_core::{record::Sink, shard::Error};

/// The brokers' setting for how long they keep offsets that nobody renews.
const OFFSETS_RETENTION: &str = "offsets.retention.minutes";

type Result<T> = std::result::Result<T, TopicError>;

/// The topics that a reconciliation needs.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The expected topic, then the observed ones.
    pub inputs: Vec<String>,
    pub completed: String,
    pub overdue: String,
    pub dead_letter: String,
    /// The topic of failed keys, if keys can fail.
    pub failed: Option<String>,
    /// The topic of cancelled keys, if they are reported.
    pub cancelled: Option<String>,
    /// Missing outputs and a missing changelog are created.
    pub manage: bool,
    /// Missing inputs are created, too.
    pub create_inputs: bool,
    /// For topics that are created; `None` takes the number of the inputs, or one that the cluster
    /// chooses.
    pub partitions: Option<i32>,
    /// `None` takes the cluster's default.
    pub replication_factor: Option<i32>,
    /// Settings of a changelog that is created, in addition to `cleanup.policy`.
    pub changelog_config: BTreeMap<String, String>,
    /// Largest row that the object allows, in bytes.
    pub row_bytes_max: usize,
    /// Longest key that the object allows, in bytes.
    pub key_bytes_max: usize,
    pub carried: Carried,
    /// How long finished keys are remembered.
    pub memory: Duration,
    /// Outputs have the timestamps of the records that caused them, which may be old.
    pub source_times: bool,
}

/// What outputs carry besides what they report about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried {
    /// Values that rows keep of their records.
    pub kept: bool,
    /// Completions list the items.
    pub list: bool,
    /// Size of the constants of completions.
    pub completed_bytes: usize,
    /// Size of the constants of failed records.
    pub failed_bytes: usize,
}

impl Wanted {
    /// Returns whether a topic with this role is created when it is missing.
    pub(super) fn makes(&self, role: Role) -> bool {
        if role.is_input() { self.create_inputs } else { self.manage }
    }
}

/// The existing topics, checked.
#[derive(Debug, Clone)]
pub struct Topics {
    pub inputs: Vec<String>,
    pub completed: String,
    pub overdue: String,
    pub dead_letter: String,
    pub failed: Option<String>,
    pub cancelled: Option<String>,
    /// The number of partitions of the completed topic.
    pub completed_partitions: i32,
    /// The number of shards.
    pub partitions: i32,
    pub cluster_id: String,
    pub changelog_id: String,
    /// Topic ids of `inputs`, in their order: a recreated topic has another id.
    pub input_ids: Vec<String>,
    /// Largest record that any topic we write to accepts, in bytes.
    pub message_bytes_max: usize,
    /// Largest batch of records that every topic we write to accepts, in bytes.
    pub batch_bytes_max: usize,
    /// Largest key and value together that the dead-letter topic accepts, in bytes.
    pub dead_letter_bytes_max: usize,
    /// Largest row that the changelog accepts in addition to the longest key, in bytes.
    pub row_bytes_max: usize,
    /// The outputs that carry what rows keep, each with the largest row of which it accepts that.
    pub carrying: Vec<(String, usize)>,
    /// Largest list of items that a completion may carry besides what the largest row keeps.
    pub list_bytes_max: usize,
    /// How long the changelog keeps tombstones.
    pub tombstones_kept: Duration,
    /// How long the brokers keep offsets of topics that no member subscribes to; `None` if we may
    /// not read that.
    pub offsets_retention: Option<Duration>,
}

impl Topics {
    /// Returns the largest row that the changelog accepts, and of which every output accepts what
    /// it carries.
    pub fn largest_row(&self) -> usize {
        let carried = self.carrying.iter().map(|(_, bytes)| *bytes);
        carried.fold(self.row_bytes_max, usize::min)
    }

    /// Returns the topic of a kind of output; `None` if there is none.
    pub fn output(&self, sink: Sink) -> Option<&str> {
        match sink {
            Sink::Completed => Some(&self.completed),
            Sink::Overdue => Some(&self.overdue),
            Sink::DeadLetter => Some(&self.dead_letter),
            Sink::Failed => self.failed.as_deref(),
            Sink::Cancelled => self.cancelled.as_deref(),
        }
    }

    /// Returns all output topics.
    pub(super) fn outputs(&self) -> impl Iterator<Item = (Sink, &str)> {
        Sink::ALL.into_iter().filter_map(|sink| Some((sink, self.output(sink)?)))
    }
}

/// Creates what is missing, as far as `wanted` says that topics are managed, and checks the rest.
///
/// # Errors
/// [`Error::Interrupted`] while no broker answers; [`Error::Misconfigured`] for topics that are
/// missing or do not match, all of them at once, with the remedy.
pub async fn ensure(connection: &Connection, wanted: &Wanted) -> Result<Topics> {
    check_clients(connection)?;
    let admin = Admin::connect(connection)?;
    prepare(&admin, connection, wanted).await.map_err(|unfit| admin.judge(unfit))
}

async fn prepare(admin: &Admin, connection: &Connection, wanted: &Wanted) -> Result<Topics> {
    let mut view = fitting(admin, connection, wanted).await?;
    // The metadata request above also brings the id; without it, librdkafka waits a second here.
    let cluster_id = admin.cluster_id()?;
    if view.topics.iter().any(|seen| seen.answer == Answer::Missing) {
        admin.make(&view, wanted).await?;
        view = fitting(admin, connection, wanted).await?;
    }
    Ok(topics(&view, connection, wanted, cluster_id)?)
}

/// Checks the topics and rejects unsuitable ones.
async fn fitting(admin: &Admin, connection: &Connection, wanted: &Wanted) -> Result<View> {
    let view = View::take(admin, connection, wanted).await?;
    let survey = view.survey(connection, wanted);
    let refusing = survey.problems().filter(|problem| problem.gravity() == Gravity::Refuses);
    TopicError::problems(refusing).map_or(Ok(view), Err)
}

/// Returns what a worker needs to know about the topics.
///
/// # Errors
/// When one of them is missing.
pub(super) fn topics(
    view: &View,
    connection: &Connection,
    wanted: &Wanted,
    cluster_id: String,
) -> std::result::Result<Topics, Error> {
    let there = |seen: &Seen| {
        let lost = || Error::Interrupted(format!("topic {} is not seen any more", seen.topic));
        seen.there().cloned().ok_or_else(lost)
    };
    let inputs = view.topics.iter().filter(|seen| seen.role.is_input());
    let inputs = inputs.map(there).collect::<std::result::Result<Vec<_>, _>>()?;
    let changelog = view.of(Role::Changelog);
    let room = |seen: &Seen| Room::of(&seen.config, connection);
    let outputs = view.topics.iter().filter(|seen| !seen.role.is_input());
    let row_bytes = room(changelog).payload().saturating_sub(wanted.key_bytes_max);
    let carrying: Vec<(String, usize)> = outputs
        .clone()
        .filter_map(|seen| {
            let bytes = limits::carried_row_bytes(seen.role, room(seen), wanted)?;
            Some((seen.topic.clone(), bytes))
        })
        .collect();
    let rows = carrying.iter().map(|(_, bytes)| *bytes).chain([row_bytes, wanted.row_bytes_max]);
    let largest_row = rows.min().unwrap_or_default();
    let completions = room(view.of(Role::Completed));
    let list_bytes = completions.payload().saturating_sub(limits::completion_bytes(wanted));
    Ok(Topics {
        inputs: wanted.inputs.clone(),
        completed: wanted.completed.clone(),
        completed_partitions: there(view.of(Role::Completed))?.partitions,
        overdue: wanted.overdue.clone(),
        dead_letter: wanted.dead_letter.clone(),
        failed: wanted.failed.clone(),
        cancelled: wanted.cancelled.clone(),
        partitions: inputs[0].partitions,
        cluster_id,
        changelog_id: there(changelog)?.id,
        input_ids: inputs.into_iter().map(|input| input.id).collect(),
        batch_bytes_max: outputs.clone().map(|seen| room(seen).bytes).min().unwrap_or_default(),
        message_bytes_max: outputs.map(|seen| room(seen).bytes).max().unwrap_or_default(),
        dead_letter_bytes_max: room(view.of(Role::DeadLetter)).payload(),
        row_bytes_max: row_bytes,
        carrying,
        list_bytes_max: list_bytes.saturating_sub(largest_row),
        tombstones_kept: limits::tombstones_kept(&changelog.config),
        offsets_retention: view
            .cluster
            .config
            .get(OFFSETS_RETENTION)
            .and_then(|text| minutes(text)),
    })
}

fn minutes(text: &str) -> Option<Duration> {
    Some(Duration::from_secs(text.parse::<u64>().ok()?.saturating_mul(60)))
}

impl Admin {
    /// Creates the missing topics: the inputs first, since the others get as many partitions as
    /// they have.
    async fn make(&self, view: &View, wanted: &Wanted) -> Result<()> {
        let (inputs, others): (Vec<&Seen>, Vec<&Seen>) =
            view.topics.iter().partition(|seen| seen.role.is_input());
        let names: Vec<&str> = inputs.iter().map(|seen| seen.topic.as_str()).collect();
        let like = view.lead().map(|(_, described)| described.partitions).or(wanted.partitions);
        for input in inputs.iter().filter(|seen| seen.answer == Answer::Missing) {
            self.create(wanted, &input.topic, like.unwrap_or(-1), &Config::new()).await?;
        }
        let partitions = self.seen(&names).await?;
        for output in others.iter().filter(|seen| seen.answer == Answer::Missing) {
            let mut config = Config::new();
            if output.role == Role::Changelog {
                config.clone_from(&wanted.changelog_config);
                config.insert("cleanup.policy".to_owned(), "compact".to_owned());
            }
            self.create(wanted, &output.topic, partitions, &config).await?;
        }
        let names: Vec<&str> = others.iter().map(|seen| seen.topic.as_str()).collect();
        self.seen(&names).await?;
        Ok(())
    }

    /// Waits until the topics are visible, and returns how many partitions the first one has.
    async fn seen(&self, topics: &[&str]) -> Result<i32> {
        let deadline = Instant::now() + SETTLE;
        loop {
            let answers = self.ask(topics)?;
            let there = answers.iter().map_while(|answer| match answer {
                Answer::There(described) => Some(described.partitions),
                Answer::Missing | Answer::Forbidden => None,
            });
            let partitions: Vec<i32> = there.collect();
            if partitions.len() == topics.len() {
                return Ok(partitions[0]);
            }
            let unseen = topics[partitions.len()];
            if answers[partitions.len()] == Answer::Forbidden {
                let topic = unseen.to_owned();
                return Err(TopicError::problems(&[TopicProblem::Forbidden { topic }])
                    .expect("there is one"));
            }
            if Instant::now() > deadline {
                let text = format!("topic {unseen} was created and is not seen yet: try again");
                return Err(Error::Interrupted(text).into());
            }
            tokio::time::sleep(SETTLE_PAUSE).await;
        }
    }

    async fn create(
        &self,
        wanted: &Wanted,
        topic: &str,
        partitions: i32,
        config: &Config,
    ) -> Result<()> {
        let replication = TopicReplication::Fixed(wanted.replication_factor.unwrap_or(-1));
        let mut new = NewTopic::new(topic, partitions, replication);
        for (name, value) in config {
            new = new.set(name, value);
        }
        let results = self.client.create_topics([&new], &options()).await;
        let result = results
            .map_err(|error| Error::Interrupted(format!("topic {topic} was not created: {error}")))?
            .into_iter()
            .next();
        match result {
            Some(Ok(_)) => {
                tracing::info!(topic, partitions, "created topic");
                Ok(())
            }
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | None => Ok(()),
            Some(Err((_, code))) => Err(TopicError {
                reason: match code {
                    RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::ClusterAuthorizationFailed => "Unauthorized",
                    _ => "TopicNotCreated",
                },
                error: Error::Misconfigured(format!(
                    "topic {topic} could not be created: {code}: create it yourself, or correct \
                     spec.topics (partitions, replicationFactor) or the ACLs"
                )),
            }),
        }
    }
}
