//! HTTP, on either side: how a process answers, and how it asks.
//!
//! Ban: nothing here knows what is asked for.

pub mod client;
mod server;

pub use server::{Error, listen, metrics, probe, runtime, serve, stop_signal};
