//! The settings of every Kafka client, each with its reason.
//!
//! The user's own properties win: validation rejects those that exactly-once processing depends on
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
use rollcall_core::{record::ShardId, shard::Error};

/// How the members of a group agree on who owns which shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// One member assigns shards for all; members are static, so that one that is killed and comes
    /// back within its session keeps its place.
    Classic,
    /// The coordinator assigns (KIP-848). Members are dynamic: a static one that was killed would
    /// be rejected until its session ends. Session and heartbeat are set on the brokers.
    Consumer,
}
/// How to reach the cluster, and the names to use there.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Servers, security, and the user's own properties.
    pub base: ClientConfig,
    /// Tokens, if clients log in with them.
    pub login: Login,
    /// The consumer group, which is also the prefix of the changelog's and the transactions' names.
    pub group: String,
    /// Identifies this process among the group's members, for static membership.
    pub instance_id: String,
    /// Distinguishes this process from another one with the same instance id, as far as the list of
    /// the group's members shows; empty for a process that never joins.
    pub mark: String,
    pub protocol: Protocol,
    /// The clients' measurements.
    pub brokers: Arc<Brokers>,
}

/// Enables round-trip metrics. Only for clients that are always polled: elsewhere the reports would
/// pile up unread.
const MEASURED: (&str, &str) = ("statistics.interval.ms", "10000");

/// How long a transaction may last before the brokers abort it.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

/// librdkafka's default.
const BATCH_BYTES_DEFAULT: usize = 1_000_000;

/// Largest `message.max.bytes` that the Kafka client accepts; topics can have more.
pub const MESSAGE_BYTES_MAX: usize = 1_000_000_000;

/// Upper bound for a record's size besides key and value.
pub const RECORD_OVERHEAD_BYTES: usize = 4 << 10;

