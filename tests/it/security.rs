//! Kafka with TLS, SCRAM, client certificates and ACLs: the documented permissions suffice for a
//! worker, and missing ones are named.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::against_broker::look;
use super::certificates::Authority;
use super::kafka::{Broker, free_port};
use super::reconciliation::Reconciliation;
use super::state_api;
use super::worker::Worker;

const ACLS: &str = "org.apache.kafka.tools.AclCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";
/// The principals with a password, by user name, and with a certificate, by its name.
const USER: &str = "rollcall";
const PASSWORD: &str = "open-sesame";
const CERTIFICATE: &str = "CN=rollcall-worker";

/// A broker that allows nothing without an ACL, except to the tests themselves on its plain port.
struct Secured {
    broker: Arc<Broker>,
    /// TLS and SCRAM.
    scram: u16,
    /// TLS with a client certificate.
    mutual: u16,
    dir: TempDir,
}

impl Secured {
    fn shared() -> &'static Self {
        static SHARED: LazyLock<Secured> = LazyLock::new(Secured::start);
        &SHARED
    }

    fn start() -> Self {
        let dir = TempDir::with_prefix("rollcall-pki-").expect("a temporary directory");
        make_certificates(dir.path());
        let (plain, scram, mutual) = (free_port(), free_port(), free_port());
        let file = |name: &str| dir.path().join(name).display().to_string();
        let (broker_pem, ca) = (file("broker.pem"), file("ca.crt"));
        // In a properties file \u0020 is a space.
        let login = r"org.apache.kafka.common.security.scram.ScramLoginModule\u0020required;";
        let plain_login = format!(
            "org.apache.kafka.common.security.plain.PlainLoginModule\\u0020required\\u0020\
             user_{USER}=\"{PASSWORD}\";"
        );
        let settings = [
            format!(
                "listeners=PLAINTEXT://localhost:{plain},CONTROLLER://localhost:{},\
                 SCRAM://localhost:{scram},MUTUAL://localhost:{mutual}",
                plain + 1
            ),
            format!(
                "advertised.listeners=PLAINTEXT://localhost:{plain},SCRAM://localhost:{scram},\
                 MUTUAL://localhost:{mutual}"
            ),
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,\
             SCRAM:SASL_SSL,MUTUAL:SSL"
                .to_owned(),
            "ssl.keystore.type=PEM ssl.truststore.type=PEM".to_owned(),
            format!("ssl.keystore.location={broker_pem} ssl.truststore.location={ca}"),
            "listener.name.mutual.ssl.client.auth=required".to_owned(),
            "sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN".to_owned(),
            format!("listener.name.scram.scram-sha-512.sasl.jaas.config={login}"),
            format!("listener.name.scram.plain.sasl.jaas.config={plain_login}"),
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"
                .to_owned(),
            "super.users=User:ANONYMOUS".to_owned(),
        ];
        let broker = Broker::with_settings(plain, &settings.join(" "));
        broker.begin();
        set_password(&broker, PASSWORD);
        Self { broker: Arc::new(broker), scram, mutual, dir }
    }

    /// Writes a secret to a file and returns the file's name.
    fn secret(&self, name: &str, text: &str) -> String {
        let file = self.dir.path().join(name);
        std::fs::write(&file, text).expect("the directory is ours");
        file.display().to_string()
    }

    fn file(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Returns a reconciliation whose workers log in with a password.
    fn with_password(&self, name: &str, password: &str) -> Reconciliation {
        let sasl = json!({
            "mechanism": "SCRAM-SHA-512",
            "usernameFile": self.secret("username", USER),
            "passwordFile": self.secret(&format!("password-{name}"), password),
        });
        Reconciliation::new(&self.broker, name)
            .with("kafka/bootstrapServers", format!("localhost:{}", self.scram))
            .with("kafka/tls", json!({"caFile": self.file("ca.crt")}))
            .with("kafka/sasl", sasl)
    }

    /// Returns a reconciliation whose workers present a certificate.
    fn with_certificate(&self, name: &str, tls: &Value) -> Reconciliation {
        Reconciliation::new(&self.broker, name)
            .with("kafka/bootstrapServers", format!("localhost:{}", self.mutual))
            .with("kafka/tls", tls.clone())
    }

    /// Grants the permissions that docs/operations.md lists for a worker.
    fn grant_all(&self, shop: &Reconciliation, principal: &str) {
        let name = &shop.name;
        let output = |suffix: &str| format!("{name}-{suffix}");
        let (orders, made) = (shop.orders(), shop.manufactured());
        self.grant(principal, &["Read", "Describe"], &["--topic", &orders, "--topic", &made]);
        let changelog = ["Read", "Write", "Describe", "DescribeConfigs", "Create"];
        self.grant(principal, &changelog, &["--topic", &shop.changelog()]);
        for topic in [output("shipping"), output("overdue"), output("dead-letter")] {
            let operations = ["Write", "Describe", "DescribeConfigs", "Create"];
            self.grant(principal, &operations, &["--topic", &topic]);
        }
        self.grant(principal, &["Read", "Describe"], &["--group", name]);
        let transactions =
            ["--transactional-id", &output(""), "--resource-pattern-type", "prefixed"];
        self.grant(principal, &["Write", "Describe"], &transactions);
    }

    fn grant(&self, principal: &str, operations: &[&str], resource: &[&str]) {
        self.acl("--add", principal, operations, resource);
    }

    fn acl(&self, action: &str, principal: &str, operations: &[&str], resource: &[&str]) {
        let principal = format!("User:{principal}");
        let mut arguments = vec![action, "--force", "--allow-principal", &principal];
        operations.iter().for_each(|operation| arguments.extend(["--operation", *operation]));
        arguments.extend(resource);
        self.broker.tool(ACLS, &arguments);
    }
}

