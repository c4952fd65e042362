//! A message's headers, which librdkafka parses only on demand.

use std::{ffi::CStr, fmt, ptr, slice};

use rdkafka::bindings as sys;

use rollcall_core::record::Headers;

/// The headers of a message.
#[repr(transparent)]
pub struct MessageHeaders(sys::rd_kafka_message_t);

impl MessageHeaders {
    pub(super) fn of(message: &sys::rd_kafka_message_t) -> &Self {
        // SAFETY: the wrapper has the layout of what it wraps.
        unsafe { &*ptr::from_ref(message).cast::<Self>() }
    }
}

impl Headers for MessageHeaders {
    fn each(&self, show: &mut dyn FnMut(&str, Option<&[u8]>)) {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is live. The call keeps what it has parsed in the message, which is
        // on one thread: it holds pointers, so it is not `Sync`.
        let code = unsafe { sys::rd_kafka_message_headers(&raw const self.0, &raw mut headers) };
        if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            // There are no headers, or they cannot be read.
            return;
        }
        for index in 0.. {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers are live as long as the message; the pointers are to locals.
            let code = unsafe {
                sys::rd_kafka_header_get_all(
                    headers,
                    index,
                    &raw mut name,
                    &raw mut value,
                    &raw mut size,
                )
            };
            if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return;
            }
            // SAFETY: a name ends with a NUL, a value that is not null has this size, and both
            // live as long as the message.
            let (name, value) = unsafe {
                let value =
                    (!value.is_null()).then(|| slice::from_raw_parts(value.cast::<u8>(), size));
                (CStr::from_ptr(name), value)
            };
            // Names are UTF-8 by Kafka's protocol.
            match name.to_str() {
                Ok(name) => show(name, value),
                Err(_) => show(&name.to_string_lossy(), value),
            }
        }
    }
}

impl fmt::Debug for MessageHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Their content must not be logged.
        f.debug_struct("MessageHeaders").finish_non_exhaustive()
    }
}
