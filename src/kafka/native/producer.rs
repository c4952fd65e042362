//! A transactional producer that takes a whole batch in one call.

use std::{
    ffi::{CStr, CString, c_int},
    ptr,
    sync::Arc,
    time::Duration,
};

use rdkafka::{ClientConfig, TopicPartitionList, bindings as sys, error::RDKafkaErrorCode};
use smallvec::SmallVec;

use super::{
    Failure, GroupMetadata, Handle, Native, Sockets,
    deliveries::{Deliveries, tag},
    memory::{memory, message},
    millis,
};
use crate::brokers::Meter;

const NO_ERROR: sys::rd_kafka_resp_err_t = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
/// Messages passed to librdkafka in one call.
const BATCH_MESSAGES: usize = 4096;

/// A transactional producer.
pub struct NativeProducer {
    client: *mut sys::rd_kafka_t,
    topics: Vec<*mut sys::rd_kafka_topic_t>,
    deliveries: Box<Deliveries>,
    batch: Vec<sys::rd_kafka_message_t>,
}

// SAFETY: librdkafka's handles may be used from any thread; `&mut self` keeps calls apart.
unsafe impl Send for NativeProducer {}

/// A topic of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicHandle(usize);

/// A record to send, without its headers.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Identifies the record if it is rejected, see [`Failure::record`].
    pub number: usize,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub timestamp_ms: i64,
}

impl NativeProducer {
    /// Creates the client; nothing is sent yet. Its measurements go to `meter`, its sockets to
    /// `sockets`. The topic to watch has `watched` partitions.
    ///
    /// # Errors
    /// When librdkafka rejects the settings.
    pub fn create(
        config: &ClientConfig,
        meter: Meter,
        sockets: &Arc<Sockets>,
        watched: usize,
    ) -> Result<Self, String> {
        let native = config.create_native_config().map_err(|error| error.to_string())?;
        let deliveries = Box::new(Deliveries::new(meter, watched, sockets));
        let mut reason = [0; 512];
        // SAFETY: the duplicate is consumed by a successful `rd_kafka_new`, else destroyed by us;
        // the deliveries outlive the client, which `drop` destroys first.
        let client = unsafe {
            let conf = sys::rd_kafka_conf_dup(native.ptr());
            deliveries.listen(conf);
            let kind = sys::rd_kafka_type_t::RD_KAFKA_PRODUCER;
            let client = sys::rd_kafka_new(kind, conf, reason.as_mut_ptr(), reason.len());
            if client.is_null() {
                sys::rd_kafka_conf_destroy(conf);
                return Err(CStr::from_ptr(reason.as_ptr()).to_string_lossy().into_owned());
            }
            client
        };
        Ok(Self { client, topics: Vec::new(), deliveries, batch: Vec::new() })
    }

    /// Returns a handle of the topic for this producer.
    pub fn topic(&mut self, name: &str) -> TopicHandle {
        let name = CString::new(name).expect("validated topic names hold no NUL");
        // SAFETY: the client is live; the handle is destroyed in `drop`.
        let topic = unsafe { sys::rd_kafka_topic_new(self.client, name.as_ptr(), ptr::null_mut()) };
        self.topics.push(topic);
        TopicHandle(self.topics.len() - 1)
    }

    /// Watches the offsets of records delivered to `topic`.
    pub fn watch(&mut self, topic: TopicHandle) {
        self.deliveries.watch(self.topics[topic.0]);
    }

    /// Waits until a broker is connected and has answered.
    ///
    /// # Errors
    /// When none does in time.
    pub fn meet_broker(&mut self, timeout: Duration) -> Result<(), Failure> {
        let mut metadata = ptr::null();
        // SAFETY: the client is live; no topic is named and none is asked for.
        let code = unsafe {
            sys::rd_kafka_metadata(
                self.client,
                0,
                ptr::null_mut(),
                &raw mut metadata,
                millis(timeout),
            )
        };
        if !metadata.is_null() {
            // SAFETY: it was made by the call above and is not used elsewhere.
            unsafe { sys::rd_kafka_metadata_destroy(metadata) };
        }
        Failure::of_code(code)
    }

    /// Fences older producers of the same transactional id and settles their transaction.
    ///
    /// # Errors
    /// Those of librdkafka.
    pub fn init_transactions(&mut self, timeout: Duration) -> Result<(), Failure> {
        // SAFETY: the client is live.
        unsafe { Failure::check(sys::rd_kafka_init_transactions(self.client, millis(timeout))) }
    }

