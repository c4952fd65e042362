//! The group's metadata, and assignments whose failures are reported.

use rdkafka::{
    TopicPartitionList, bindings as sys,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
};

use super::Failure;

/// Proof of a consumer group's generation.
#[derive(Debug)]
pub struct GroupMetadata(*mut sys::rd_kafka_consumer_group_metadata_t);

// SAFETY: the object is a plain value which librdkafka only reads once it is made.
unsafe impl Send for GroupMetadata {}
// SAFETY: as above.
unsafe impl Sync for GroupMetadata {}

impl GroupMetadata {
    /// Returns the member's current metadata; `None` while it is not part of the group.
    pub fn of<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<Self> {
        // SAFETY: the consumer outlives the call, and the result is ours to destroy.
        let metadata =
            unsafe { sys::rd_kafka_consumer_group_metadata(consumer.client().native_ptr()) };
        (!metadata.is_null()).then_some(Self(metadata))
    }

    /// Returns the generation; brokers accept commits of generation -1, so it must not be used.
    pub fn generation(&self) -> i32 {
        // SAFETY: the pointer is live until drop.
        unsafe { sys::rd_kafka_consumer_group_metadata_generation_id(self.0) }
    }

    /// Returns whether the group counts this process as a member. After its session has ended, as
    /// far as the client can tell, it has lost its name in the group; while joining it has no
    /// generation yet.
    pub fn is_member(&self) -> bool {
        // SAFETY: the pointer is live until drop, and the name lives as long.
        let is_named = unsafe {
            let name = sys::rd_kafka_consumer_group_metadata_member_id(self.0);
            !name.is_null() && *name != 0
        };
        is_named && self.generation() > 0
    }

    pub(super) fn as_ptr(&self) -> *const sys::rd_kafka_consumer_group_metadata_t {
        self.0
    }
}

impl Drop for GroupMetadata {
    fn drop(&mut self) {
        // SAFETY: made by librdkafka, destroyed once.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0) }
    }
}

/// Returns whether the group has already assigned our partitions to others.
pub fn assignment_lost<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> bool {
    // SAFETY: the consumer outlives the call.
    unsafe { sys::rd_kafka_assignment_lost(consumer.client().native_ptr()) != 0 }
}

/// Adds partitions to a cooperative assignment, without fetching from them.
///
/// # Errors
/// When librdkafka fails; the Rust client's own callback ignores that.
pub fn incremental_assign_paused<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &TopicPartitionList,
) -> Result<(), Failure> {
    let client = consumer.client().native_ptr();
    // SAFETY: consumer and list outlive the calls; the list is copied.
    unsafe {
        Failure::check(sys::rd_kafka_incremental_assign(client, partitions.ptr()))?;
        Failure::of_code(sys::rd_kafka_pause_partitions(client, partitions.ptr()))
    }
}

/// Gives up partitions of a cooperative assignment.
///
/// # Errors
/// When librdkafka fails.
pub fn incremental_unassign<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &TopicPartitionList,
) -> Result<(), Failure> {
    let client = consumer.client().native_ptr();
    // SAFETY: consumer and list outlive the call; the list is copied.
    unsafe { Failure::check(sys::rd_kafka_incremental_unassign(client, partitions.ptr())) }
}
