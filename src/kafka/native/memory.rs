//! Bytes as librdkafka takes them.

use std::ptr;

use rdkafka::bindings as sys;

/// Returns a message for a batch; an empty value becomes a tombstone.
pub(super) fn message(key: &[u8], value: &[u8]) -> sys::rd_kafka_message_t {
    let value = memory((!value.is_empty()).then_some(value));
    sys::rd_kafka_message_t {
        err: sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
        rkt: ptr::null_mut(),
        partition: 0,
        payload: value.ptr,
        len: value.size,
        key: key.as_ptr().cast_mut().cast(),
        key_len: key.len(),
        offset: 0,
        _private: ptr::null_mut(),
    }
}

/// Returns where bytes are, and how many.
pub(super) fn memory(bytes: Option<&[u8]>) -> sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
    sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
        ptr: bytes.map_or(ptr::null_mut(), |bytes| bytes.as_ptr().cast_mut().cast()),
        size: bytes.map_or(0, <[u8]>::len),
    }
}