    /// # Errors
    /// Those of librdkafka.
    pub fn begin(&mut self) -> Result<(), Failure> {
        self.deliveries.begin();
        // SAFETY: the client is live.
        unsafe { Failure::check(sys::rd_kafka_begin_transaction(self.client)) }
    }

    /// Queues all records; an empty value becomes a tombstone.
    ///
    /// # Errors
    /// The first record that librdkafka rejects for any reason except a full queue, for which it
    /// waits.
    pub fn produce_batch<'a>(
        &mut self,
        topic: TopicHandle,
        partition: i32,
        records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<(), Failure> {
        let mut records = records.peekable();
        while records.peek().is_some() {
            let next = records.by_ref().take(BATCH_MESSAGES);
            let mut batch = std::mem::take(&mut self.batch);
            batch.clear();
            batch.extend(next.map(|(key, value)| message(key, value)));
            let sent = self.send_batch(topic, partition, &mut batch);
            batch.clear();
            self.batch = batch;
            sent?;
        }
        Ok(())
    }

    fn send_batch(
        &mut self,
        topic: TopicHandle,
        partition: i32,
        batch: &mut Vec<sys::rd_kafka_message_t>,
    ) -> Result<(), Failure> {
        let flags = sys::RD_KAFKA_MSG_F_COPY as c_int;
        while !batch.is_empty() {
            let count = c_int::try_from(batch.len()).expect("batches are small");
            // SAFETY: keys and values outlive the call, which copies them.
            let sent = unsafe {
                sys::rd_kafka_produce_batch(
                    self.topics[topic.0],
                    partition,
                    flags,
                    batch.as_mut_ptr(),
                    count,
                )
            };
            if sent == count {
                break;
            }
            batch.retain(|message| message.err != NO_ERROR);
            for message in batch.iter_mut() {
                if message.err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__QUEUE_FULL {
                    let topic = Some(self.name(topic));
                    let partition = Some(partition);
                    return Failure::of_code(message.err).map_err(|failure| Failure {
                        topic,
                        partition,
                        ..failure
                    });
                }
                message.err = NO_ERROR;
            }
            self.serve(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Queues one record with timestamp and headers; if it is rejected, its number is in
    /// [`Failure::record`].
    ///
    /// # Errors
    /// Those of librdkafka, except for a full queue, for which it waits.
    pub fn produce<'a>(
        &mut self,
        topic: TopicHandle,
        partition: Option<i32>,
        record: Outgoing<'a>,
        headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) -> Result<(), Failure> {
        let Outgoing { number, key, value, timestamp_ms } = record;
        let headers: SmallVec<[_; 2]> = headers
            .map(|(name, value)| (CString::new(name).expect("header names hold no NUL"), value))
            .collect();
        let mut fields = Vec::with_capacity(7 + headers.len());
        // SAFETY: the topic lives as long as the producer.
        let mut add = |vtype, u| fields.push(sys::rd_kafka_vu_s { vtype, u });
        use sys::rd_kafka_vtype_t as vtype;
        use sys::rd_kafka_vu_s__bindgen_ty_1 as value_of;
        add(vtype::RD_KAFKA_VTYPE_RKT, value_of { rkt: self.topics[topic.0] });
        add(vtype::RD_KAFKA_VTYPE_PARTITION, value_of { i32_: partition.unwrap_or(-1) });
        add(vtype::RD_KAFKA_VTYPE_MSGFLAGS, value_of { i: sys::RD_KAFKA_MSG_F_COPY as c_int });
        add(vtype::RD_KAFKA_VTYPE_TIMESTAMP, value_of { i64_: timestamp_ms });
        add(vtype::RD_KAFKA_VTYPE_OPAQUE, value_of { ptr: tag(Some(number)) });
        add(vtype::RD_KAFKA_VTYPE_KEY, value_of { mem: memory(key) });
        add(vtype::RD_KAFKA_VTYPE_VALUE, value_of { mem: memory(value) });
        for (name, value) in &headers {
            let value = memory(*value);
            let header = sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_2 {
                name: name.as_ptr(),
                val: value.ptr,
                size: isize::try_from(value.size).expect("headers are short"),
            };
            add(vtype::RD_KAFKA_VTYPE_HEADER, value_of { header });
        }
        loop {
            // SAFETY: every field points to memory that outlives the call, which copies it.
            let sent = unsafe {
                Failure::check(sys::rd_kafka_produceva(self.client, fields.as_ptr(), fields.len()))
            };
            match sent {
                Err(failure) if failure.code == RDKafkaErrorCode::QueueFull => {
                    self.serve(Duration::from_millis(1));
                }
                sent => {
                    return sent.map_err(|failure| Failure {
                        topic: Some(self.name(topic)),
                        record: Some(number),
                        ..failure
                    });
                }
            }
        }
    }

    /// Returns a topic's name.
    pub fn name(&self, topic: TopicHandle) -> String {
        // SAFETY: the topic lives as long as the producer, and has a name; it is copied.
        let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(self.topics[topic.0])) };
        name.to_string_lossy().into_owned()
    }

