//! A proxy in front of the shared broker. It sees which requests of a transaction go by, in which
//! order, and holds one up at an exact point.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::Reconciliation;

/// A request of a transaction, or to join a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    Produce,
    Join,
    AddPartitions,
    AddOffsets,
    SendOffsets,
    End,
}

impl Api {
    fn with_key(key: i16) -> Option<Self> {
        Some(match key {
            0 => Self::Produce,
            11 => Self::Join,
            24 => Self::AddPartitions,
            25 => Self::AddOffsets,
            26 => Self::End,
            28 => Self::SendOffsets,
            _ => return None,
        })
    }
}

/// What goes by: a request on its way to the broker, or the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Request(Api),
    Response(Api),
    /// The response with which the coordinator of the group refuses offsets.
    OffsetsRefused,
}

/// Returns the reconciliation with workers that reach the shared broker through the proxy only.
pub fn through(shop: Reconciliation) -> Reconciliation {
    let address = PROXY.address.to_string();
    shop.with("kafka/bootstrapServers", address)
}

/// Watches the worker with this instance id, which no other test has; it must have one lane.
pub fn watch(instance: &str) -> Arc<Requests> {
    let watched = Arc::default();
    lock(&PROXY.watched).push((format!("rollcall-{instance}-"), Arc::clone(&watched)));
    watched
}

/// The requests of a worker.
#[derive(Default)]
pub struct Requests {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    passed: Vec<Moment>,
    /// What to hold up next.
    trap: Option<Moment>,
    is_held: bool,
    /// The partition whose records do not arrive.
    withheld: Option<(String, i32)>,
}

impl Requests {
    /// Returns what has gone by so far, in order.
    pub fn passed(&self) -> Vec<Moment> {
        lock(&self.state).passed.clone()
    }

    /// Returns how often this has gone by so far.
    pub fn count(&self, moment: Moment) -> usize {
        lock(&self.state).passed.iter().filter(|passed| **passed == moment).count()
    }

    /// Holds up the next one of these, with everything that follows in the same direction of the
    /// same connection, until it is released.
    pub fn hold(self: &Arc<Self>, moment: Moment) -> Hold {
        lock(&self.state).trap = Some(moment);
        Hold(Arc::clone(self))
    }

    /// Lets no records for this partition through, as if its leader did not answer, until
    /// [`Self::let_through`] is called.
    pub fn withhold(&self, topic: &str, partition: i32) {
        lock(&self.state).withheld = Some((topic.to_owned(), partition));
    }

    pub fn let_through(&self) {
        lock(&self.state).withheld = None;
    }

    fn withholds(&self, frame: &[u8]) -> bool {
        let state = lock(&self.state);
        let withheld = state.withheld.as_ref();
        withheld.is_some_and(|(topic, partition)| is_for(frame, topic, *partition))
    }

    fn pass(&self, moment: Moment) {
        let mut state = lock(&self.state);
        state.passed.push(moment);
        if state.trap == Some(moment) {
            state.trap = None;
            state.is_held = true;
        } else {
            return;
        }
        let until_released = self.changed.wait_while(state, |state| state.is_held);
        drop(until_released.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Something is held up as long as this exists.
pub struct Hold(Arc<Requests>);

impl Hold {
    /// Waits until it has come by.
    pub fn wait(&self) {
        eventually("a request comes by", WAIT_TIMEOUT, || {
            lock(&self.0.state).is_held.then_some(())
        });
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.trap = None;
        state.is_held = false;
        self.0.changed.notify_all();
    }
}

/// Returns where the proxy of a listener listens.
pub fn address(listener: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, listener + 1))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

static PROXY: LazyLock<Proxy> =
    LazyLock::new(|| Proxy::start(Broker::shared().behind_proxy_port()));

struct Proxy {
    address: SocketAddr,
    /// By what the ids of their clients begin with.
    watched: Mutex<Vec<(String, Arc<Requests>)>>,
}

impl Proxy {
    fn start(listener_port: u16) -> Self {
        let address = address(listener_port);
        let listener = TcpListener::bind(address).expect("the port is free");
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // The broker may be over already, as at the end of the tests.
                let broker = TcpStream::connect((Ipv4Addr::LOCALHOST, listener_port));
                let Ok(broker) = broker else { continue };
                let connection = Arc::new(Connection { client, broker, sent: Mutex::default() });
                let other = Arc::clone(&connection);
                thread::spawn(move || other.requests());
                thread::spawn(move || connection.responses());
            }
        });
        Self { address, watched: Mutex::default() }
    }

    fn find(&self, client: &str) -> Option<Arc<Requests>> {
        let watched = lock(&self.watched);
        let found = watched.iter().find(|(start, _)| client.starts_with(start));
        found.map(|(_, requests)| Arc::clone(requests))
    }
}