fn set_password(broker: &Broker, password: &str) {
    let config = format!("SCRAM-SHA-512=[password={password}]");
    let user =
        ["--alter", "--entity-type", "users", "--entity-name", USER, "--add-config", &config];
    broker.tool(CONFIGS, &user);
}

/// Creates an authority, certificates of the broker and of a worker, and another authority, as PEM
/// files.
pub fn make_certificates(dir: &Path) {
    let authority = Authority::create(dir, "ca");
    authority.sign("broker", "localhost", "localhost");
    authority.sign("worker", "rollcall-worker", "localhost");
    authority.sign("rotated", "rollcall-worker", "localhost");
    Authority::create(dir, "other");
}

/// Sends an order and all of its products, and waits for its completion.
pub fn ship(shop: &Reconciliation, id: &str) {
    shop.order(id, &[1, 2]);
    shop.made(id, 1);
    shop.made(id, 2);
    shop.settle();
    assert!(shop.shipped_ids().contains(&id.to_owned()));
}

#[test]
fn a_worker_with_the_documented_permissions_works_over_tls_with_a_password() {
    let secured = Secured::shared();
    let shop = secured.with_password("scram", PASSWORD);
    secured.grant_all(&shop, USER);
    let mut worker = shop.worker("w-1");
    ship(&shop, "a");
    assert_eq!(worker.process.terminate().code(), Some(0));
    let worker = shop.worker("w-1");
    ship(&shop, "b");
    drop(worker);
    assert_eq!(shop.shipped_ids(), ["a", "b"]);
}

#[test]
fn a_worker_logs_in_with_a_plain_password() {
    let secured = Secured::shared();
    let shop = secured.with_password("plain", PASSWORD).with("kafka/sasl/mechanism", "PLAIN");
    secured.grant_all(&shop, USER);
    let worker = shop.worker("w-1");
    ship(&shop, "a");
    drop(worker);
}

#[test]
fn a_worker_logs_in_with_its_certificate() {
    let secured = Secured::shared();
    let tls = json!({
        "caFile": secured.file("ca.crt"),
        "certificateFile": secured.file("worker.crt"),
        "keyFile": secured.file("worker.key"),
    });
    let shop = secured.with_certificate("mutual", &tls);
    secured.grant_all(&shop, CERTIFICATE);
    let worker = shop.worker("w-1");
    ship(&shop, "a");
    drop(worker);
}

#[test]
fn a_wrong_password_is_told_and_a_right_one_in_the_same_file_is_enough() {
    let secured = Secured::shared();
    let shop = secured.with_password("password", "guessed");
    secured.grant_all(&shop, USER);
    let worker = Worker::start(&shop, "w-1");
    worker.process.says(&["uthentication"]);
    state_api::trouble(&worker, "Unauthorized");
    // Editors add a line end.
    secured.secret("password-password", &format!("{PASSWORD}\n"));
    let worker = worker.ready();
    ship(&shop, "a");
    drop(worker);
}

#[test]
fn a_wrong_password_is_told_by_a_look_at_the_records_too() {
    let secured = Secured::shared();
    let (passes, _, complaint) = look(&secured.with_password("look-wrong", "wrong"), &[]);
    assert!(!passes && complaint.contains("refuse our credentials"), "{complaint}");
    assert!(complaint.contains("spec.kafka.sasl"), "{complaint}");
}

