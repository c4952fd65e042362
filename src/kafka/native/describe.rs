//! Descriptions of topics and of the cluster: ids, partitions, replicas.

use std::{ffi::CStr, ffi::CString, ptr, time::Duration};

use rdkafka::{
    bindings as sys,
    client::ClientContext,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
};

use super::{Failure, millis};

/// A topic as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Identifies the incarnation of the topic: a recreated topic has another id.
    pub id: String,
    /// In the order of their numbers.
    pub partitions: Vec<Partition>,
}

/// A partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    pub number: i32,
    /// The number of replicas it should have.
    pub replicas: usize,
    /// It can be read and written now.
    pub has_leader: bool,
}

/// Describes each topic, in order: an error if it does not exist or may not be described.
///
/// # Errors
/// No answer in time.
pub fn describe<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    names: &[&str],
    timeout: Duration,
) -> Result<Vec<Result<Description, Failure>>, Failure> {
    let client = consumer.client().native_ptr();
    let names: Vec<_> = names
        .iter()
        .map(|name| CString::new(*name).expect("validated topic names hold no NUL"))
        .collect();
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: everything made here is destroyed at the end, in this function; the result's parts
    // are copied before its event is destroyed.
    unsafe {
        let topics =
            sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let queue = sys::rd_kafka_queue_new(client);
        sys::rd_kafka_DescribeTopics(client, topics, ptr::null(), queue);
        let event = sys::rd_kafka_queue_poll(queue, millis(timeout));
        let described = read(event);
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_queue_destroy(queue);
        sys::rd_kafka_TopicCollection_destroy(topics);
        described
    }
}

/// Returns the ids of the topics, in their order.
///
/// # Errors
/// A topic that does not exist or may not be described, by its name; no answer in time.
pub fn topic_ids<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    names: &[&str],
    timeout: Duration,
) -> Result<Vec<String>, Failure> {
    let described = describe(consumer, names, timeout)?.into_iter().zip(names);
    let id = |(described, name): (Result<Description, Failure>, &&str)| match described {
        Ok(described) => Ok(described.id),
        Err(failure) => Err(Failure { text: format!("topic {name}: {}", failure.text), ..failure }),
    };
    described.map(id).collect()
}

/// # Safety
/// `event` is null or live.
unsafe fn read(
    event: *mut sys::rd_kafka_event_t,
) -> Result<Vec<Result<Description, Failure>>, Failure> {
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
        (0..count)
            .map(|index| {
                let topic = *topics.add(index);
                if topic.is_null() {
                    // A broker that left a topic out of its response.
                    Failure::of_code(sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__BAD_MSG)?;
                }
                Ok(description(topic))
            })
            .collect()
    }
}

/// # Safety
/// `topic` is live.
unsafe fn description(
    topic: *const sys::rd_kafka_TopicDescription_t,
) -> Result<Description, Failure> {
    // SAFETY: the caller keeps the topic alive; everything read belongs to it and is copied.
    unsafe {
        let error = sys::rd_kafka_TopicDescription_error(topic);
        Failure::of_code(sys::rd_kafka_error_code(error))?;
        let id = sys::rd_kafka_Uuid_base64str(sys::rd_kafka_TopicDescription_topic_id(topic));
        let mut count = 0;
        let all = sys::rd_kafka_TopicDescription_partitions(topic, &raw mut count);
        let mut partitions: Vec<_> = (0..count).map(|index| partition(*all.add(index))).collect();
        partitions.sort_unstable_by_key(|partition| partition.number);
        Ok(Description { id: CStr::from_ptr(id).to_string_lossy().into_owned(), partitions })
    }
}

/// # Safety
/// `info` is live.
unsafe fn partition(info: *const sys::rd_kafka_TopicPartitionInfo_t) -> Partition {
    let mut replicas = 0;
    // SAFETY: the caller keeps the partition alive.
    unsafe {
        sys::rd_kafka_TopicPartitionInfo_replicas(info, &raw mut replicas);
        Partition {
            number: sys::rd_kafka_TopicPartitionInfo_partition(info),
            replicas,
            has_leader: !sys::rd_kafka_TopicPartitionInfo_leader(info).is_null(),
        }
    }
}

/// Returns the cluster's id, `None` when no broker answers in time.
pub fn cluster_id<C: ConsumerContext + ClientContext>(
    consumer: &BaseConsumer<C>,
    timeout: Duration,
) -> Option<String> {
    let client = consumer.client().native_ptr();
    // SAFETY: the string is ours; it is copied and freed once, by librdkafka's own allocator.
    unsafe {
        let id = sys::rd_kafka_clusterid(client, millis(timeout));
        if id.is_null() {
            return None;
        }
        let text = CStr::from_ptr(id).to_string_lossy().into_owned();
        sys::rd_kafka_mem_free(client, id.cast());
        Some(text)
    }
}
