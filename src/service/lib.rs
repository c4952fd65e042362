//! What every long-running process needs: a log, an HTTP server, metrics, spans, and the types of
//! its answers.
//!
//! Promise: nothing here knows whether a worker, an operator or a console uses it. Ban: no Kafka
//! client and no database.

#![forbid(unsafe_code)]

pub mod http;
pub mod log;
pub mod metrics;
pub mod state_api;
pub mod telemetry;
