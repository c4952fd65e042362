//! librdkafka's errors with the flags that say how to go on.

use std::{ffi::CStr, fmt};

use rdkafka::{bindings as sys, error::RDKafkaErrorCode};

/// A failed librdkafka call, with what it says about going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: RDKafkaErrorCode,
    pub text: String,
    /// The client instance is of no more use.
    pub fatal: bool,
    /// The same call may be made again.
    pub retriable: bool,
    /// The transaction has to be aborted.
    pub aborts: bool,
    /// The topic whose record was refused, where one was.
    pub topic: Option<String>,
    /// Which record that was: the number that it was sent with.
    pub record: Option<usize>,
}

impl Failure {
    /// Wraps a code, which is the text as well.
    pub fn of(code: RDKafkaErrorCode) -> Self {
        Self {
            code,
            text: code.to_string(),
            fatal: code == RDKafkaErrorCode::Fatal,
            retriable: false,
            aborts: false,
            topic: None,
            record: None,
        }
    }

    /// Returns whether the record was dropped because of another failure, which says why.
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
