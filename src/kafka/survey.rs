//! The state of a reconciliation's topics and the problems with them; nothing is changed.
//!
//! A worker that starts, a worker that checks again while it runs, and a check before the start all
//! see the same.

use std::collections::BTreeMap;

use super::{
    Connection, Wanted,
    admin::{Admin, Answer, Cluster, Described},
    check_clients,
    fit::{self, Config},
    limits,
    topic_problem::TopicProblem,
};
use rollcall_core::shard::{Error, Result};
use rollcall_core::text::near::nearest;

/// What a topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Expected,
    Observed,
    Completed,
    Overdue,
    DeadLetter,
    Failed,
    Cancelled,
    Changelog,
}

impl Role {
    /// Returns whether the topic is read.
    pub fn is_input(self) -> bool {
        matches!(self, Self::Expected | Self::Observed)
    }

    /// Returns the field of the object that names the topic.
    pub fn field(self) -> &'static str {
        match self {
            Self::Expected => "spec.expected.topic",
            Self::Observed => "spec.observed[].topic",
            Self::Completed => "spec.completed.topic",
            Self::Overdue => "spec.overdue.topic",
            Self::DeadLetter => "spec.deadLetter.topic",
            Self::Failed => "spec.failed.topic",
            Self::Cancelled => "spec.cancelled.topic",
            Self::Changelog => "the changelog of spec.kafka.groupId",
        }
    }
}

/// A topic that a reconciliation names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    pub topic: String,
    pub role: Role,
    /// `None` if there is no such topic, or it is not visible to us.
    pub found: Option<Found>,
    pub problems: Vec<TopicProblem>,
}

/// An existing topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub partitions: i32,
    /// Replication factor of the partition with the fewest replicas.
    pub replication: usize,
    /// Its cleanup policy; `None` if we may not read it.
    pub cleanup_policy: Option<String>,
}

/// The topics of a reconciliation and their brokers, with all problems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    pub topics: Vec<Surveyed>,
    /// Problems with the brokers' own settings.
    pub cluster: Vec<TopicProblem>,
}

impl Survey {
    /// Returns all problems.
    pub fn problems(&self) -> impl Iterator<Item = &TopicProblem> {
        self.cluster.iter().chain(self.topics.iter().flat_map(|surveyed| &surveyed.problems))
    }
}

/// Checks all topics. A missing topic is a problem unless it is to be created.
///
/// # Errors
/// [`Error::Interrupted`] while no broker answers, or one refuses us.
pub async fn survey(connection: &Connection, wanted: &Wanted) -> Result<Survey> {
    check_clients(connection)?;
    let admin = Admin::connect(connection)?;
    let judged = |error: Error| admin.judge(error.into()).error;
    // Only this call reports that no broker answers, and where.
    admin.cluster_id().map_err(judged)?;
    let view = View::take(&admin, connection, wanted).await.map_err(judged)?;
    Ok(view.survey(connection, wanted))
}

/// What the cluster reports about itself and a reconciliation's topics.
pub(super) struct View {
    /// The inputs first, beginning with the expected one, and the changelog last.
    pub topics: Vec<Seen>,
    pub cluster: Cluster,
    /// What the brokers cannot do.
    pub internal: Vec<TopicProblem>,
    /// Names of other topics that may have been meant, if a topic was not found.
    others: Vec<String>,
}

/// What the cluster reports about one topic.
pub(super) struct Seen {
    pub role: Role,
    pub topic: String,
    pub answer: Answer,
    /// Also empty if we may not read it.
    pub config: Config,
}

impl Seen {
    /// Returns the topic if it exists.
    pub fn there(&self) -> Option<&Described> {
        match &self.answer {
            Answer::There(described) => Some(described),
            Answer::Missing | Answer::Forbidden => None,
        }
    }
}

impl View {
    /// Asks the cluster.
    pub async fn take(admin: &Admin, connection: &Connection, wanted: &Wanted) -> Result<Self> {
        let roles = roles(connection, wanted);
        let names: Vec<&str> = roles.iter().map(|(_, topic)| topic.as_str()).collect();
        let cluster = admin.cluster(names[0]).await?;
        let answers = admin.ask(&names)?;
        let is_there = |answer: &Answer| matches!(answer, Answer::There(_));
        let there = names.iter().zip(&answers).filter(|(_, answer)| is_there(answer));
        let there: Vec<&str> = there.map(|(name, _)| *name).collect();
        let mut configs = admin.configs(&there).await?.into_iter();
        let others = match answers.contains(&Answer::Missing) {
            true => others(admin.names()?, &names),
            false => Vec::new(),
        };
        let seen = roles.into_iter().zip(answers).map(|((role, topic), answer)| {
            let config = if is_there(&answer) { configs.next() } else { None };
            Seen { role, topic, answer, config: config.unwrap_or_default() }
        });
        let (topics, internal) = (seen.collect(), admin.internal(&cluster)?);
        Ok(Self { topics, cluster, internal, others })
    }

    /// Returns all topics with their problems.
    pub fn survey(&self, connection: &Connection, wanted: &Wanted) -> Survey {
        let mut cluster = limits::of_cluster(&self.cluster, connection);
        cluster.extend(self.internal.iter().cloned());
        let surveyed = |seen: &Seen| Surveyed {
            topic: seen.topic.clone(),
            role: seen.role,
            found: seen.there().map(|there| Found {
                partitions: there.partitions,
                replication: there.replication,
                cleanup_policy: fit::policy(&seen.config).map(str::to_owned),
            }),
            problems: self.problems(seen, connection, wanted),
        };
        Survey { topics: self.topics.iter().map(surveyed).collect(), cluster }
    }

