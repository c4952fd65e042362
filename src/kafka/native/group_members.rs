//! The current members of a consumer group.

use std::{
    ffi::{CStr, CString, c_char},
    fmt, ptr,
    time::Duration,
};

use rdkafka::{
    bindings as sys,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
};

use super::Failure;

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The instance id of a static member, else the client id.
    pub name: String,
    pub client_id: String,
    /// The address as seen by the broker.
    pub host: String,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.name, self.host.trim_start_matches('/'))
    }
}

/// Returns the members of the group; none if there is no such group, or it is a KIP-848 group,
/// whose members librdkafka cannot list yet: see [`group_is_live`].
///
/// # Errors
/// What the group's coordinator refuses, or no answer in time.
pub fn group_members<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    group: &str,
    timeout: Duration,
) -> Result<Vec<Member>, Failure> {
    let group = CString::new(group).expect("validated group names hold no NUL");
    let mut groups = [group.as_ptr()];
    // SAFETY: the names outlive the call, which copies them; the event's parts are copied while it
    // is live.
    unsafe {
        let answer = Answer::of(consumer, timeout, |client, queue| {
            let names = groups.as_mut_ptr();
            sys::rd_kafka_DescribeConsumerGroups(client, names, 1, ptr::null(), queue);
        })?;
        read_members(answer.0)
    }
}

/// Returns whether a group of this name has members, whatever its protocol.
///
/// # Errors
/// What a broker refuses, or no answer in time.
pub fn group_is_live<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    group: &str,
    timeout: Duration,
) -> Result<bool, Failure> {
    use sys::rd_kafka_consumer_group_state_t as State;
    // SAFETY: the event's parts are read while it is live.
    unsafe {
        let answer = Answer::of(consumer, timeout, |client, queue| {
            sys::rd_kafka_ListConsumerGroups(client, ptr::null(), queue);
        })?;
        let result = sys::rd_kafka_event_ListConsumerGroups_result(answer.0);
        if result.is_null() {
            Failure::of_code(sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__BAD_MSG)?;
        }
        let mut count = 0;
        let errors = sys::rd_kafka_ListConsumerGroups_result_errors(result, &raw mut count);
        if count > 0 {
            Failure::of_code(sys::rd_kafka_error_code(*errors))?;
        }
        let groups = sys::rd_kafka_ListConsumerGroups_result_valid(result, &raw mut count);
        let listed = (0..count)
            .map(|index| *groups.add(index))
            .find(|listing| text(sys::rd_kafka_ConsumerGroupListing_group_id(*listing)) == group);
        Ok(listed.is_some_and(|listing| {
            !matches!(
                sys::rd_kafka_ConsumerGroupListing_state(listing),
                State::RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY
                    | State::RD_KAFKA_CONSUMER_GROUP_STATE_DEAD
            )
        }))
    }
}

/// The resulting event of an admin call, live until it is dropped.
struct Answer(*mut sys::rd_kafka_event_t);

impl Answer {
    /// Makes an admin call and waits for its event.
    ///
    /// # Safety
    /// `call` passes nothing on that does not outlive it.
    unsafe fn of<C: ConsumerContext>(
        consumer: &BaseConsumer<C>,
        timeout: Duration,
        call: impl FnOnce(*mut sys::rd_kafka_t, *mut sys::rd_kafka_queue_t),
    ) -> Result<Self, Failure> {
        let client = consumer.client().native_ptr();
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the client is live; the queue is destroyed here, the event when it is dropped.
        unsafe {
            let queue = sys::rd_kafka_queue_new(client);
            call(client, queue);
            let event = sys::rd_kafka_queue_poll(queue, timeout_ms);
            sys::rd_kafka_queue_destroy(queue);
            if event.is_null() {
                Failure::of_code(sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__TIMED_OUT)?;
            }
            let answer = Self(event);
            Failure::of_code(sys::rd_kafka_event_error(event))?;
            Ok(answer)
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: it was handed over to us and is destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0) }
    }
}

/// # Safety
/// `event` is live.
unsafe fn read_members(event: *mut sys::rd_kafka_event_t) -> Result<Vec<Member>, Failure> {
    // SAFETY: the caller keeps the event alive; everything read belongs to it.
    unsafe {
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(event);
        if result.is_null() {
            Failure::of_code(sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__BAD_MSG)?;
        }
        let mut count = 0;
        let groups = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
        let mut members = Vec::new();
        for index in 0..count {
            let group = *groups.add(index);
            let error = sys::rd_kafka_ConsumerGroupDescription_error(group);
            if !error.is_null() {
                match sys::rd_kafka_error_code(error) {
                    sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND => continue,
                    code => Failure::of_code(code)?,
                }
            }
            for index in 0..sys::rd_kafka_ConsumerGroupDescription_member_count(group) {
                let member = sys::rd_kafka_ConsumerGroupDescription_member(group, index);
                let instance = sys::rd_kafka_MemberDescription_group_instance_id(member);
                let client = sys::rd_kafka_MemberDescription_client_id(member);
                let name = if instance.is_null() { client } else { instance };
                let host = text(sys::rd_kafka_MemberDescription_host(member));
                members.push(Member { name: text(name), client_id: text(client), host });
            }
        }
        Ok(members)
    }
}

/// # Safety
/// `text` is null or a live C string.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
