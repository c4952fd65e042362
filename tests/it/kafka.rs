//! Real brokers.

use std::future::Future;
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::eventually::eventually;
pub use super::ports::free_port;
use super::proxy;
use super::watchdog::{self, Ward};

pub const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Starts and stops brokers.
pub static SCRIPT: LazyLock<String> = LazyLock::new(|| {
    std::env::var("ROLLCALL_KAFKA_SCRIPT")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/kafka").into())
});

/// Settings of every broker of the tests in addition to the script's: the log cleaner runs often,
/// so that a test can wait for it, and members under KIP-848 have short sessions.
const SETTINGS: &str = "log.cleaner.backoff.ms=200 group.consumer.min.session.timeout.ms=6000 \
                        group.consumer.session.timeout.ms=6000 \
                        group.consumer.min.heartbeat.interval.ms=500 \
                        group.consumer.heartbeat.interval.ms=500";

/// Settings of each node of a cluster: internal topics survive the loss of any node, which is
/// noticed soon.
const NODE_SETTINGS: &str = "offsets.topic.replication.factor=3 \
                             transaction.state.log.replication.factor=3 \
                             transaction.state.log.min.isr=2 min.insync.replicas=2 \
                             share.coordinator.state.topic.replication.factor=3 \
                             broker.heartbeat.interval.ms=300 broker.session.timeout.ms=3000";
/// Any id of a cluster: each cluster has ports of its own.
const CLUSTER_ID: &str = "rollcall-three-nodes-A";

/// The script's heap settings, and those of a node.
const HEAP: &str = "-Xms256m -Xmx1g";
const NODE_HEAP: &str = "-Xms96m -Xmx256m";
/// Logging of transactions whose end marker is left out.
const LOG: &str = "-Dorg.slf4j.simpleLogger.log.kafka.coordinator.transaction.\
                   TransactionMarkerChannelManager=info";

/// A cluster, empty at first; of one node, unless it was started with several.
#[derive(Debug)]
pub struct Broker {
    port: u16,
    dir: String,
    settings: String,
    /// The port that a proxy connects to.
    behind_proxy: Option<u16>,
    /// The other nodes of its cluster.
    others: Vec<Broker>,
    /// It is one of several nodes.
    is_node: bool,
}

impl Broker {
    /// Returns the broker that the tests share. A test that stops or crashes it must start its own.
    pub fn shared() -> Arc<Self> {
        static SHARED: LazyLock<Arc<Broker>> =
            LazyLock::new(|| Arc::new(Broker::start_behind_proxy()));
        Arc::clone(&SHARED)
    }

    /// Starts a broker with another listener, whose clients are told to connect to a proxy.
    fn start_behind_proxy() -> Self {
        let (port, listener) = (free_port(), free_port());
        let settings = format!(
            "listeners=PLAINTEXT://localhost:{port},CONTROLLER://localhost:{},\
             PROXIED://localhost:{listener} \
             advertised.listeners=PLAINTEXT://localhost:{port},PROXIED://{} \
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,\
             PROXIED:PLAINTEXT",
            port + 1,
            proxy::address(listener)
        );
        let mut broker = Self::with_settings(port, &settings);
        broker.behind_proxy = Some(listener);
        broker.begin();
        broker
    }

    /// Starts a private broker; it is wiped when dropped.
    pub fn start() -> Self {
        let broker = Self::absent();
        broker.run("start");
        broker
    }

    /// Starts a cluster of three nodes that keeps working while any one of them is gone.
    pub fn three() -> Self {
        let ports = [free_port(), free_port(), free_port()];
        let voter = |(port, id): (u16, usize)| format!("{id}@localhost:{}", port + 1);
        let voters = ports.into_iter().zip(1..).map(voter).collect::<Vec<_>>().join(",");
        let node = |(port, id): (u16, usize)| {
            let settings =
                format!("{NODE_SETTINGS} node.id={id} controller.quorum.voters={voters}");
            let mut node = Self::with_settings(port, &settings);
            node.is_node = true;
            node
        };
        let mut nodes: Vec<Self> = ports.into_iter().zip(1..).map(node).collect();
        // None of them answers before a majority is there.
        thread::scope(|scope| nodes.iter().for_each(|node| drop(scope.spawn(|| node.begin()))));
        let others = nodes.split_off(1);
        let mut first = nodes.remove(0);
        first.others = others;
        first
    }

    /// Returns the node with this id, which counts from one.
    pub fn node(&self, id: i32) -> &Self {
        let index = usize::try_from(id).expect("it is not negative");
        std::iter::once(self).chain(&self.others).nth(index - 1).expect("the cluster has it")
    }

    /// Returns a broker that has not been started.
    pub fn absent() -> Self {
        Self::with_settings(free_port(), "")
    }

    /// Returns a broker that has not been started, on a free port, with more settings.
    pub fn with_settings(port: u16, settings: &str) -> Self {
        let dir = format!("{}/kafka-{port}", env!("CARGO_TARGET_TMPDIR"));
        let settings = format!("{SETTINGS} {settings}");
        let (behind_proxy, others) = (None, Vec::new());
        let broker = Self { port, dir, settings, behind_proxy, others, is_node: false };
        watchdog::watch(&broker.ward());
        broker
    }

    /// Starts it, again or for the first time.
    pub fn begin(&self) {
        self.run("start");
    }

    /// Stops it as an administrator would.
    pub fn stop(&self) {
        self.run("stop");
    }

