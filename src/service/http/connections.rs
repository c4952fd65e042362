//! Connections: how many there may be, for how long, and which one is closed to make room.
//!
//! Promise: a client that keeps a connection open without a request, sends a request byte by byte,
//! or does not read an answer costs little and blocks no other client, least of all a probe.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{AbortHandle, JoinHandle, JoinSet},
};

use super::{
    answer::{Content, Room, refusal},
    hosts::Hosts,
    stream::{Patience, Stream},
};
use crate::log::Limiter;

/// Paths of probes: always answered, whatever the load and the host name.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/startupz"];
/// Scrapes are few, and matter most under load.
const METRICS: &str = "/metrics";
/// The fraction of all descriptors; the rest is for brokers and stores.
const DESCRIPTORS_PART: u64 = 8;
const CONNECTIONS_MIN: u64 = 32;
const CONNECTIONS_MAX: u64 = 256;
/// The assumed limit if the system does not report one.
const DESCRIPTORS: u64 = 1024;
/// Bytes of a request's head: a key of 64 KiB, escaped.
const HEAD_BYTES_MAX: usize = 256 << 10;

/// Limits of a server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time. Some are reserved for probes and scrapes: other requests are answered
    /// on three quarters of them.
    pub connections: usize,
    /// How long a connection may stay open without a complete request.
    pub request: Duration,
    /// How long computing an answer may take.
    pub work: Duration,
    /// How long reading an answer may take.
    pub reading: Patience,
}

/// Returns how many connections a process with this many descriptors accepts.
pub fn connections_within(descriptors: u64) -> u64 {
    (descriptors / DESCRIPTORS_PART).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX)
}

impl Default for Limits {
    fn default() -> Self {
        let limits = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let descriptors = limits.current.unwrap_or(DESCRIPTORS);
        let connections = connections_within(descriptors);
        Self {
            connections: usize::try_from(connections).unwrap_or(usize::MAX),
            request: Duration::from_secs(15),
            work: Duration::from_secs(30),
            reading: Patience { stalled: Duration::from_secs(10), whole: Duration::from_secs(60) },
        }
    }
}

/// The client's network address: a request's extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer(pub IpAddr);

/// Serves until the handle is aborted; only requests for one of `hosts` are answered.
pub fn serve(listener: TcpListener, router: Router, hosts: Hosts) -> JoinHandle<()> {
    serve_within(Limits::default(), listener, router, hosts)
}

/// Serves within `limits`, as [`serve`] does.
pub fn serve_within(
    limits: Limits,
    listener: TcpListener,
    router: Router,
    hosts: Hosts,
) -> JoinHandle<()> {
    let server = Arc::new(Server {
        router: TowerToHyperService::new(router),
        hosts,
        limits,
        at_work: Arc::new(Semaphore::new(limits.connections.div_ceil(4) * 3)),
        room: Room::default(),
        connections: Mutex::default(),
    });
    tokio::spawn(server.accept(listener))
}

struct Server {
    router: TowerToHyperService<Router>,
    hosts: Hosts,
    limits: Limits,
    at_work: Arc<Semaphore>,
    room: Room,
    connections: Mutex<BTreeMap<u64, Connection>>,
}

struct Connection {
    task: AbortHandle,
    /// Since when it waits for a request; `None` while one is answered.
    waits_since: Option<Instant>,
}

