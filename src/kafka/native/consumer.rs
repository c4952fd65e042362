//! Reads batches of messages from a consumer's queue in one call.

use std::{ffi::CStr, ptr, slice, time::Duration};

use rdkafka::{
    bindings as sys,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::RDKafkaErrorCode,
};

use super::{MessageHeaders, TokenClient, millis};

/// A consumer's queue. For manually assigned consumers only: on a subscribed one, a batch read
/// returns nothing.
pub struct Queue<C: ConsumerContext + 'static> {
    consumer: TokenClient<BaseConsumer<C>>,
    queue: *mut sys::rd_kafka_queue_t,
    messages: Vec<*mut sys::rd_kafka_message_t>,
    filled: usize,
}

// SAFETY: the queue may be served from any thread, one at a time, which `&mut self` ensures.
unsafe impl<C: ConsumerContext> Send for Queue<C> {}

/// One entry taken from the queue.
#[derive(Debug, Clone, Copy)]
pub enum Fetched<'a> {
    Record {
        /// Distinguishes topics within one batch without comparing names.
        topic: &'a CStr,
        partition: i32,
        offset: i64,
        /// Milliseconds since the epoch as the producer wrote them, valid or not; −1 when the
        /// record has none.
        timestamp_ms: i64,
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
        headers: &'a MessageHeaders,
    },
    /// The partition has been read to its end, which may be past markers that are not records.
    End { topic: &'a CStr, partition: i32, position: i64 },
    /// An error, with one partition or as a whole.
    Failed { partition: Option<i32>, code: RDKafkaErrorCode },
}

impl<C: ConsumerContext> Queue<C> {
    /// Returns the queue of a manually assigned consumer, read in batches of at most `batch`.
    pub fn new(consumer: TokenClient<BaseConsumer<C>>, batch: usize) -> Self {
        // SAFETY: the consumer lives as long as the queue, which is destroyed first.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Self { consumer, queue, messages: vec![ptr::null_mut(); batch], filled: 0 }
    }

    pub fn consumer(&self) -> &BaseConsumer<C> {
        &self.consumer
    }

    /// Replaces the batch with the next one and returns its size. Waits up to `first` for the first
    /// entry, then up to `fill` for the batch to fill, which takes all of that time if there are
    /// fewer.
    pub fn poll(&mut self, first: Duration, fill: Duration) -> usize {
        self.release();
        // SAFETY: the queue is live.
        let message = unsafe { sys::rd_kafka_consume_queue(self.queue, millis(first)) };
        if message.is_null() {
            return 0;
        }
        self.messages[0] = message;
        let rest = &mut self.messages[1..];
        // SAFETY: the buffer has room for the number of pointers passed to the call.
        let got = unsafe {
            sys::rd_kafka_consume_batch_queue(
                self.queue,
                millis(fill),
                rest.as_mut_ptr(),
                rest.len(),
            )
        };
        self.filled = 1 + usize::try_from(got).unwrap_or(0);
        self.filled
    }

    /// Returns the current batch.
    pub fn iter(&self) -> impl Iterator<Item = Fetched<'_>> {
        self.messages[..self.filled].iter().map(|&message| fetched(message))
    }

    /// Returns the partition's high watermark as of the last fetch. A `read_committed` reader gets
    /// no further than the last stable offset, which may be before it.
    pub fn cached_end(&self, topic: &CStr, partition: i32) -> Option<i64> {
        let (mut start, mut end) = (0, 0);
        // SAFETY: the consumer is live and the pointers are to locals.
        let code = unsafe {
            sys::rd_kafka_get_watermark_offsets(
                self.consumer.client().native_ptr(),
                topic.as_ptr(),
                partition,
                &raw mut start,
                &raw mut end,
            )
        };
        (code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && end >= 0).then_some(end)
    }

    fn release(&mut self) {
        for message in &self.messages[..std::mem::take(&mut self.filled)] {
            // SAFETY: the call handed these messages to us; nothing borrowed from them is left,
            // since `iter` borrows the queue.
            unsafe { sys::rd_kafka_message_destroy(*message) }
        }
    }
}

fn fetched<'a>(message: *const sys::rd_kafka_message_t) -> Fetched<'a> {
    // SAFETY: the message is live until `release`, and the lifetime is tied to the queue by
    // `Queue::iter`; key and payload point into it; a live topic has a name.
    unsafe {
        let message = &*message;
        let code = message.err;
        if code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            let bytes = |start: *mut std::ffi::c_void, length: usize| {
                (!start.is_null())
                    .then(|| slice::from_raw_parts(start.cast::<u8>().cast_const(), length))
            };
            let timestamp = sys::rd_kafka_message_timestamp(message, ptr::null_mut());
            return Fetched::Record {
                topic: CStr::from_ptr(sys::rd_kafka_topic_name(message.rkt)),
                partition: message.partition,
                offset: message.offset,
                timestamp_ms: timestamp,
                key: bytes(message.key, message.key_len),
                value: bytes(message.payload, message.len),
                headers: MessageHeaders::of(message),
            };
        }
        if code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF {
            let topic = CStr::from_ptr(sys::rd_kafka_topic_name(message.rkt));
            let (partition, position) = (message.partition, message.offset);
            return Fetched::End { topic, partition, position };
        }
        let partition = (!message.rkt.is_null()).then_some(message.partition);
        Fetched::Failed { partition, code: code.into() }
    }
}

impl<C: ConsumerContext> Drop for Queue<C> {
    fn drop(&mut self) {
        self.release();
        // SAFETY: obtained in `new`, destroyed once, before the consumer.
        unsafe { sys::rd_kafka_queue_destroy(self.queue) }
    }
}