    /// Kills it with SIGKILL; what it has stored stays.
    pub fn crash(&self) {
        self.run("crash");
    }

    /// Freezes it in the middle of whatever it does; connections stay.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen broker continue as if nothing had happened.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(format!("{}/pid", self.dir)).expect("it runs");
        let status = Command::new("kill").args(["-s", name, pid.trim()]).status();
        assert!(status.expect("kill runs").success(), "the broker is gone already");
    }

    /// Returns the addresses for clients.
    pub fn bootstrap_servers(&self) -> String {
        let nodes = std::iter::once(self).chain(&self.others);
        nodes.map(|node| format!("localhost:{}", node.port)).collect::<Vec<_>>().join(",")
    }

    /// Returns the number of its nodes, all of which have everything.
    pub fn nodes(&self) -> i32 {
        i32::try_from(1 + self.others.len()).expect("they are a few")
    }

    /// Returns the port that a proxy connects to.
    pub fn behind_proxy_port(&self) -> u16 {
        self.behind_proxy.expect("the shared broker has one")
    }

    /// Returns the settings of a client that talks to it.
    pub fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.bootstrap_servers());
        client
    }

    /// Creates a topic and waits until it can be used.
    pub fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let topic = settings.iter().fold(
            NewTopic::new(name, partitions, TopicReplication::Fixed(self.nodes())),
            |topic, (key, value)| topic.set(key, value),
        );
        let created = wait(self.admin().create_topics(&[topic], &AdminOptions::new()));
        created.expect("the broker answers").remove(0).expect("the topic is new");
        let consumer: BaseConsumer = self.client().create().expect("the settings are valid");
        eventually(&format!("topic {name} has a leader"), WAIT_TIMEOUT, || {
            let found = consumer.fetch_metadata(Some(name), WAIT_TIMEOUT).ok()?;
            let leads = |p: &rdkafka::metadata::MetadataPartition| p.leader() >= 0;
            let partitions = found.topics()[0].partitions();
            (!partitions.is_empty() && partitions.iter().all(leads)).then_some(())
        });
    }

    /// Adds partitions to a topic.
    pub fn grow(&self, name: &str, partitions: usize) {
        let grown = NewPartitions::new(name, partitions);
        let result = wait(self.admin().create_partitions([&grown], &AdminOptions::new()));
        result.expect("the broker answers").remove(0).expect("the topic is there and smaller");
    }

    /// Changes a topic's setting.
    pub fn set(&self, topic: &str, name: &str, value: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
        let result = wait(self.admin().alter_configs([&change], &AdminOptions::new()));
        result.expect("the broker answers").remove(0).expect("the topic and the setting exist");
    }

    /// Deletes a topic and waits until it is gone.
    pub fn delete_topic(&self, name: &str) {
        let deleted = wait(self.admin().delete_topics(&[name], &AdminOptions::new()));
        deleted.expect("the broker answers").remove(0).expect("the topic was there");
        let consumer: BaseConsumer = self.client().create().expect("the settings are valid");
        eventually(&format!("topic {name} is gone"), WAIT_TIMEOUT, || {
            let found = consumer.fetch_metadata(Some(name), WAIT_TIMEOUT).ok()?;
            found.topics()[0].partitions().is_empty().then_some(())
        });
    }

    /// Deletes all current records of the topic, as retention does with old ones.
    pub fn truncate(&self, topic: &str, partitions: i32) {
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(topic, partition, Offset::End).expect("end is an offset");
        }
        let result = wait(self.admin().delete_records(&list, &AdminOptions::new()));
        for part in result.expect("the broker answers").elements() {
            part.error().expect("the partition was there");
        }
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("the settings are valid")
    }

    fn ward(&self) -> Ward {
        Ward::Broker { port: self.port, dir: self.dir.clone() }
    }

    /// Returns whether the broker has left a transaction without its end marker, and with it
    /// offsets that nobody can read any more.
    ///
    /// Apache Kafka 4.3 leaves out the end marker of a partition that has no leader at that moment.
    /// The only broker of a cluster gets there when it dies in the middle of commits; see "Offsets
    /// stay pending" in docs/operations.md.
    pub fn has_forgotten_a_transaction(&self) -> bool {
        let log = std::fs::read_to_string(format!("{}/broker.log", self.dir)).unwrap_or_default();
        log.lines().any(|line| line.contains("__consumer_offsets") && line.contains("be skipped"))
    }

    /// Runs one of Kafka's own tools.
    pub fn tool(&self, class: &str, arguments: &[&str]) {
        let servers = self.bootstrap_servers();
        self.script(&[&["run", class, "--bootstrap-server", &servers], arguments].concat());
    }

    fn run(&self, action: &str) {
        self.script(&[action]);
    }

    fn script(&self, arguments: &[&str]) {
        let output = Command::new(&*SCRIPT)
            .args(arguments)
            .env("PORT", self.port.to_string())
            .env("DIR", &self.dir)
            .env("EXTRA", &self.settings)
            .env("HEAP", format!("{} {LOG}", if self.is_node { NODE_HEAP } else { HEAP }))
            .env("CLUSTER", if self.is_node { CLUSTER_ID } else { "" })
            .output()
            .unwrap_or_else(|error| panic!("{} cannot run: {error}", *SCRIPT));
        assert!(
            output.status.success(),
            "{} {arguments:?}: {}{}",
            *SCRIPT,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.run("wipe");
        watchdog::release(&self.ward());
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime without drivers").block_on(future)
}