impl Server {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        // The connections' tasks end with this task.
        let mut tasks = JoinSet::new();
        let mut refused = Limiter::default();
        for id in 0.. {
            let (stream, peer) = loop {
                tokio::select! {
                    Some(_) = tasks.join_next() => {}
                    accepted = listener.accept() => match accepted {
                        Ok(accepted) => break accepted,
                        Err(error) => self.not_accepted(&error, &mut refused).await,
                    },
                }
            };
            if self.lock().len() >= self.limits.connections && !self.evict() {
                if let Some(withheld) = refused.admit(Instant::now()) {
                    tracing::warn!(%peer, withheld, "no connection is free for another request");
                }
                continue;
            }
            // Under the lock, so that it is listed before it can end.
            let mut connections = self.lock();
            let task = tasks.spawn(Arc::clone(&self).converse(id, stream, peer));
            connections.insert(id, Connection { task, waits_since: Some(Instant::now()) });
        }
    }

    async fn not_accepted(&self, error: &io::Error, refused: &mut Limiter) {
        // A client that has already hung up is no problem.
        if error.kind() == io::ErrorKind::ConnectionAborted {
            return;
        }
        if let Some(withheld) = refused.admit(Instant::now()) {
            tracing::warn!(%error, withheld, "a connection cannot be accepted");
        }
        self.evict();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    /// Closes the connection that has waited for a request longest; false if all are busy.
    fn evict(&self) -> bool {
        let mut connections = self.lock();
        let waiting = connections.iter().filter_map(|(id, it)| Some((it.waits_since?, *id)));
        let Some((_, longest)) = waiting.min() else { return false };
        connections.remove(&longest).is_some_and(|connection| {
            connection.task.abort();
            true
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Connection>> {
        self.connections.lock().expect("nothing panics under this lock")
    }

    async fn converse(self: Arc<Self>, id: u64, stream: TcpStream, peer: SocketAddr) {
        let _listed = Listed { server: Arc::clone(&self), id };
        // Otherwise an answer in several pieces would wait for the client's acknowledgements.
        let _ = stream.set_nodelay(true);
        let stream = TokioIo::new(Stream::new(stream, self.limits.reading));
        let answer = service_fn(|request: Request<Incoming>| {
            let at_work = AtWork::begin(&self, id);
            let server = Arc::clone(&self);
            async move { Ok::<_, Infallible>(server.answer(at_work, peer.ip(), request).await) }
        });
        let conversation = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.request)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(stream, answer);
        if let Err(error) = conversation.await {
            tracing::debug!(%peer, %error, "a connection has ended early");
        }
    }

    async fn answer(
        &self,
        mut at_work: AtWork,
        peer: IpAddr,
        mut request: Request<Incoming>,
    ) -> Response<Content<AtWork>> {
        let path = request.uri().path();
        let is_probe = PROBES.contains(&path);
        let free = is_probe || path == METRICS;
        let turn = Arc::clone(&self.at_work).try_acquire_owned().ok();
        let named = self.hosts.refuses(request.uri(), request.headers());
        let answer = match named {
            Some(name) if !is_probe => misnamed(&name),
            _ if turn.is_none() && !free => {
                let detail = "too many requests are being answered already: ask again";
                refusal(StatusCode::SERVICE_UNAVAILABLE, "Busy", detail)
            }
            _ => {
                request.extensions_mut().insert(Peer(peer.to_canonical()));
                at_work.turn = turn.filter(|_| !free);
                self.work(request).await
            }
        };
        self.room.bounded(answer, at_work).await
    }

    async fn work(&self, request: Request<Incoming>) -> Response<Body> {
        let answer = tokio::time::timeout(self.limits.work, self.router.call(request)).await;
        match answer {
            Ok(Ok(answer)) => answer,
            Err(_) => {
                let detail = format!("there is no answer within {:?}: ask again", self.limits.work);
                refusal(StatusCode::SERVICE_UNAVAILABLE, "Busy", &detail)
            }
        }
    }
}

fn misnamed(name: &str) -> Response<Body> {
    let name: String = name.chars().take(255).collect();
    let detail = format!(
        "nobody here is called {name:?}: ask by an address, by localhost, or by a name that this \
         process was started with: --allowed-host NAME"
    );
    refusal(StatusCode::MISDIRECTED_REQUEST, "UnknownHost", &detail)
}

/// A connection's entry in the list.
struct Listed {
    server: Arc<Server>,
    id: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.server.lock().remove(&self.id);
    }
}

/// Marks a connection as busy until its answer has been read.
struct AtWork {
    server: Arc<Server>,
    id: u64,
    turn: Option<OwnedSemaphorePermit>,
}

impl AtWork {
    fn begin(server: &Arc<Server>, id: u64) -> Self {
        let at_work = Self { server: Arc::clone(server), id, turn: None };
        at_work.note(None);
        at_work
    }

    fn note(&self, waits_since: Option<Instant>) {
        if let Some(connection) = self.server.lock().get_mut(&self.id) {
            connection.waits_since = waits_since;
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.note(Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests;
