//! Creates a connection from an object's validated settings.

use std::{collections::BTreeMap, sync::Arc};

use rdkafka::ClientConfig;

use super::{Connection, Login, Protocol, check_clients};
use rollcall_core::shard::{Error, Result};
use rollcall_object::{Settings, resource::GroupProtocol};

impl Connection {
    /// Returns how to reach the cluster of these settings, as the member `instance_id`.
    ///
    /// # Errors
    /// When a secret cannot be read.
    pub fn of(settings: &Settings, instance_id: &str) -> Result<Self> {
        let properties = settings
            .kafka
            .client_properties()
            .map_err(|error| Error::Misconfigured(error.to_string()))?;
        Ok(of_properties(settings, instance_id, &properties))
    }
}

/// Checks that the Kafka client accepts the object's settings together; no secret is read.
///
/// # Errors
/// When it does not.
pub fn check_settings(settings: &Settings) -> Result<()> {
    check_clients(&of_properties(settings, "check", &settings.kafka.properties))
}

fn of_properties(
    settings: &Settings,
    instance_id: &str,
    properties: &BTreeMap<String, String>,
) -> Connection {
    let mut base = ClientConfig::new();
    for (name, value) in properties {
        base.set(name, value);
    }
    let protocol = match settings.kafka.group_protocol {
        GroupProtocol::Classic => Protocol::Classic,
        GroupProtocol::Consumer => Protocol::Consumer,
    };
    Connection {
        base,
        login: Login::of(&settings.kafka),
        group: settings.group_id().to_owned(),
        instance_id: instance_id.to_owned(),
        mark: String::new(),
        protocol,
        brokers: Arc::default(),
    }
}
