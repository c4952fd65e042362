//! The settings of every Kafka client, each with its reason.
//!
//! What the user passes through wins: validation refuses whatever exactly-once rests on
//! (`spec::properties`).

use std::{sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext},
};

use super::{
    Brokers, Client,
    brokers::Meter,
    context::Context,
    login::Login,
    native::{self, TokenClient},
    token::Refusal,
};
use rollcall_core::shard::Error;

/// How the members of a group agree on who has which shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Members assign among themselves, one of them for all; they are static, so that one that was
    /// killed and comes back within its session is not missed.
    Classic,
    /// The coordinator assigns (KIP-848). Members are dynamic: a static one that was killed would
    /// be refused until its session is over. Session and heartbeat are the brokers' settings.
    Consumer,
}
/// How to reach the cluster, and under which names.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Servers, security, and the user's own properties.
    pub base: ClientConfig,
    /// Tokens, where they are what clients log in with.
    pub login: Login,
    /// The consumer group, which also begins the changelog's and the transactions' names.
    pub group: String,
    /// Identifies this process among the group's members; static membership rests on it.
    pub instance_id: String,
    /// Tells this process from another one of the same instance id, as far as the group's members
    /// can be seen; empty for a process that never is one.
    pub mark: String,
    pub protocol: Protocol,
    /// What the clients measure.
    pub brokers: Arc<Brokers>,
}

/// Round trips for the metrics. Only for clients that are always polled: elsewhere what nobody
/// fetches would pile up.
const MEASURED: (&str, &str) = ("statistics.interval.ms", "10000");

/// How long a transaction may last before the brokers end it.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

/// librdkafka's own.
const BATCH_BYTES_DEFAULT: usize = 1_000_000;

/// Largest `message.max.bytes` that the Kafka client takes; topics can have more.
pub const MESSAGE_BYTES_MAX: usize = 1_000_000_000;

/// A record's bytes beside key and value, generously.
pub const RECORD_OVERHEAD_BYTES: usize = 4 << 10;

