//! What the operator answers to a worker that is told to stop.

use serde::{Deserialize, Serialize};

/// Whether the worker is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartAnswer {
    pub wanted: bool,
}
