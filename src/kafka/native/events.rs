//! A consumer's events other than records.

use std::{borrow::Cow, ffi::CStr, ptr};

use rdkafka::{
    ClientContext, bindings as sys,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
};

/// The errors, logs and statistics of a consumer whose records are read in batches.
///
/// The Rust client sends them to the queue of records, where only its own poll passes them on to
/// the context: a batch read drops errors and statistics, and prints logs. Here they get a separate
/// queue again. Must be dropped before the consumer.
#[derive(Debug)]
pub struct Events {
    main: *mut sys::rd_kafka_queue_t,
    records: *mut sys::rd_kafka_queue_t,
}

// SAFETY: librdkafka's queues may be served from any thread.
unsafe impl Send for Events {}

impl Events {
    /// Separates the events of `consumer` from its records.
    pub fn of<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Self {
        // SAFETY: the consumer is live, and so is the queue until it is destroyed in `drop`.
        unsafe {
            let client = consumer.client().native_ptr();
            let main = sys::rd_kafka_queue_get_main(client);
            let records = sys::rd_kafka_queue_get_consumer(client);
            sys::rd_kafka_queue_forward(main, ptr::null_mut());
            Self { main, records }
        }
    }

    /// Passes pending events on to `context`, without waiting.
    pub fn serve(&self, context: &impl ClientContext) {
        loop {
            // SAFETY: the queue is live.
            let event = unsafe { sys::rd_kafka_queue_poll(self.main, 0) };
            if event.is_null() {
                return;
            }
            // SAFETY: the event is live until it is destroyed, and nothing of it is kept.
            unsafe {
                pass_on(event, context);
                sys::rd_kafka_event_destroy(event);
            }
        }
    }
}

/// # Safety
/// The event is live.
unsafe fn pass_on(event: *mut sys::rd_kafka_event_t, context: &impl ClientContext) {
    // SAFETY: each call is one for events of the type that this one has, and the strings live as
    // long as the event.
    unsafe {
        match sys::rd_kafka_event_type(event) {
            sys::RD_KAFKA_EVENT_STATS => {
                context.stats_raw(CStr::from_ptr(sys::rd_kafka_event_stats(event)).to_bytes());
            }
            sys::RD_KAFKA_EVENT_ERROR => {
                let code = sys::rd_kafka_event_error(event);
                let reason = text(sys::rd_kafka_event_error_string(event));
                context.error(KafkaError::Global(code.into()), &reason);
            }
            sys::RD_KAFKA_EVENT_LOG => {
                let (mut facility, mut message, mut level) = (ptr::null(), ptr::null(), 0);
                let told = sys::rd_kafka_event_log(
                    event,
                    &raw mut facility,
                    &raw mut message,
                    &raw mut level,
                );
                if told == 0 {
                    let (facility, message) = (text(facility), text(message));
                    context.log(log_level(level), facility.trim(), message.trim());
                }
            }
            _ => {}
        }
    }
}

/// # Safety
/// The pointer is null or leads to a string that lives as long as the answer is used.
unsafe fn text<'a>(start: *const std::ffi::c_char) -> Cow<'a, str> {
    if start.is_null() {
        return Cow::Borrowed("");
    }
    // SAFETY: as the caller has promised.
    unsafe { CStr::from_ptr(start) }.to_string_lossy()
}

/// Converts librdkafka's syslog level.
fn log_level(level: i32) -> RDKafkaLogLevel {
    match level {
        0 => RDKafkaLogLevel::Emerg,
        1 => RDKafkaLogLevel::Alert,
        2 => RDKafkaLogLevel::Critical,
        3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 => RDKafkaLogLevel::Notice,
        6 => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // SAFETY: obtained in `of`, destroyed once. The Rust client serves one queue while it
        // closes the consumer, so the two are joined again.
        unsafe {
            sys::rd_kafka_queue_forward(self.main, self.records);
            sys::rd_kafka_queue_destroy(self.records);
            sys::rd_kafka_queue_destroy(self.main);
        }
    }
}