impl Connection {
    /// The member of the group: it never fetches, so its queues are as small as can be.
    pub fn member(&self) -> ClientConfig {
        let mut config = self.client(&self.member_role());
        let poll_interval = at_least(&config, 60_000, "session.timeout.ms");
        set(
            &mut config,
            &[
                ("group.id", &self.group),
                // Its thread does nothing but poll; the worker's watchdog guards the lanes.
                ("max.poll.interval.ms", &poll_interval),
                // Tells within seconds that no broker answers any more; see `contact`.
                ("statistics.interval.ms", "2000"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                // The position is never used; `latest` reads nothing if a pause should fail.
                ("auto.offset.reset", "latest"),
                ("queued.min.messages", "1"),
                ("queued.max.messages.kbytes", "64"),
                ("fetch.message.max.bytes", "1024"),
            ],
        );
        match self.protocol {
            Protocol::Classic => set(
                &mut config,
                &[
                    // A killed and restarted process gets its shards back without a rebalance.
                    ("group.instance.id", &self.instance_id),
                    // Shards that stay keep flowing while others move.
                    ("partition.assignment.strategy", "cooperative-sticky"),
                    ("session.timeout.ms", "10000"),
                    // How soon a survivor learns that shards are free.
                    ("heartbeat.interval.ms", "200"),
                ],
            ),
            Protocol::Consumer => set(
                &mut config,
                &[("group.protocol", "consumer"), ("group.remote.assignor", "uniform")],
            ),
        }
        config
    }

    /// A lane's data consumer, which is assigned by hand and never joins the group.
    pub fn data(&self, fetch_kbytes: usize) -> ClientConfig {
        let mut config = self.client("data");
        set(
            &mut config,
            &[
                // Required of every consumer; without a subscription it joins nothing.
                ("group.id", &self.group),
                // Producers may be transactional: what they abort must not count.
                ("isolation.level", "read_committed"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                // Shard time follows the wall only where the input is read to its end.
                ("enable.partition.eof", "true"),
                // An assigned offset that is not there is truncation, which opening looks for.
                ("auto.offset.reset", "error"),
                MEASURED,
                ("fetch.wait.max.ms", "20"),
                // The default of a second stalls a shard whenever the queue was full.
                ("fetch.queue.backoff.ms", "10"),
                // Measured: 256 KiB beats 1 MiB and 8 MiB.
                ("fetch.message.max.bytes", "262144"),
                ("queued.min.messages", "100000"),
                ("queued.max.messages.kbytes", &fetch_kbytes.to_string()),
            ],
        );
        config
    }

    /// Reads offsets, watermarks and changelogs while shards open.
    pub fn reader(&self) -> ClientConfig {
        let mut config = self.client("reader");
        set(
            &mut config,
            &[
                ("group.id", &self.group),
                // Also makes `committed` wait for transactions that hold offsets to end.
                ("isolation.level", "read_committed"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                // Tells the position past markers and holes, which are no records.
                ("enable.partition.eof", "true"),
                ("auto.offset.reset", "error"),
                ("fetch.wait.max.ms", "20"),
                ("fetch.queue.backoff.ms", "10"),
                ("fetch.message.max.bytes", "1048576"),
                // Several shards may restore at once, and a record that is fetched ahead takes some
                // 500 bytes, of which the limit below counts its own hundred or two.
                ("queued.min.messages", "20000"),
                ("queued.max.messages.kbytes", "4096"),
            ],
        );
        unmeasured(config)
    }

    /// A shard's transactional producer. `message_bytes_max` is the largest record that any of the
    /// topics takes that it writes to, `batch_bytes_max` the largest batch that each of them takes.
    pub fn producer(
        &self,
        transactional_id: &str,
        message_bytes_max: usize,
        batch_bytes_max: usize,
    ) -> ClientConfig {
        let mut config = self.client("producer");
        // Also where the user has set it: a larger batch would be refused.
        let given = config.get("batch.size").and_then(|text| text.parse().ok());
        let batch_bytes = given.unwrap_or(BATCH_BYTES_DEFAULT).min(batch_bytes_max.max(1));
        config.set("batch.size", batch_bytes.to_string());
        set(
            &mut config,
            &[
                ("transactional.id", transactional_id),
                MEASURED,
                ("enable.idempotence", "true"),
                // A crashed owner's open transaction holds readers up for that long at most, plus
                // the broker's sweep of ten seconds; a new owner ends it at once.
                ("transaction.timeout.ms", &TRANSACTION_TIMEOUT.as_millis().to_string()),
                ("message.timeout.ms", &TRANSACTION_TIMEOUT.as_millis().to_string()),
                // Records are queued at the commit and flushed, so there is nothing to linger for.
                ("linger.ms", "1"),
                ("queue.buffering.max.messages", "1000000"),
                ("queue.buffering.max.kbytes", "262144"),
                ("compression.type", "lz4"),
                // Where Java's producers would put the key.
                ("partitioner", "murmur2_random"),
                (
                    "message.max.bytes",
                    &message_bytes_max.clamp(1_000_000, MESSAGE_BYTES_MAX).to_string(),
                ),
            ],
        );
        config
    }

    /// Makes a consumer that is logged in.
    ///
    /// # Errors
    /// Settings that librdkafka refuses; a token that is not to be had.
    pub fn consumer<C: ConsumerContext + 'static>(
        &self,
        config: &ClientConfig,
        context: C,
    ) -> Result<TokenClient<BaseConsumer<C>>, Error> {
        let consumer = config
            .create_with_context(context)
            .map_err(|error| Error::Misconfigured(format!("kafka client: {error}")))?;
        native::lead_logs(&consumer);
        Ok(self.login.keep(consumer)?)
    }

    /// Returns the context of a client whose configuration has it measure.
    pub(super) fn context(&self, client: Client) -> Context {
        Context::metered(self.meter(client))
    }

    pub(super) fn meter(&self, client: Client) -> Meter {
        self.brokers.meter(client)
    }

    /// Returns the mark of a member, if its client id is one that a worker of our instance id has.
    pub fn mark_of<'a>(&self, client_id: &'a str) -> Option<&'a str> {
        client_id.strip_prefix(&self.client_id("member.")).filter(|mark| !mark.is_empty())
    }

    /// Returns how long the group waits for a word of a member of the classic protocol.
    pub fn session(&self) -> Duration {
        let millis = self.member().get("session.timeout.ms").and_then(|text| text.parse().ok());
        Duration::from_millis(millis.unwrap_or(10_000))
    }

    fn member_role(&self) -> String {
        if self.mark.is_empty() { "member".to_owned() } else { format!("member.{}", self.mark) }
    }

    fn client_id(&self, role: &str) -> String {
        format!("rollcall-{}-{role}", self.instance_id)
    }

    /// Topics: describes, checks and creates them.
    pub fn admin(&self) -> ClientConfig {
        unmeasured(self.client("admin"))
    }

    /// Returns the largest record that the clients may send, where the user has set it.
    pub fn message_bytes_max(&self) -> Option<usize> {
        self.base.get("message.max.bytes").and_then(|text| text.parse().ok())
    }

    /// Returns the changelog topic's name.
    pub fn changelog(&self) -> String {
        format!("{}-changelog", self.group)
    }