#[test]
fn a_password_that_is_rotated_while_a_worker_runs_is_enough() {
    let secured = Secured::start();
    let shop = secured.with_password("rotated", PASSWORD);
    secured.grant_all(&shop, USER);
    let worker = shop.worker("w-1");
    ship(&shop, "a");
    set_password(&secured.broker, "sesame-2");
    // Forces new connections.
    secured.broker.stop();
    secured.broker.begin();
    let message = state_api::trouble(&worker, "Unauthorized");
    assert!(message.contains("spec.kafka.sasl"), "{message}");
    secured.secret("password-rotated", "sesame-2");
    let worker = worker.ready();
    ship(&shop, "b");
    drop(worker);
    assert_eq!(shop.shipped_ids(), ["a", "b"]);
}

#[test]
fn a_certificate_that_is_rotated_while_a_worker_runs_is_taken_and_one_without_its_key_is_not() {
    let secured = Secured::shared();
    let copy = |from: &str, to: &str| {
        std::fs::copy(secured.file(from), secured.file(to)).expect("the directory is ours");
    };
    copy("worker.crt", "current.crt");
    copy("worker.key", "current.key");
    let tls = json!({
        "caFile": secured.file("ca.crt"),
        "certificateFile": secured.file("current.crt"),
        "keyFile": secured.file("current.key"),
    });
    let shop = secured.with_certificate("certificates", &tls);
    secured.grant_all(&shop, CERTIFICATE);
    let worker = shop.worker("w-1");
    ship(&shop, "a");
    copy("other.key", "current.key");
    worker.process.says(&["the new certificates cannot be used"]);
    ship(&shop, "b");
    copy("rotated.crt", "current.crt");
    copy("rotated.key", "current.key");
    worker.process.says(&["reconnecting with the new certificates"]);
    ship(&shop, "c");
    let worker = worker.ready();
    assert_eq!(worker.process.count(&["shard opened"]), 8, "each shard is opened once again");
    drop(worker);
    assert_eq!(shop.shipped_ids(), ["a", "b", "c"]);
}

#[test]
fn a_broker_with_a_certificate_of_another_authority_is_not_trusted() {
    let secured = Secured::shared();
    let shop = secured.with_password("stranger", PASSWORD);
    let shop = shop.with("kafka/tls", json!({"caFile": secured.file("other.crt")}));
    let worker = Worker::start(&shop, "w-1");
    worker.process.says(&["certificate verify failed"]);
    state_api::trouble(&worker, "TlsFailed");
}

#[test]
fn a_secret_that_is_missing_is_named_with_its_field() {
    let secured = Secured::shared();
    let shop = secured.with_password("missing-secret", PASSWORD);
    let absent: PathBuf = secured.dir.path().join("absent");
    let shop = shop.with("kafka/sasl/passwordFile", absent.display().to_string());
    let mut worker = Worker::start(&shop, "w-1").process;
    assert!(!worker.exit().success());
    worker.says(&["kafka.sasl", "absent"]);
}

#[test]
fn a_group_that_may_not_be_read_is_named_until_it_is_granted_under_both_protocols() {
    let secured = Secured::shared();
    for protocol in ["classic", "consumer"] {
        let shop = secured.with_password(&format!("group-{protocol}"), PASSWORD);
        let shop = shop.with("kafka/groupProtocol", protocol);
        secured.grant_all(&shop, USER);
        secured.acl("--remove", USER, &["Read"], &["--group", &shop.name]);
        let worker = Worker::start_with(&shop, "w-1", &["--keep-trying"]);
        let message = state_api::trouble(&worker, "GroupUnauthorized");
        assert!(message.contains("grant Read"), "{message}");
        assert_eq!(worker.process.said(&["same instance id"]), None);
        secured.grant(USER, &["Read"], &["--group", &shop.name]);
        let worker = worker.ready();
        ship(&shop, "a");
        drop(worker);
    }
}

#[test]
fn a_permission_that_is_missing_is_named_and_nothing_is_lost_until_it_is_granted() {
    let secured = Secured::shared();
    let shop = secured.with_password("unauthorized", PASSWORD);
    secured.grant_all(&shop, USER);
    let worker = shop.worker("w-1");
    ship(&shop, "a");
    drop(worker);
    let shipping = format!("{}-shipping", shop.name);
    secured.acl("--remove", USER, &["Write"], &["--topic", &shipping]);
    let worker = Worker::start(&shop, "w-1");
    shop.order("b", &[1]);
    shop.made("b", 1);
    shop.flush();
    worker.process.says(&["not authorized"]);
    drop(worker);
    assert_eq!(shop.shipped_ids(), ["a"]);
    secured.grant(USER, &["Write"], &["--topic", &shipping]);
    let worker = shop.worker("w-1");
    shop.settle();
    drop(worker);
    assert_eq!(shop.shipped_ids(), ["a", "b"]);
}
