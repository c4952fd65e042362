//! The sockets of a producer's connections, one of which can be closed while a call waits.
//!
//! If the coordinator of a group leaves the cluster between two transactions, librdkafka goes on
//! waiting for a connection to it, until any other connection opens or closes; so the call that
//! sends offsets can take minutes (confluentinc/librdkafka#5511). Here such a call is noticed, and
//! one of the connections is shut down. librdkafka connects again at once, repeats what was in
//! flight, and looks for the new coordinator.

use std::{
    collections::VecDeque,
    ffi::c_int,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// A call that waits for longer than this has a connection shut down, and again after as long.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The open sockets of a client, and whether a call waits.
#[derive(Debug, Default)]
pub struct Sockets(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The next one to shut down stands in front. The one that replaces it comes last: if the only
    /// connection that may ask for a coordinator was shut down, the next one is another.
    open: VecDeque<c_int>,
    /// Since when a call has waited, or when a connection was last shut down for it.
    waiting_since: Option<Instant>,
}

impl Sockets {
    /// Returns the result of `call`, during which [`Self::unblock`] has an effect.
    pub(super) fn watch<T>(&self, call: impl FnOnce() -> T) -> T {
        self.state().waiting_since = Some(Instant::now());
        let result = call();
        self.state().waiting_since = None;
        result
    }

    /// Shuts a connection down if a call has waited for too long. To be called now and then, by
    /// another thread.
    pub fn unblock(&self) {
        self.unblock_at(Instant::now());
    }

    fn unblock_at(&self, now: Instant) -> bool {
        let mut state = self.state();
        let waits = state.waiting_since.map(|since| now.saturating_duration_since(since));
        if waits.is_none_or(|waits| waits < WAIT_MAX) {
            return false;
        }
        state.waiting_since = Some(now);
        // Some may not be connected yet.
        for _ in 0..state.open.len() {
            let socket = state.open[0];
            state.open.rotate_left(1);
            // SAFETY: the socket is open: it is closed only under this lock.
            if unsafe { libc::shutdown(socket, libc::SHUT_RDWR) } == 0 {
                tracing::debug!("sending offsets takes long: a connection is opened again");
                return true;
            }
        }
        false
    }

    /// Opens a socket, as librdkafka itself does; -1 if that fails.
    pub(super) fn open(&self, domain: c_int, kind: c_int, protocol: c_int) -> c_int {
        // SAFETY: it takes nothing but numbers.
        let socket = unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) };
        if socket >= 0 {
            self.state().open.push_back(socket);
        }
        socket
    }

    /// Closes a socket that was opened by [`Self::open`].
    pub(super) fn close(&self, socket: c_int) -> c_int {
        let mut state = self.state();
        state.open.retain(|open| *open != socket);
        // SAFETY: librdkafka closes a socket once, and does not use it afterwards; nor is it used
        // here, under this lock.
        unsafe { libc::close(socket) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{ErrorKind, Read},
        net::{TcpListener, TcpStream},
        os::fd::AsRawFd,
    };

    /// Returns the sockets of two connections, these, and the server, which accepts neither.
    fn connected() -> (Sockets, Vec<TcpStream>, TcpListener) {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = server.local_addr().expect("it is bound");
        let connect = || TcpStream::connect(address).expect("it listens");
        let streams = vec![connect(), connect()];
        let sockets = Sockets::default();
        sockets.state().open.extend(streams.iter().map(AsRawFd::as_raw_fd));
        for stream in &streams {
            stream.set_nonblocking(true).expect("it is a socket");
        }
        (sockets, streams, server)
    }

    fn are_open(streams: &[TcpStream]) -> Vec<bool> {
        let is_open = |mut stream: &TcpStream| {
            stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        };
        streams.iter().map(is_open).collect()
    }

    #[test]
    fn a_call_that_waits_for_long_has_one_connection_after_the_other_shut_down() {
        let (sockets, streams, _server) = connected();
        let begun = Instant::now();
        sockets.watch(|| {
            assert!(!sockets.unblock_at(begun + WAIT_MAX / 2));
            assert_eq!(are_open(&streams), [true, true]);
            let later = Instant::now() + WAIT_MAX;
            assert!(sockets.unblock_at(later));
            assert_eq!(are_open(&streams), [false, true]);
            assert!(!sockets.unblock_at(later + WAIT_MAX / 2));
            assert!(sockets.unblock_at(later + WAIT_MAX));
            assert_eq!(are_open(&streams), [false, false]);
        });
    }

    #[test]
    fn nothing_is_shut_down_while_no_call_waits() {
        let (sockets, streams, _server) = connected();
        sockets.watch(|| ());
        assert!(!sockets.unblock_at(Instant::now() + WAIT_MAX * 10));
        assert_eq!(are_open(&streams), [true, true]);
    }

    #[test]
    fn a_socket_is_known_until_it_is_closed() {
        let sockets = Sockets::default();
        let socket = sockets.open(libc::AF_INET, libc::SOCK_STREAM, 0);
        assert_eq!(sockets.state().open, [socket]);
        // It is not connected, so there is nothing to shut down.
        sockets.watch(|| assert!(!sockets.unblock_at(Instant::now() + WAIT_MAX)));
        assert_eq!(sockets.close(socket), 0);
        assert!(sockets.state().open.is_empty());
    }
}
