//! The way to the brokers.

use super::Scene;
use crate::{
    kafka::BrokerFigures,
    metrics::{Metric, Page, catalogue::client},
};

pub(super) fn write(page: &mut Page, scene: &Scene<'_>) {
    let brokers = scene.view.totals.brokers();
    let mut round_trips = page.family(&client::ROUND_TRIP);
    for broker in &brokers {
        if let Some(round_trip) = broker.round_trip {
            round_trips.sample(&[&broker.id.to_string()], round_trip.as_secs_f64());
        }
    }
    let mut write = |metric: &'static Metric, count: fn(&BrokerFigures) -> u64| {
        let mut family = page.family(metric);
        for broker in &brokers {
            family.sample(&[&broker.id.to_string()], count(broker));
        }
    };
    write(&client::RETRIES, |broker| broker.retries);
    write(&client::TIMEOUTS, |broker| broker.timeouts);
    write(&client::ERRORS, |broker| broker.errors);
}
