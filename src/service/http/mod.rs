//! HTTP, both server and client.
//!
//! Promise: a client takes a bounded part of threads, memory and descriptors, however slowly, often
//! or much it asks. Ban: nothing here knows what is asked for.

mod answer;
pub mod client;
mod connections;
mod hosts;
mod server;
mod stream;
mod turns;

pub use answer::{ANSWER_BYTES_MAX, PAGE_BYTES_MAX, fit, json_bytes};
pub use connections::{Peer, connections_within, serve};
pub use hosts::Hosts;
pub use server::{Error, listen, metrics, probe, runtime, stop_signal};
pub use turns::{Gone, NoTurn, Turns};
