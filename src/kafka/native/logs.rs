//! Redirects librdkafka's log lines to the log of the process.
//!
//! Promise: no client writes to standard error by itself, whichever queue its lines end up in.

use std::ffi::{CStr, c_char};

use rdkafka::bindings as sys;

use super::{Handle, Native};

/// Redirects what the client logs outside of its own context to the log of the process.
///
/// The Rust client has lines queued and passes them on wherever it serves the queue itself. Where
/// it does not, as in a batch read or while a client closes, librdkafka writes them to standard
/// error, unless it has another logger.
pub fn lead_logs(client: &impl Native) {
    let Handle(client) = client.handle();
    // SAFETY: the client is live, and the callback uses nothing of it.
    unsafe { sys::rd_kafka_set_logger(client, Some(on_log)) };
}

/// Logs one line.
pub(super) unsafe extern "C" fn on_log(
    _: *const sys::rd_kafka_t,
    level: i32,
    facility: *const c_char,
    line: *const c_char,
) {
    let text = |start: *const c_char| {
        if start.is_null() {
            return std::borrow::Cow::Borrowed("");
        }
        // SAFETY: librdkafka passes strings that live as long as the call.
        unsafe { CStr::from_ptr(start) }.to_string_lossy()
    };
    let (facility, line) = (text(facility), text(line));
    // Errors also come back from the calls, with their shard, or through the context.
    match level {
        0..=2 => tracing::error!(%facility, "{}", line.trim()),
        _ => tracing::debug!(%facility, "{}", line.trim()),
    }
}
