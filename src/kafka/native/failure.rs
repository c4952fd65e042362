//! librdkafka's errors, with the flags that say how to continue.

use std::{ffi::CStr, fmt};

use rdkafka::{bindings as sys, error::RDKafkaErrorCode};

/// A failed librdkafka call, with its flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: RDKafkaErrorCode,
    pub text: String,
    /// The client instance cannot be used any more.
    pub fatal: bool,
    /// The same call may be repeated.
    pub retriable: bool,
    /// The transaction must be aborted.
    pub aborts: bool,
    /// The topic whose record was rejected, if any.
    pub topic: Option<String>,
    /// The partition of the rejected record, if it is known.
    pub partition: Option<i32>,
    /// The record's number, as given when it was sent.
    pub record: Option<usize>,
}

impl Failure {
    /// Wraps a code, which also supplies the text.
    pub fn of(code: RDKafkaErrorCode) -> Self {
        Self {
            code,
            text: code.to_string(),
            fatal: code == RDKafkaErrorCode::Fatal,
            retriable: false,
            aborts: false,
            topic: None,
            partition: None,
            record: None,
        }
    }

    /// Returns whether the record was dropped because of another failure, which has the cause.
    pub fn is_secondary(&self) -> bool {
        matches!(
            self.code,
            RDKafkaErrorCode::PurgeQueue
                | RDKafkaErrorCode::PurgeInflight
                | RDKafkaErrorCode::InvalidDifferentRecord
                | RDKafkaErrorCode::Inconsistent
        )
    }

    /// Takes over an error object; `Ok` for a null pointer, which means success.
    pub(super) fn check(error: *mut sys::rd_kafka_error_t) -> Result<(), Self> {
        if error.is_null() {
            return Ok(());
        }
        // SAFETY: the pointer is a live error object that the call has handed over to us, and it
        // is destroyed once, after its last use.
        unsafe {
            let failure = Self {
                code: sys::rd_kafka_error_code(error).into(),
                text: CStr::from_ptr(sys::rd_kafka_error_string(error))
                    .to_string_lossy()
                    .into_owned(),
                fatal: sys::rd_kafka_error_is_fatal(error) != 0,
                retriable: sys::rd_kafka_error_is_retriable(error) != 0,
                aborts: sys::rd_kafka_error_txn_requires_abort(error) != 0,
                topic: None,
                partition: None,
                record: None,
            };
            sys::rd_kafka_error_destroy(error);
            Err(failure)
        }
    }

    /// Wraps a plain response code.
    pub(super) fn of_code(code: sys::rd_kafka_resp_err_t) -> Result<(), Self> {
        if code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Ok(());
        }
        Err(Self::of(code.into()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.text, self.code)
    }
}
