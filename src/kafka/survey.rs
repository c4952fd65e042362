//! The topics of a reconciliation as they are, and what is wrong with them; nothing is changed.

use std::collections::BTreeMap;

use super::{
    Connection, Wanted,
    admin::{Admin, Described},
    flaw::{self, Config, Flaw},
};
use crate::shard::Result;

/// What a topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Expected,
    Observed,
    Completed,
    Overdue,
    DeadLetter,
    Changelog,
}

/// A topic that a reconciliation names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    pub topic: String,
    pub role: Role,
    /// `None` when there is no such topic, or it may not be seen.
    pub found: Option<Found>,
    pub flaws: Vec<Flaw>,
}

/// A topic that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub partitions: i32,
    /// Copies of the partition that has the fewest.
    pub replication: usize,
    /// How Kafka cleans it up; `None` when that may not be read.
    pub cleanup_policy: Option<String>,
}

/// Looks at all topics. A topic that is missing is a flaw unless topics are managed.
///
/// # Errors
/// [`Interrupted`](crate::shard::Error::Interrupted) while no broker answers.
pub async fn survey(connection: &Connection, wanted: &Wanted) -> Result<Vec<Surveyed>> {
    let admin = Admin::connect(connection)?;
    // Only this tells that no broker answers, and where.
    admin.cluster_id()?;
    let topics = admin.topics()?;
    let mut all = Vec::new();
    for (role, topic) in roles(connection, wanted) {
        let config = match topics.get(&topic) {
            Some(_) => admin.config(&topic).await?,
            None => Config::new(),
        };
        all.push(look(wanted, &topics, topic, role, &config));
    }
    Ok(all)
}

fn roles(connection: &Connection, wanted: &Wanted) -> Vec<(Role, String)> {
    let inputs = wanted.inputs.iter().cloned().enumerate();
    let inputs = inputs.map(|(index, topic)| match index {
        0 => (Role::Expected, topic),
        _ => (Role::Observed, topic),
    });
    inputs
        .chain([
            (Role::Completed, wanted.completed.clone()),
            (Role::Overdue, wanted.overdue.clone()),
            (Role::DeadLetter, wanted.dead_letter.clone()),
            (Role::Changelog, connection.changelog()),
        ])
        .collect()
}

fn look(
    wanted: &Wanted,
    topics: &BTreeMap<String, Described>,
    topic: String,
    role: Role,
    config: &Config,
) -> Surveyed {
    let Some(described) = topics.get(&topic) else {
        let flaw = (!wanted.manage).then(|| Flaw::Missing { topic: topic.clone() });
        return Surveyed { topic, role, found: None, flaws: flaw.into_iter().collect() };
    };
    let Described { partitions, replication, leaderless } = described;
    let replicas = || flaw::check_replicas(&topic, *replication, config);
    let lead = wanted.inputs.iter().find(|input| topics.contains_key(*input)).unwrap_or(&topic);
    let checks = match role {
        Role::Expected => vec![],
        Role::Observed => vec![
            // Against the first alone, so that each input that differs is told of itself.
            flaw::check_co_partitioned(&[lead.clone(), topic.clone()], &counts(topics)),
            flaw::check_observations(&topic, config),
        ],
        Role::Completed | Role::Overdue => vec![replicas()],
        Role::DeadLetter => vec![flaw::check_dead_letters(&topic, config), replicas()],
        Role::Changelog => vec![
            flaw::check_sharding(&topic, *partitions, topics[lead].partitions),
            flaw::check_changelog(&topic, config),
            replicas(),
        ],
    };
    let mut flaws: Vec<Flaw> = checks.into_iter().filter_map(std::result::Result::err).collect();
    if !leaderless.is_empty() {
        flaws.push(Flaw::Leaderless { topic: topic.clone(), partitions: leaderless.clone() });
    }
    let found = Found {
        partitions: *partitions,
        replication: *replication,
        cleanup_policy: flaw::policy(config).map(str::to_owned),
    };
    Surveyed { topic, role, found: Some(found), flaws }
}

fn counts(topics: &BTreeMap<String, Described>) -> BTreeMap<String, i32> {
    let count = |(name, described): (&String, &Described)| (name.clone(), described.partitions);
    topics.iter().map(count).collect()
}