struct Connection {
    client: TcpStream,
    broker: TcpStream,
    /// The requests without a response, by their number.
    sent: Mutex<HashMap<i32, (Arc<Requests>, Api)>>,
}

impl Connection {
    fn requests(&self) {
        let admits = |frame: &[u8]| {
            let Some(request) = Request::parse(frame) else { return true };
            let Some(watched) = PROXY.find(request.client) else { return true };
            if request.api == Api::Produce && watched.withholds(frame) {
                return false;
            }
            lock(&self.sent).insert(request.number, (Arc::clone(&watched), request.api));
            watched.pass(Moment::Request(request.api));
            true
        };
        self.forward(&self.client, &self.broker, admits);
    }

    fn responses(&self) {
        let admits = |frame: &[u8]| {
            let number = frame.first_chunk().copied().map(i32::from_be_bytes);
            let sent = number.and_then(|number| lock(&self.sent).remove(&number));
            if let Some((watched, api)) = sent {
                let refused = api == Api::SendOffsets && refuses(frame).unwrap_or(true);
                let moment = if refused { Moment::OffsetsRefused } else { Moment::Response(api) };
                watched.pass(moment);
            }
            true
        };
        self.forward(&self.broker, &self.client, admits);
    }

    fn forward(&self, mut from: &TcpStream, mut to: &TcpStream, admits: impl Fn(&[u8]) -> bool) {
        let mut next = || {
            let mut length = [0; 4];
            from.read_exact(&mut length).ok()?;
            let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).ok()?];
            from.read_exact(&mut frame).ok()?;
            if !admits(&frame) {
                return Some(());
            }
            to.write_all(&[&length[..], &frame].concat()).ok()
        };
        while next().is_some() {}
        // Whoever is still connected has to notice.
        for end in [&self.client, &self.broker] {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

/// The header of a request.
struct Request<'a> {
    api: Api,
    number: i32,
    client: &'a str,
}

impl<'a> Request<'a> {
    fn parse(frame: &'a [u8]) -> Option<Self> {
        let (key, rest) = frame.split_first_chunk()?;
        let (_version, rest) = rest.split_first_chunk::<2>()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let client = rest.get(..usize::try_from(i16::from_be_bytes(*length)).ok()?)?;
        Some(Self {
            api: Api::with_key(i16::from_be_bytes(*key))?,
            number: i32::from_be_bytes(*number),
            client: std::str::from_utf8(client).ok()?,
        })
    }
}

/// Returns whether a request has records for a partition. The client sends one partition per
/// request; a number of partitions stands between the topic and the partition.
fn is_for(frame: &[u8], topic: &str, partition: i32) -> bool {
    let name = topic.as_bytes();
    let Some(at) = frame.windows(name.len()).position(|found| found == name) else { return false };
    let after = &frame[at + name.len()..];
    let one: &[u8] = if after.first() == Some(&0) { &[0, 0, 0, 1] } else { &[2] };
    after.strip_prefix(one).is_some_and(|rest| rest.starts_with(&partition.to_be_bytes()))
}

/// Returns whether the response to offsets, in any version from 3 on, has an error for any of them.
fn refuses(frame: &[u8]) -> Option<bool> {
    // The number of the request, fields that nobody sends, and how long the client is throttled.
    let mut rest = frame.get(4 + 1 + 4..)?;
    let topics = take_length(&mut rest)?;
    for _ in 0..topics {
        let name = take_length(&mut rest)?;
        rest = rest.get(name..)?;
        for _ in 0..take_length(&mut rest)? {
            let error = rest.get(4..6)?;
            if error != [0, 0] {
                return Some(true);
            }
            rest = rest.get(7..)?;
        }
        rest = rest.get(1..)?;
    }
    Some(false)
}

/// Takes the length of a text or an array, which is sent in groups of seven bits, increased by one.
fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let (mut length, mut shift) = (0, 0);
    loop {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            return length.checked_sub(1);
        }
    }
}
