//! Which incarnation of a topic is there: a recreated topic has another id.

use std::{ffi::CStr, ffi::CString, ptr, time::Duration};

use rdkafka::{
    bindings as sys,
    client::ClientContext,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
};

use super::Failure;

/// Returns the ids of the topics, in their order.
///
/// # Errors
/// A topic that is not there or may not be described, or no answer in time.
pub fn topic_ids<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    names: &[&str],
    timeout: Duration,
) -> Result<Vec<String>, Failure> {
    let client = consumer.client().native_ptr();
    let names: Vec<_> = names
        .iter()
        .map(|name| CString::new(*name).expect("validated topic names hold no NUL"))
        .collect();
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: everything made here is destroyed at the end, in this function; the result's parts
    // are copied before its event is destroyed.
    unsafe {
        let topics =
            sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let queue = sys::rd_kafka_queue_new(client);
        sys::rd_kafka_DescribeTopics(client, topics, ptr::null(), queue);
        let event = sys::rd_kafka_queue_poll(queue, timeout_ms);
        let ids = read_ids(event);
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_queue_destroy(queue);
        sys::rd_kafka_TopicCollection_destroy(topics);
        ids
    }
}

/// # Safety
/// `event` is null or live.
unsafe fn read_ids(event: *mut sys::rd_kafka_event_t) -> Result<Vec<String>, Failure> {
    // SAFETY: the caller keeps the event alive; everything read belongs to it.
    unsafe {
        if event.is_null() {
            Failure::of_code(sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__TIMED_OUT)?;
        }
        Failure::of_code(sys::rd_kafka_event_error(event))?;
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            Failure::of_code(sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__BAD_MSG)?;
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        let mut ids = Vec::with_capacity(count);
        for index in 0..count {
            let topic = *topics.add(index);
            if topic.is_null() {
                Failure::of_code(sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__BAD_MSG)?;
            }
            let error = sys::rd_kafka_TopicDescription_error(topic);
            if let Err(failure) = Failure::of_code(sys::rd_kafka_error_code(error)) {
                let name = CStr::from_ptr(sys::rd_kafka_TopicDescription_name(topic));
                let text = format!("topic {}: {}", name.to_string_lossy(), failure.text);
                return Err(Failure { text, ..failure });
            }
            let id = sys::rd_kafka_Uuid_base64str(sys::rd_kafka_TopicDescription_topic_id(topic));
            ids.push(CStr::from_ptr(id).to_string_lossy().into_owned());
        }
        Ok(ids)
    }
}

/// Returns the cluster's id, `None` when no broker answers in time.
pub fn cluster_id<C: ConsumerContext + ClientContext>(
    consumer: &BaseConsumer<C>,
    timeout: Duration,
) -> Option<String> {
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let client = consumer.client().native_ptr();
    // SAFETY: the string is ours; it is copied and freed once, by librdkafka's own allocator.
    unsafe {
        let id = sys::rd_kafka_clusterid(client, timeout_ms);
        if id.is_null() {
            return None;
        }
        let text = CStr::from_ptr(id).to_string_lossy().into_owned();
        sys::rd_kafka_mem_free(client, id.cast());
        Some(text)
    }
}