    fn client(&self, role: &str) -> ClientConfig {
        let mut config = self.base.clone();
        let backoff_max = at_least(&config, 1_000, "reconnect.backoff.ms");
        set(
            &mut config,
            &[
                ("client.id", &self.client_id(role)),
                // Also how long a new client waits before it connects at all: half of it.
                ("reconnect.backoff.ms", "20"),
                // A broker that comes back is found within a second, not ten.
                ("reconnect.backoff.max.ms", &backoff_max),
                ("socket.keepalive.enable", "true"),
                ("allow.auto.create.topics", "false"),
                ("log.connection.close", "false"),
            ],
        );
        self.login.apply(&mut config);
        config.set_log_level(RDKafkaLogLevel::Warning);
        config
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Secret(_) => Self::Misconfigured(refusal.to_string()),
            // Servers come back, and secrets are put right under running programs.
            _ => Self::Interrupted(refusal.to_string()),
        }
    }
}

/// Turns measuring off, whatever the user wants measured: nobody fetches what these clients
/// measure.
fn unmeasured(mut config: ClientConfig) -> ClientConfig {
    config.set("statistics.interval.ms", "0");
    config
}

/// Settings that have two names; which of two values would win is not defined.
const ALIASES: [[&str; 2]; 3] = [
    ["fetch.message.max.bytes", "max.partition.fetch.bytes"],
    ["linger.ms", "queue.buffering.max.ms"],
    ["compression.type", "compression.codec"],
];

/// Sets what the user has not set, under any name.
fn set(config: &mut ClientConfig, properties: &[(&str, &str)]) {
    for (name, value) in properties {
        let aliases = ALIASES.iter().filter(|names| names.contains(name)).flatten();
        if aliases.chain([name]).all(|name| config.get(name).is_none()) {
            config.set(*name, *value);
        }
    }
}

/// Returns the larger of our value and the user's for `other`, below which the client refuses it.
fn at_least(config: &ClientConfig, ours: u64, other: &str) -> String {
    let theirs = config.get(other).and_then(|text| text.parse::<u64>().ok());
    theirs.unwrap_or_default().max(ours).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(protocol: Protocol, properties: &[(&str, &str)]) -> Connection {
        let mut base = ClientConfig::new();
        set(&mut base, properties);
        let (group, instance_id) = ("shipping".to_owned(), "shipping-0".to_owned());
        Connection {
            base,
            login: Login::default(),
            group,
            instance_id,
            mark: "0a1b2c3d".to_owned(),
            protocol,
            brokers: Arc::default(),
        }
    }

    #[test]
    fn what_the_user_sets_wins() {
        let connection = connection(Protocol::Classic, &[("session.timeout.ms", "20000")]);
        assert_eq!(connection.member().get("session.timeout.ms"), Some("20000"));
        assert_eq!(connection.member().get("heartbeat.interval.ms"), Some("200"));
    }

    #[test]
    fn a_member_is_told_from_another_of_its_name_by_its_mark() {
        let mine = connection(Protocol::Classic, &[]);
        let id = mine.member().get("client.id").expect("it is set").to_owned();
        assert_eq!(mine.mark_of(&id), Some("0a1b2c3d"));
        assert_eq!(mine.mark_of("rollcall-shipping-0-member"), None, "of an earlier version");
        assert_eq!(mine.mark_of("rollcall-shipping-1-member.0a1b2c3d"), None);
        assert_eq!(mine.session(), Duration::from_secs(10));
    }

    #[test]
    fn what_the_user_sets_wins_under_its_other_name_too() {
        let connection = connection(Protocol::Classic, &[("compression.codec", "zstd")]);
        assert_eq!(connection.producer("t", 0, 1).get("compression.type"), None);
    }

    #[test]
    fn records_of_any_size_that_a_topic_takes_leave_the_client_its_own_bound() {
        let connection = connection(Protocol::Classic, &[]);
        let config = connection.producer("t", 2_147_483_647, 1_000_000);
        assert_eq!(config.get("message.max.bytes"), Some("1000000000"));
        config.create_native_config().expect("librdkafka takes it");
    }

    #[test]
    fn the_coordinator_sets_what_members_of_the_new_protocol_may_not() {
        let member = connection(Protocol::Consumer, &[]).member();
        assert_eq!(member.get("group.protocol"), Some("consumer"));
        for name in ["session.timeout.ms", "heartbeat.interval.ms", "group.instance.id"] {
            assert_eq!(member.get(name), None, "{name}");
        }
        member.create_native_config().expect("librdkafka takes all of it together");
    }
}
