//! What librdkafka calls back for a producer: delivery reports, reports about brokers, sockets.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicI64, AtomicPtr, AtomicU64, Ordering},
    },
    time::Duration,
};

use rdkafka::{bindings as sys, error::RDKafkaErrorCode};

use super::{Failure, Sockets, logs};
use crate::brokers::Meter;

const NO_ERROR: sys::rd_kafka_resp_err_t = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

/// Delivery reports since the transaction began, and reports about the brokers.
#[derive(Debug)]
pub(super) struct Deliveries {
    /// Highest offset delivered to each partition of the watched topic, -1 if none.
    watched_offsets: Vec<AtomicI64>,
    watched_topic: AtomicPtr<sys::rd_kafka_topic_t>,
    /// The record that was rejected; among several, the first with an actual cause.
    refused: Mutex<Option<Failure>>,
    /// The longest time that a broker has throttled the client, in milliseconds.
    throttled_ms: AtomicU64,
    meter: Meter,
    pub sockets: Arc<Sockets>,
}

impl Deliveries {
    /// `partitions` is the number of those of the watched topic.
    pub fn new(meter: Meter, partitions: usize, sockets: &Arc<Sockets>) -> Self {
        Self {
            watched_offsets: (0..partitions).map(|_| AtomicI64::new(-1)).collect(),
            watched_topic: AtomicPtr::new(ptr::null_mut()),
            refused: Mutex::default(),
            throttled_ms: AtomicU64::new(0),
            meter,
            sockets: Arc::clone(sockets),
        }
    }

    /// Routes the callbacks of the client with this configuration to `self`, which must outlive the
    /// client.
    ///
    /// # Safety
    /// The configuration is live.
    pub unsafe fn listen(&self, conf: *mut sys::rd_kafka_conf_t) {
        // SAFETY: as the caller has promised; each callback takes the opaque for what it is.
        unsafe {
            sys::rd_kafka_conf_set_opaque(conf, (&raw const *self).cast_mut().cast());
            sys::rd_kafka_conf_set_dr_msg_cb(conf, Some(on_delivery));
            sys::rd_kafka_conf_set_stats_cb(conf, Some(on_statistics));
            sys::rd_kafka_conf_set_throttle_cb(conf, Some(on_throttle));
            sys::rd_kafka_conf_set_log_cb(conf, Some(logs::on_log));
            sys::rd_kafka_conf_set_socket_cb(conf, Some(on_socket));
            sys::rd_kafka_conf_set_closesocket_cb(conf, Some(on_close));
        }
    }

    pub fn watch(&self, topic: *mut sys::rd_kafka_topic_t) {
        self.watched_topic.store(topic, Ordering::Relaxed);
    }

    /// Resets the state of the last transaction.
    pub fn begin(&self) {
        for offset in &self.watched_offsets {
            offset.store(-1, Ordering::Relaxed);
        }
        *self.refused() = None;
    }

    /// # Errors
    /// The record that was rejected.
    pub fn outcome(&self) -> Result<(), Failure> {
        self.refused().clone().map_or(Ok(()), Err)
    }

    /// Returns the highest offset delivered to a partition of the watched topic.
    pub fn delivered(&self, partition: i32) -> Option<i64> {
        let offset = self.watched(partition)?.load(Ordering::Relaxed);
        (offset >= 0).then_some(offset)
    }

    fn watched(&self, partition: i32) -> Option<&AtomicI64> {
        self.watched_offsets.get(usize::try_from(partition).ok()?)
    }

    /// Returns the longest time that brokers have throttled the client since the last call.
    pub fn take_throttled(&self) -> Duration {
        Duration::from_millis(self.throttled_ms.swap(0, Ordering::Relaxed))
    }

    fn refused(&self) -> MutexGuard<'_, Option<Failure>> {
        self.refused.lock().expect("nothing panics under this lock")
    }

    /// # Safety
    /// The message is live, as its topic is.
    unsafe fn refuse(&self, message: &sys::rd_kafka_message_t) {
        let mut refused = self.refused();
        if refused.as_ref().is_some_and(|refused| !refused.is_secondary()) {
            return;
        }
        let code = RDKafkaErrorCode::from(message.err);
        // SAFETY: as the caller has promised; the texts are copied.
        let (topic, words) = unsafe {
            let topic = CStr::from_ptr(sys::rd_kafka_topic_name(message.rkt));
            let words = sys::rd_kafka_message_produce_errstr(message);
            let words = (!words.is_null()).then(|| CStr::from_ptr(words).to_string_lossy());
            (topic.to_string_lossy().into_owned(), words.map(std::borrow::Cow::into_owned))
        };
        let failure = Failure {
            text: words.unwrap_or_else(|| code.to_string()),
            aborts: true,
            topic: Some(topic),
            partition: Some(message.partition),
            record: (message._private as usize).checked_sub(1),
            ..Failure::of(code)
        };
        if refused.is_none() || !failure.is_secondary() {
            *refused = Some(failure);
        }
    }
}

/// Returns the opaque value that a record has from its sending to its report.
pub(super) fn tag(record: Option<usize>) -> *mut c_void {
    ptr::without_provenance_mut(record.map_or(0, |record| record + 1))
}

unsafe extern "C" fn on_delivery(
    _: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka passes a live message and the opaque of the client, which is a
    // `Deliveries` that outlives it.
    let (message, deliveries) = unsafe { (&*message, &*opaque.cast::<Deliveries>()) };
    if message.err != NO_ERROR {
        // SAFETY: as above.
        unsafe { deliveries.refuse(message) };
    } else if message.rkt == deliveries.watched_topic.load(Ordering::Relaxed)
        && let Some(watched) = deliveries.watched(message.partition)
    {
        watched.fetch_max(message.offset, Ordering::Relaxed);
    }
}

unsafe extern "C" fn on_throttle(
    _: *mut sys::rd_kafka_t,
    _: *const c_char,
    _: i32,
    throttle_ms: c_int,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka passes the opaque of the client, which is a `Deliveries` that outlives it.
    let deliveries = unsafe { &*opaque.cast::<Deliveries>() };
    let throttle_ms = u64::try_from(throttle_ms).unwrap_or(0);
    deliveries.throttled_ms.fetch_max(throttle_ms, Ordering::Relaxed);
}

unsafe extern "C" fn on_statistics(
    _: *mut sys::rd_kafka_t,
    json: *mut c_char,
    length: usize,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: librdkafka passes this many bytes, and the opaque of the client, which is a
    // `Deliveries` that outlives it.
    let (json, deliveries) = unsafe {
        (std::slice::from_raw_parts(json.cast::<u8>(), length), &*opaque.cast::<Deliveries>())
    };
    deliveries.meter.note(json);
    // librdkafka keeps ownership of the bytes.
    0
}

unsafe extern "C" fn on_socket(
    domain: c_int,
    kind: c_int,
    protocol: c_int,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: librdkafka passes the opaque of the client, which is a `Deliveries` that outlives it.
    let deliveries = unsafe { &*opaque.cast::<Deliveries>() };
    deliveries.sockets.open(domain, kind, protocol)
}

unsafe extern "C" fn on_close(socket: c_int, opaque: *mut c_void) -> c_int {
    // SAFETY: librdkafka passes the opaque of the client, which is a `Deliveries` that outlives it.
    let deliveries = unsafe { &*opaque.cast::<Deliveries>() };
    deliveries.sockets.close(socket)
}
