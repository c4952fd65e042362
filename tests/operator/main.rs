//! The operator as a process, on a real API server with the controllers that create pods, and no
//! node: the tests play the kubelet and the workers.
//!
//! They share one cluster, with a namespace and an operator each; tests that need the definition to
//! be missing start a private cluster. Nothing here waits for time to pass: only for a condition to
//! become true.

#![allow(unreachable_pub, reason = "the modules of one program are its only users")]

mod children;
mod cluster;
mod definition;
mod deletion;
#[path = "../shared/eventually.rs"]
mod eventually;
#[path = "../shared/http.rs"]
mod http;
#[path = "../shared/kubectl.rs"]
mod kubectl;
mod leadership;
mod node;
mod operator;
#[path = "../shared/ports.rs"]
mod ports;
mod prometheus;
#[path = "../shared/prometheus.rs"]
mod prometheus_server;
mod rights;
mod robustness;
mod status;
#[path = "../shared/watchdog.rs"]
mod watchdog;
