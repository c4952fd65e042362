//! Acceptance tests: the program itself on a real broker, used as a user would.
//!
//! They share one broker, with separate topics and groups; tests that stop or crash a broker start
//! their own. `known_answer` determines the expected result, record by record. Nothing here waits
//! for time to pass: only for a condition to become true.

#![allow(unreachable_pub, reason = "the modules of one program are its only users")]

mod against_broker;
mod bounds;
mod broker_refusals;
#[path = "../shared/certificates.rs"]
mod certificates;
mod collector;
mod consumer_protocol;
mod contract;
mod crashes;
mod cut_off;
#[path = "../shared/eventually.rs"]
mod eventually;
mod formats;
mod full;
#[path = "../shared/http.rs"]
mod http;
mod kafka;
mod known_answer;
mod known_failures;
mod local_state;
mod logs;
mod many_shards;
mod metrics;
mod oauth;
mod offsets;
mod operation;
mod order_demo;
mod output;
mod partitioners;
#[path = "../shared/ports.rs"]
mod ports;
mod probes;
mod prometheus;
#[path = "../shared/prometheus.rs"]
mod prometheus_server;
mod proxy;
mod races;
mod recipes;
mod reconciliation;
mod refusals;
mod reset;
mod security;
mod shown;
mod state_api;
mod system_limits;
mod test_command;
mod three_brokers;
mod times;
mod token_server;
mod topic_checks;
mod topics;
mod tracing;
mod transactions_by_lane;
mod upgrade;
mod watchdog;
mod worker;
mod wrong_path;