    /// Asks a broker whether a topic exists.
    ///
    /// # Errors
    /// [`RDKafkaErrorCode::UnknownTopicOrPartition`] when it does not; when no broker answers in
    /// time.
    pub fn find_topic(&mut self, name: &str, timeout: Duration) -> Result<(), Failure> {
        let topic = self.topic(name);
        let mut metadata = ptr::null();
        // SAFETY: client and topic are live.
        let code = unsafe {
            sys::rd_kafka_metadata(
                self.client,
                0,
                self.topics[topic.0],
                &raw mut metadata,
                millis(timeout),
            )
        };
        Failure::of_code(code)?;
        // SAFETY: a successful call has made it, with the number of its topics; it is
        // destroyed once, after its last use.
        let code = unsafe {
            let topics = &*metadata;
            let code = (topics.topic_cnt > 0).then(|| (*topics.topics).err);
            sys::rd_kafka_metadata_destroy(metadata);
            code
        };
        Failure::of_code(code.unwrap_or(NO_ERROR))
    }

    /// Handles the client's reports, waiting up to `wait` for one.
    pub fn serve(&self, wait: Duration) {
        // SAFETY: the client is live; delivery reports touch only the deliveries.
        unsafe { sys::rd_kafka_poll(self.client, millis(wait)) };
    }

    /// Waits for the queued records.
    ///
    /// # Errors
    /// A timeout, or the first failed delivery that has an actual cause.
    pub fn flush(&mut self, timeout: Duration) -> Result<(), Failure> {
        // SAFETY: the client is live.
        let flushed = unsafe { sys::rd_kafka_flush(self.client, millis(timeout)) };
        // A rejected record explains why others are still pending.
        self.deliveries.outcome().and_then(|()| Failure::of_code(flushed))
    }

    /// Returns the highest offset that the transaction has in a partition of the watched topic.
    pub fn delivered(&self, partition: i32) -> Option<i64> {
        self.deliveries.delivered(partition)
    }

    /// Returns the longest time that a quota has throttled the client since the last call.
    pub fn take_throttled(&self) -> Duration {
        self.deliveries.take_throttled()
    }

    /// Adds the consumer's offsets to the transaction.
    ///
    /// # Errors
    /// Those of librdkafka.
    pub fn send_offsets(
        &mut self,
        offsets: &TopicPartitionList,
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Result<(), Failure> {
        // SAFETY: client, list and metadata are live; the call copies what it keeps.
        self.deliveries.sockets.watch(|| unsafe {
            Failure::check(sys::rd_kafka_send_offsets_to_transaction(
                self.client,
                offsets.ptr(),
                group.as_ptr(),
                millis(timeout),
            ))
        })
    }

    /// # Errors
    /// Those of librdkafka.
    pub fn commit(&mut self, timeout: Duration) -> Result<(), Failure> {
        // SAFETY: the client is live.
        unsafe { Failure::check(sys::rd_kafka_commit_transaction(self.client, millis(timeout))) }
    }

    /// # Errors
    /// Those of librdkafka.
    pub fn abort(&mut self, timeout: Duration) -> Result<(), Failure> {
        // SAFETY: the client is live.
        unsafe { Failure::check(sys::rd_kafka_abort_transaction(self.client, millis(timeout))) }
    }

    /// Returns the error that made the client unusable, if any.
    pub fn fatal_error(&self) -> Option<Failure> {
        let mut text = [0; 512];
        // SAFETY: the client is live and the buffer has the length passed to the call.
        let (code, text) = unsafe {
            let code = sys::rd_kafka_fatal_error(self.client, text.as_mut_ptr(), text.len());
            (code, CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned())
        };
        let failure = Failure::of_code(code).err()?;
        Some(Failure { text, fatal: true, ..failure })
    }
}

impl Native for NativeProducer {
    fn handle(&self) -> Handle {
        Handle(self.client)
    }
}

impl Drop for NativeProducer {
    fn drop(&mut self) {
        // SAFETY: topics and client were made by us and are destroyed once, the client last.
        unsafe {
            for topic in &self.topics {
                sys::rd_kafka_topic_destroy(*topic);
            }
            sys::rd_kafka_destroy(self.client);
        }
    }
}
