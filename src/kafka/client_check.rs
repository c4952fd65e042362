//! Checks that the Kafka client accepts all of a connection's settings together.
//!
//! Each setting has already been validated on its own with the object. Conflicts between settings,
//! such as a `socket.timeout.ms` above the transaction timeout, are reported by librdkafka only
//! when a client is created.

use rdkafka::{
    ClientConfig,
    config::{FromClientConfig, RDKafkaLogLevel},
    consumer::BaseConsumer,
    error::KafkaError,
    producer::BaseProducer,
};

use super::Connection;
use rollcall_core::shard::{Error, Result};

/// Creates one client of each kind, which connects to nothing and reads no certificate.
///
/// # Errors
/// [`Error::Misconfigured`] with the client's message.
pub fn check_clients(connection: &Connection) -> Result<()> {
    for config in [connection.member(), connection.data(1_024), connection.reader()] {
        check::<BaseConsumer>(config)?;
    }
    check::<BaseProducer>(connection.producer("check", 0, 1))?;
    check::<BaseProducer>(connection.admin())
}

fn check<C: FromClientConfig>(mut config: ClientConfig) -> Result<()> {
    for name in ["bootstrap.servers", "security.protocol", "sasl.mechanism"] {
        config.remove(name);
    }
    // Suppresses the warning that it has no brokers.
    config.set_log_level(RDKafkaLogLevel::Emerg);
    let refused = |error: KafkaError| {
        Error::Misconfigured(format!(
            "spec.kafka.properties do not go together with each other or with Rollcall's own: \
             {error}: change or remove what you have set"
        ))
    };
    C::from_config(&config).map(drop).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Login, Protocol};

    fn check(properties: &[(&str, &str)]) -> Result<()> {
        let mut base = ClientConfig::new();
        for (name, value) in properties {
            base.set(*name, *value);
        }
        check_clients(&Connection {
            base,
            login: Login::default(),
            group: "shipping".to_owned(),
            instance_id: "shipping-0".to_owned(),
            mark: String::new(),
            protocol: Protocol::Classic,
            brokers: std::sync::Arc::default(),
        })
    }

    #[test]
    fn settings_that_go_together_pass() {
        for properties in [
            &[][..],
            &[("message.max.bytes", "1000000000")],
            &[("session.timeout.ms", "120000")],
            &[("reconnect.backoff.ms", "5000")],
            &[("security.protocol", "ssl"), ("ssl.ca.location", "/not/there")],
        ] {
            assert_eq!(check(properties), Ok(()), "{properties:?}");
        }
    }

    #[test]
    fn settings_that_exclude_each_other_are_refused_with_both_names() {
        for (properties, named) in [
            (&[("socket.timeout.ms", "30000")][..], "transaction.timeout.ms"),
            (&[("linger.ms", "60000")], "message.timeout.ms"),
            (&[("receive.message.max.bytes", "100000")], "fetch.max.bytes"),
            (
                &[("session.timeout.ms", "20000"), ("max.poll.interval.ms", "10000")],
                "max.poll.interval.ms",
            ),
        ] {
            let refused = check(properties).expect_err("they exclude each other").to_string();
            assert!(refused.contains(properties[0].0), "{refused}");
            assert!(refused.contains(named), "{refused}");
        }
    }
}
