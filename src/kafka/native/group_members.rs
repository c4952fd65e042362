//! Who is in a consumer group now.

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
    /// The address that the broker sees.
    pub host: String,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.name, self.host.trim_start_matches('/'))
    }
}

/// Returns the members of the group; none when there is no such group.
///
/// # Errors
/// What the group's coordinator refuses, or no answer in time.
pub fn group_members<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    group: &str,
    timeout: Duration,
) -> Result<Vec<Member>, Failure> {
    let client = consumer.client().native_ptr();
    let group = CString::new(group).expect("validated group names hold no NUL");
    let mut groups = [group.as_ptr()];
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the names outlive the call, which copies them; everything made here is destroyed at
    // the end, in this function; the result's parts are copied before its event is destroyed.
    unsafe {
        let queue = sys::rd_kafka_queue_new(client);
        sys::rd_kafka_DescribeConsumerGroups(
            client,
            groups.as_mut_ptr(),
            groups.len(),
            ptr::null(),
            queue,
        );
        let event = sys::rd_kafka_queue_poll(queue, timeout_ms);
        let members = read_members(event);
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_queue_destroy(queue);
        members
    }
}

/// # Safety
/// `event` is null or live.
unsafe fn read_members(event: *mut sys::rd_kafka_event_t) -> Result<Vec<Member>, Failure> {
    // SAFETY: the caller keeps the event alive; everything read belongs to it.
    unsafe {
        if event.is_null() {
            Failure::of_code(sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__TIMED_OUT)?;
        }
        Failure::of_code(sys::rd_kafka_event_error(event))?;
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
                members.push(Member { name: text(name), host });
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
