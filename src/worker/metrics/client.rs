//! The way to the brokers.

use super::Scene;
use rollcall_kafka::BrokerFigures;
use rollcall_service::metrics::{Families, Metric, catalogue::client};

pub(super) fn collect(families: &mut Families, scene: &Scene<'_>) {
    let brokers = scene.view.totals.brokers();
    let mut round_trips = families.family(&client::ROUND_TRIP);
    for broker in &brokers {
        if let Some(round_trip) = broker.round_trip {
            round_trips
                .sample(&[&broker.id.to_string(), broker.client.name()], round_trip.as_secs_f64());
        }
    }
    let mut tell = |metric: &'static Metric, count: fn(&BrokerFigures) -> u64| {
        let mut family = families.family(metric);
        for broker in &brokers {
            family.sample(&[&broker.id.to_string(), broker.client.name()], count(broker));
        }
    };
    tell(&client::RETRIES, |broker| broker.retries);
    tell(&client::TIMEOUTS, |broker| broker.timeouts);
    tell(&client::ERRORS, |broker| broker.errors);
}
