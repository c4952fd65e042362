//! The order example: a shop that sends orders and a factory that makes their products, so that a
//! reconciliation of `orders` and `manufactured` has something to complete.
//!
//! Promise: the wire formats and the partitioning are those of the original Java services, so both
//! can be mixed; the factory is exactly-once. Ban: nothing of the reconciler is used here except
//! its object file and the way it logs in, because these services represent somebody else's; only
//! who watches it reads dead letters as it does.

#![forbid(unsafe_code)]

pub mod connection;
mod error;
pub mod event;
pub mod factory;
mod quiet;
pub mod shop;
pub mod stop;
pub mod watch;

pub use error::{Error, Result};
