//! The operator's answer to a worker that is being stopped.

use serde::{Deserialize, Serialize};

/// Whether the worker will be started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartAnswer {
    pub wanted: bool,
}
