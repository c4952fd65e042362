//! A Kafka on the host, with a listener for the load, and one for workers in pods: with TLS, client
//! certificates and passwords.

use std::path::{Path, PathBuf};

use super::certificates::Authority;
use super::command::run;
use super::exported;

/// The user of the workers.
pub const USER: &str = "rollcall";
/// The host's name in pods.
const HOST: &str = "host.cluster.internal";
const CONFIGS: &str = "kafka.admin.ConfigCommand";

/// A broker, which `scripts/e2e` wipes in the end.
pub struct Kafka {
    port: u16,
    /// The address at which the node reaches the host.
    host_ip: String,
    pki: PathBuf,
}

impl Kafka {
    /// Starts a broker in the folder, which trusts the client certificates `one` and `two`.
    pub fn start(folder: &Path) -> Self {
        let pki = folder.join("pki");
        let broker = Authority::create(&pki, "broker-ca");
        broker.sign("broker", "broker", HOST);
        for name in ["one", "two"] {
            Authority::create(&pki, &format!("{name}-ca")).sign(name, "worker", "worker");
        }
        let port = exported("PORT").parse().expect("PORT is a port");
        let kafka = Self { port, host_ip: exported("HOST_IP"), pki };
        let both = kafka.pem("one-ca.crt") + &kafka.pem("two-ca.crt");
        std::fs::write(kafka.pki.join("both-ca.crt"), both).expect("the folder is ours");
        kafka.script(&["start"]);
        kafka
    }

    fn settings(&self) -> String {
        let (port, ip, load) = (self.port, &self.host_ip, self.for_the_load());
        let plain = format!("PLAINTEXT://localhost:{port},LOAD://{load}");
        // In a properties file \u0020 is a space.
        let login = r"org.apache.kafka.common.security.scram.ScramLoginModule\u0020required;";
        let mut settings = vec![
            format!(
                "listeners={plain},WORKERS://{ip}:{},CONTROLLER://localhost:{}",
                port + 3,
                port + 1
            ),
            format!("advertised.listeners={plain},WORKERS://{}", self.for_workers()),
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,\
             LOAD:PLAINTEXT,WORKERS:SASL_SSL"
                .to_owned(),
            "sasl.enabled.mechanisms=SCRAM-SHA-512".to_owned(),
        ];
        let of_workers = [
            format!("scram-sha-512.sasl.jaas.config={login}"),
            "ssl.client.auth=required".to_owned(),
            "ssl.keystore.type=PEM".to_owned(),
            format!("ssl.keystore.location={}", self.path("broker.pem")),
            "ssl.truststore.type=PEM".to_owned(),
            format!("ssl.truststore.location={}", self.path("both-ca.crt")),
        ];
        settings.extend(of_workers.map(|setting| format!("listener.name.workers.{setting}")));
        settings.join(" ")
    }

    /// Returns the address for the load.
    pub fn for_the_load(&self) -> String {
        format!("{}:{}", self.host_ip, self.port + 2)
    }

    /// Returns the address for workers, a name that resolves in pods.
    pub fn for_workers(&self) -> String {
        format!("{HOST}:{}", self.port + 3)
    }

    /// Returns the text of a certificate or key.
    pub fn pem(&self, file: &str) -> String {
        std::fs::read_to_string(self.pki.join(file)).expect("it was made with the broker")
    }

    /// Sets the password of the workers' user. An old one is not valid for new connections.
    pub fn set_password(&self, password: &str) {
        let password = format!("SCRAM-SHA-512=[password={password}]");
        self.alter("users", USER, &password);
    }

    /// Makes the broker accept only certificates of this authority for new connections.
    pub fn trust(&self, authority: &str) {
        let file = self.path(&format!("{authority}.crt"));
        let setting = format!("listener.name.workers.ssl.truststore.location={file}");
        self.alter("brokers", "1", &setting);
    }

    /// Returns the names of its topics, one a line.
    pub fn topics(&self) -> String {
        self.script(&["topics", "--list"])
    }

    fn alter(&self, kind: &str, name: &str, config: &str) {
        let server = format!("localhost:{}", self.port);
        let entity = ["--entity-type", kind, "--entity-name", name, "--add-config", config];
        let tool = ["run", CONFIGS, "--bootstrap-server", &server, "--alter"];
        self.script(&[&tool[..], &entity].concat());
    }

    fn path(&self, file: &str) -> String {
        self.pki.join(file).display().to_string()
    }

    /// Runs the script that starts it; its data are where DIR says.
    #[track_caller]
    fn script(&self, arguments: &[&str]) -> String {
        let environment = [("PORT", &*self.port.to_string()), ("EXTRA", &self.settings())];
        run("scripts/kafka", arguments, &environment)
    }
}