    /// Returns the partition counts of the topics that exist.
    pub fn counts(&self) -> BTreeMap<String, i32> {
        let count = |seen: &Seen| Some((seen.topic.clone(), seen.there()?.partitions));
        self.topics.iter().filter_map(count).collect()
    }

    /// Returns the topic with this role; the first one for observed topics.
    pub fn of(&self, role: Role) -> &Seen {
        self.topics.iter().find(|seen| seen.role == role).expect("every role has its topic")
    }

    /// Returns the first input that exists: the one that others are compared with.
    pub fn lead(&self) -> Option<(&str, &Described)> {
        let mut inputs = self.topics.iter().filter(|seen| seen.role.is_input());
        inputs.find_map(|seen| Some((seen.topic.as_str(), seen.there()?)))
    }

    /// Returns why a topic that is to be created could not be created, or would be unsuitable.
    fn of_made(
        &self,
        topic: &str,
        role: Role,
        connection: &Connection,
        wanted: &Wanted,
    ) -> Vec<TopicProblem> {
        let topic = topic.to_owned();
        let copies = limits::copies_of_made(&self.cluster, wanted);
        if let Some(replication) = copies.filter(|copies| *copies > self.cluster.brokers) {
            let brokers = self.cluster.brokers;
            return vec![TopicProblem::TooFewBrokers { topic, replication, brokers }];
        }
        let config = limits::of_made(role, &self.cluster, wanted);
        let made = Seen { role, topic, answer: Answer::Missing, config };
        settings(&made, copies.unwrap_or(usize::MAX), connection, wanted)
    }

    fn problems(&self, seen: &Seen, connection: &Connection, wanted: &Wanted) -> Vec<TopicProblem> {
        let Seen { role, topic, answer, .. } = seen;
        let described = match answer {
            Answer::There(described) => described,
            Answer::Forbidden => return vec![TopicProblem::Forbidden { topic: topic.clone() }],
            Answer::Missing if wanted.makes(*role) => {
                return self.of_made(topic, *role, connection, wanted);
            }
            Answer::Missing => {
                let others = self.others.iter().map(String::as_str);
                let near = nearest(topic, others).filter(|_| *role != Role::Changelog);
                let near = near.map(str::to_owned);
                return vec![TopicProblem::Missing { topic: topic.clone(), role: *role, near }];
            }
        };
        let Described { partitions, replication, leaderless, .. } = described;
        let lead = self.lead();
        let checks = match role {
            Role::Observed => {
                // Compared with the first one only, so that each input that differs is reported.
                let lead = lead.map_or(topic.as_str(), |(lead, _)| lead).to_owned();
                vec![fit::check_co_partitioned(&[lead, topic.clone()], &self.counts())]
            }
            Role::Changelog => {
                let inputs = lead.map_or(*partitions, |(_, lead)| lead.partitions);
                vec![fit::check_sharding(topic, *partitions, inputs)]
            }
            Role::Expected
            | Role::Completed
            | Role::Overdue
            | Role::DeadLetter
            | Role::Failed
            | Role::Cancelled => vec![],
        };
        let mut problems: Vec<TopicProblem> =
            checks.into_iter().filter_map(std::result::Result::err).collect();
        problems.extend(settings(seen, *replication, connection, wanted));
        if !leaderless.is_empty() {
            problems.push(TopicProblem::Leaderless {
                topic: topic.clone(),
                partitions: leaderless.clone(),
            });
        }
        problems
    }
}

/// Returns the problems with the settings of a topic with this replication factor.
fn settings(
    seen: &Seen,
    copies: usize,
    connection: &Connection,
    wanted: &Wanted,
) -> Vec<TopicProblem> {
    let Seen { role, topic, config, .. } = seen;
    let checks = match role {
        Role::Expected => vec![],
        Role::Observed => vec![fit::check_observations(topic, config)],
        Role::Completed | Role::Overdue | Role::Failed | Role::Cancelled => {
            vec![fit::check_replicas(topic, copies, config)]
        }
        Role::DeadLetter => {
            vec![fit::check_dead_letters(topic, config), fit::check_replicas(topic, copies, config)]
        }
        Role::Changelog => {
            vec![fit::check_changelog(topic, config), fit::check_replicas(topic, copies, config)]
        }
    };
    let mut problems: Vec<TopicProblem> =
        checks.into_iter().filter_map(std::result::Result::err).collect();
    problems.extend(limits::of_topic(topic, *role, config, connection, wanted));
    problems
}

/// Returns the topics that may have been meant: neither Kafka's own nor those of this object.
fn others(names: Vec<String>, own: &[&str]) -> Vec<String> {
    let is_other = |name: &String| !name.starts_with("__") && !own.contains(&name.as_str());
    names.into_iter().filter(is_other).collect()
}

fn roles(connection: &Connection, wanted: &Wanted) -> Vec<(Role, String)> {
    let inputs = wanted.inputs.iter().cloned().enumerate();
    let inputs = inputs.map(|(index, topic)| match index {
        0 => (Role::Expected, topic),
        _ => (Role::Observed, topic),
    });
    let more = [(Role::Failed, &wanted.failed), (Role::Cancelled, &wanted.cancelled)];
    let more = more.into_iter().filter_map(|(role, topic)| Some((role, topic.clone()?)));
    inputs
        .chain([
            (Role::Completed, wanted.completed.clone()),
            (Role::Overdue, wanted.overdue.clone()),
            (Role::DeadLetter, wanted.dead_letter.clone()),
        ])
        .chain(more)
        .chain([(Role::Changelog, connection.changelog())])
        .collect()
}
