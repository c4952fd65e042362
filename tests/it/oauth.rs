//! Tokens: a real broker that requires them, and a small server that issues them.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::kafka::{Broker, WAIT_TIMEOUT, free_port};
use super::reconciliation::Reconciliation;
use super::security::{make_certificates, ship};
use super::state_api;
use super::token_server::{CLIENT_ID, CLIENT_SECRET, TokenServer};
use super::worker::Worker;

/// A broker that accepts unsigned tokens, but checks when they expire.
struct Guarded {
    broker: Arc<Broker>,
    /// Requires tokens.
    port: u16,
    dir: TempDir,
}

impl Guarded {
    fn shared() -> &'static Self {
        static SHARED: LazyLock<Guarded> = LazyLock::new(Guarded::start);
        &SHARED
    }

    fn start() -> Self {
        let dir = TempDir::with_prefix("rollcall-pki-").expect("a temporary directory");
        make_certificates(dir.path());
        let (plain, port) = (free_port(), free_port());
        // In a properties file \u0020 is a space.
        let login = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule\\u0020\
                     required\\u0020unsecuredLoginStringClaim_sub=\"broker\";";
        let settings = [
            format!(
                "listeners=PLAINTEXT://localhost:{plain},CONTROLLER://localhost:{},\
                 TOKENS://localhost:{port}",
                plain + 1
            ),
            format!("advertised.listeners=PLAINTEXT://localhost:{plain},TOKENS://localhost:{port}"),
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,\
             TOKENS:SASL_PLAINTEXT"
                .to_owned(),
            "sasl.enabled.mechanisms=OAUTHBEARER".to_owned(),
            // Connections live no longer than the token that they were opened with.
            "listener.name.tokens.oauthbearer.connections.max.reauth.ms=3600000".to_owned(),
            format!("listener.name.tokens.oauthbearer.sasl.jaas.config={login}"),
        ];
        let broker = Broker::with_settings(plain, &settings.join(" "));
        broker.begin();
        Self { broker: Arc::new(broker), port, dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Returns a reconciliation whose workers get tokens at this address.
    fn with_tokens(&self, name: &str, endpoint: &str) -> Reconciliation {
        let file = |name: &str, text: &str| {
            let file = self.path().join(name);
            std::fs::write(&file, text).expect("the directory is ours");
            file.display().to_string()
        };
        let oauth = json!({
            "tokenEndpoint": endpoint,
            "scope": "kafka",
            "extensions": {"logicalCluster": "lkc-1"},
            "clientIdFile": file(&format!("{name}-id"), CLIENT_ID),
            "clientSecretFile": file(&format!("{name}-secret"), CLIENT_SECRET),
            "caFile": self.path().join("ca.crt").display().to_string(),
        });
        let shop = Reconciliation::new(&self.broker, name)
            .with("kafka/bootstrapServers", format!("localhost:{}", self.port));
        shop.with("kafka/sasl", json!({"mechanism": "OAUTHBEARER", "oauth": oauth}))
    }
}

#[test]
fn one_token_serves_all_clients_of_a_worker() {
    let guarded = Guarded::shared();
    let server = TokenServer::start(guarded.path(), free_port());
    let shop = guarded.with_tokens("token", &server.url());
    let worker = shop.worker("w-1");
    ship(&shop, "a");
    assert_eq!(server.given(), 1);
    drop(worker);
    let asked = server.asked();
    assert!(asked.contains("POST /token HTTP/1.1"), "{asked}");
    assert!(asked.ends_with("grant_type=client_credentials&scope=kafka"), "{asked}");
}

#[test]
fn tokens_are_renewed_before_they_expire() {
    let guarded = Guarded::shared();
    let server = TokenServer::start(guarded.path(), free_port());
    server.set_lifetime(10);
    let shop = guarded.with_tokens("renewed", &server.url());
    let worker = shop.worker("w-1");
    ship(&shop, "a");
    // By then the first one has expired, and with it the connections that it opened.
    server.await_given(3);
    ship(&shop, "b");
    assert_eq!(worker.process.said(&["not renewed"]), None);
    drop(worker);
    assert_eq!(shop.shipped_ids(), ["a", "b"]);
}

#[test]
fn a_server_that_is_away_for_longer_than_a_token_lives_loses_nothing() {
    let guarded = Guarded::shared();
    let mut server = TokenServer::start(guarded.path(), free_port());
    server.set_lifetime(4);
    let shop = guarded.with_tokens("away", &server.url());
    let worker = shop.worker("w-1");
    ship(&shop, "a");
    server.stop();
    worker.process.says(&["TokenEndpointUnreachable", "not renewed", "another 0ns"]);
    shop.order("b", &[1]);
    shop.made("b", 1);
    shop.flush();
    let server = TokenServer::start(guarded.path(), server.port());
    // A connection may outlive its token for a moment, and serve these records without a new one.
    server.await_given(1);
    shop.settle();
    drop(worker);
    assert_eq!(shop.shipped_ids(), ["a", "b"]);
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let guarded = Guarded::shared();
    let port = free_port();
    let shop = guarded.with_tokens("absent", &format!("https://localhost:{port}/token"));
    let worker = Worker::start(&shop, "w-1");
    let message = state_api::trouble(&worker, "TokenEndpointUnreachable");
    assert!(message.contains("spec.kafka.sasl.oauth.tokenEndpoint"), "{message}");
    let server = TokenServer::start(guarded.path(), port);
    let worker = worker.ready();
    ship(&shop, "a");
    drop((worker, server));
}

#[test]
fn a_wrong_client_secret_is_told_and_a_right_one_in_the_same_file_is_enough() {
    let guarded = Guarded::shared();
    let server = TokenServer::start(guarded.path(), free_port());
    let shop = guarded.with_tokens("secret", &server.url());
    let file = guarded.path().join("secret-secret");
    std::fs::write(&file, "guessed").expect("the directory is ours");
    let worker = Worker::start(&shop, "w-1");
    let message = state_api::trouble(&worker, "TokenRefused");
    assert!(message.contains("401 Unauthorized, invalid_client"), "{message}");
    assert_eq!(worker.process.said(&["guessed"]), None, "a secret is in the log");
    std::fs::write(&file, CLIENT_SECRET).expect("the directory is ours");
    let worker = worker.ready();
    ship(&shop, "a");
    drop(worker);
}

#[test]
fn a_server_with_a_certificate_of_another_authority_is_not_trusted() {
    let guarded = Guarded::shared();
    let server = TokenServer::start(guarded.path(), free_port());
    let other = guarded.path().join("other.crt").display().to_string();
    let shop = guarded.with_tokens("stranger", &server.url());
    let shop = shop.with("kafka/sasl/oauth/caFile", other);
    let worker = Worker::start(&shop, "w-1");
    let message = state_api::trouble(&worker, "TokenEndpointUnreachable");
    assert!(message.contains("certificate verify failed"), "{message}");
    assert_eq!(server.given(), 0);
}

#[test]
fn a_token_that_the_broker_does_not_take_is_told() {
    let guarded = Guarded::shared();
    let server = TokenServer::start(guarded.path(), free_port());
    server.set_token(Value::from("no.such.token"));
    let shop = guarded.with_tokens("forged", &server.url());
    let worker = Worker::start(&shop, "w-1");
    let message = state_api::trouble(&worker, "Unauthorized");
    assert!(message.contains("spec.kafka.sasl"), "{message}");
    server.set_token(Value::Null);
    drop(worker);
    let worker = shop.worker("w-1");
    ship(&shop, "a");
    worker.answers("/readyz", 200, WAIT_TIMEOUT);
}
