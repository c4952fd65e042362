//! What all HTTP servers of Rollcall have in common: they listen, answer probes and scrapes, and
//! end at a signal.

use std::{
    fmt::Display,
    future::Future,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use rustix::io::Errno;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};

use super::turns::{NoTurn, Turns};
use crate::metrics::Registry;
use rollcall_core::{shard, text::plain::sentence};

/// How many connections the system queues while the process is busy.
const BACKLOG: u32 = 1024;
/// Threads for blocking work, such as looking up names and reading topics.
const BLOCKING_THREADS_MAX: usize = 32;
/// How many scrapes are answered at a time, and how many may wait.
const SCRAPES_MAX: usize = 2;
const SCRAPES_WAITING_MAX: usize = 16;

/// Why a server cannot start, with the fix if there is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl From<Error> for shard::Error {
    fn from(Error(reason): Error) -> Self {
        Self::Misconfigured(reason)
    }
}

/// Returns a runtime for the HTTP server of a process that does its work elsewhere: one thread.
///
/// # Errors
/// When the thread cannot be started.
pub fn runtime() -> Result<Runtime, Error> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).max_blocking_threads(BLOCKING_THREADS_MAX);
    let built = builder.thread_name("http").enable_all().build();
    built.map_err(|error| Error(format!("cannot start: {error}")))
}

/// Listens on `address`. `[::]` means every address, IPv6 and IPv4, and only IPv4 if the system has
/// no IPv6.
///
/// # Errors
/// When the address cannot be used.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let listening = bind(address).or_else(|error| {
        let is_any = address.ip() == Ipv6Addr::UNSPECIFIED;
        let is_lacking = matches!(
            error.raw_os_error().map(Errno::from_raw_os_error),
            Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
        );
        match is_any && is_lacking {
            true => bind((Ipv4Addr::UNSPECIFIED, address.port()).into()),
            false => Err(error),
        }
    });
    listening.map_err(|error| Error(format!("cannot listen on {address}: {}", refused(&error))))
}

/// Returns why it is impossible to listen on an address, and what to use instead.
fn refused(error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "give this process another port by --http, such as 127.0.0.1:8081; a second worker on \
             one machine needs its own"
        }
        io::ErrorKind::PermissionDenied => "write a port from 1024 on into --http",
        _ => "write an address of this machine into --http, such as 127.0.0.1:8080",
    };
    format!("{}: {remedy}", sentence(error))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if address.is_ipv6() {
        // Some systems have the opposite default.
        SockRef::from(&socket).set_only_v6(false)?;
    }
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Returns a probe's answer: what is wrong, if anything is.
pub fn probe(trouble: Option<String>) -> Response {
    match trouble {
        None => (StatusCode::OK, "ok\n".to_owned()).into_response(),
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, trouble + "\n").into_response(),
    }
}

/// Returns the route that Prometheus scrapes.
pub fn metrics(registry: Registry) -> Router {
    let turns = Arc::new(Turns::new(SCRAPES_MAX, SCRAPES_WAITING_MAX));
    let answer = move || {
        let (registry, turns) = (registry.clone(), Arc::clone(&turns));
        async move {
            // Rendering reads files.
            match turns.run(move |_| registry.render()).await {
                Ok(Ok(text)) => ([("content-type", Registry::CONTENT_TYPE)], text).into_response(),
                Ok(Err(error)) => failed(&error),
                Err(NoTurn::Busy) => {
                    (StatusCode::SERVICE_UNAVAILABLE, NoTurn::Busy.to_string()).into_response()
                }
                Err(error) => failed(&error),
            }
        }
    };
    Router::new().route("/metrics", get(answer))
}

fn failed(error: &dyn Display) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
}

/// Returns a future that ends at SIGTERM or SIGINT.
///
/// # Errors
/// When the process may not handle signals.
pub fn stop_signal() -> Result<impl Future<Output = ()>, Error> {
    let failed = |error| Error(format!("cannot handle signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