impl Connection {
    /// The group member: it never fetches, so its queues are as small as possible.
    pub fn member(&self) -> ClientConfig {
        let mut config = self.client(&self.member_role());
        let poll_interval = at_least(&config, 60_000, "session.timeout.ms");
        set(
            &mut config,
            &[
                ("group.id", &self.group),
                // Its thread only polls; the worker's watchdog guards the lanes.
                ("max.poll.interval.ms", &poll_interval),
                // Shows within seconds that no broker answers any more; see `contact`.
                ("statistics.interval.ms", "2000"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                // The position is never used; `latest` reads nothing should a pause fail.
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
                    // Shards that stay keep processing while others move.
                    ("partition.assignment.strategy", "cooperative-sticky"),
                    ("session.timeout.ms", "10000"),
                    // How soon a surviving member learns that shards are free.
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

    /// A lane's data consumer, which is assigned manually and never joins the group.
    pub fn data(&self, fetch_kbytes: usize) -> ClientConfig {
        let mut config = self.client("data");
        set(
            &mut config,
            &[
                // Required of every consumer; without a subscription it joins no group.
                ("group.id", &self.group),
                // Producers may be transactional: records of aborted transactions must not count.
                ("isolation.level", "read_committed"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                // Shard time follows the wall clock only where the input is read to its end.
                ("enable.partition.eof", "true"),
                // A missing assigned offset means truncation, which opening checks for.
                ("auto.offset.reset", "error"),
                MEASURED,
                ("fetch.wait.max.ms", "20"),
                // The default of one second stalls a shard whenever the queue was full.
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
                // Also makes `committed` wait for open transactions that hold offsets.
                ("isolation.level", "read_committed"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                // Reports the position past markers and gaps, which are not records.
                ("enable.partition.eof", "true"),
                ("auto.offset.reset", "error"),
                ("fetch.wait.max.ms", "20"),
                ("fetch.queue.backoff.ms", "10"),
                ("fetch.message.max.bytes", "1048576"),
                // Several shards may restore at once, and a prefetched record takes some 500 bytes,
                // of which the limit below counts only one or two hundred.
                ("queued.min.messages", "20000"),
                ("queued.max.messages.kbytes", "4096"),
            ],
        );
        unmeasured(config)
    }

    /// A lane's transactional producer. `message_bytes_max` is the largest record that any topic
    /// it writes to accepts, `batch_bytes_max` the largest batch that each of them accepts.
    pub fn producer(
        &self,
        transactional_id: &str,
        message_bytes_max: usize,
        batch_bytes_max: usize,
    ) -> ClientConfig {
        let mut config = self.client("producer");
        // Even if the user has set it: a larger batch would be rejected.
        let given = config.get("batch.size").and_then(|text| text.parse().ok());
        let batch_bytes = given.unwrap_or(BATCH_BYTES_DEFAULT).min(batch_bytes_max.max(1));
        config.set("batch.size", batch_bytes.to_string());
        set(
            &mut config,
            &[
                ("transactional.id", transactional_id),
                MEASURED,
                ("enable.idempotence", "true"),
                // A crashed owner's open transaction blocks readers for at most this long, plus the
                // broker's check interval of ten seconds; a new owner ends it at once.
                ("transaction.timeout.ms", &TRANSACTION_TIMEOUT.as_millis().to_string()),
                ("message.timeout.ms", &TRANSACTION_TIMEOUT.as_millis().to_string()),
                // Records are queued at the commit and then flushed. Lingering longer than queueing
                // takes keeps its threads from sending small batches, and from waking up for each.
                ("linger.ms", "100"),
                // A transaction that begins before the markers of the last one are written is
                // rejected, and works a moment later. The pause grows with each attempt.
                ("retry.backoff.ms", "2"),
                ("queue.buffering.max.messages", "1000000"),
                ("queue.buffering.max.kbytes", "262144"),
                ("compression.type", "lz4"),
                // Partitions as Java's producers do.
                ("partitioner", "murmur2_random"),
                (
                    "message.max.bytes",
                    &message_bytes_max.clamp(1_000_000, MESSAGE_BYTES_MAX).to_string(),
                ),
            ],
        );
        config
    }

    /// Creates a consumer that is logged in.
    ///
    /// # Errors
    /// When librdkafka rejects the settings, or there is no token.
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

    /// Returns the context of a client whose configuration enables measurements.
    pub(super) fn context(&self, client: Client) -> Context {
        Context::metered(self.meter(client))
    }

    pub(super) fn meter(&self, client: Client) -> Meter {
        self.brokers.meter(client)
    }

    /// Returns the mark of a member if its client id belongs to a worker with our instance id.
    pub fn mark_of<'a>(&self, client_id: &'a str) -> Option<&'a str> {
        client_id.strip_prefix(&self.client_id("member.")).filter(|mark| !mark.is_empty())
    }

    /// Returns the session timeout of a member under the classic protocol.
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

    /// Describes, checks and creates topics.
    pub fn admin(&self) -> ClientConfig {
        unmeasured(self.client("admin"))
    }

    /// Returns the largest record that the clients may send, if the user has set it.
    pub fn message_bytes_max(&self) -> Option<usize> {
        self.base.get("message.max.bytes").and_then(|text| text.parse().ok())
    }

    /// Returns the transactional id of a lane of this process.
    pub fn transactional_id(&self, lane: usize) -> String {
        format!("{}-{}-{lane}", self.group, self.instance_id)
    }

    /// Returns the transactional id that older versions use for a shard.
    pub fn former_transactional_id(&self, shard: ShardId) -> String {
        format!("{}-{shard}", self.group)
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
                // Half of this is also how long a new client waits before it first connects.
                ("reconnect.backoff.ms", "20"),
                // Finds a broker that comes back within a second instead of ten.
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
            // Servers come back, and secrets are corrected while programs run.
            _ => Self::Interrupted(refusal.to_string()),
        }
    }
}

/// Turns measurements off, even if the user enabled them: nobody reads what these clients measure.
fn unmeasured(mut config: ClientConfig) -> ClientConfig {
    config.set("statistics.interval.ms", "0");
    config
}

/// Settings with two names; librdkafka does not define which of two values would win.
const ALIASES: [[&str; 2]; 3] = [
    ["fetch.message.max.bytes", "max.partition.fetch.bytes"],
    ["linger.ms", "queue.buffering.max.ms"],
    ["compression.type", "compression.codec"],
];

/// Sets what the user has not set under any name.
fn set(config: &mut ClientConfig, properties: &[(&str, &str)]) {
    for (name, value) in properties {
        let aliases = ALIASES.iter().filter(|names| names.contains(name)).flatten();
        if aliases.chain([name]).all(|name| config.get(name).is_none()) {
            config.set(*name, *value);
        }
    }
}

/// Returns the larger of our value and the user's for `other`; the client rejects a smaller one.
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
