//! The factory: makes every product of every order after a random delay, exactly once.
//!
//! A product may be finished long before those of earlier orders, so a committed offset alone
//! cannot say what was made. Therefore one transaction holds the events of some products *and* the
//! partition's [`Progress`]: the offset of the first unfinished order, and in the commit's metadata
//! one bit for each product from there on, set if it was made. The process that takes the partition
//! over, even after kill -9, reads the unfinished orders again and makes the products whose bit is
//! not set. No other state is kept anywhere, and the orders in progress are bounded by what fits
//! into the metadata.
//!
//! ```text
//!  orders    … │ a: ■ ■ │ b: ■ □ │ c: □ ■ │ d: ■ │      ■ made   □ in work
//!                         ▲ committed offset, metadata "made:91" (bits 1 0 0 1 1, four a digit,
//!                         lowest first)
//! ```

mod membership;
mod progress;
mod session;
mod workbench;

pub use progress::Progress;
pub use workbench::{Event, Workbench};

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use tracing::warn;

use super::connection::Cluster;
use super::stop::Stop;
use super::{Error, Result};

const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// After a session that lasted this long, the next failure begins with a short pause again.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);

/// Options of the factory.
#[derive(Debug, Clone)]
pub struct Options {
    /// Consumer group, from which the transactional ids are derived.
    pub group: String,
    /// Distinguishes processes of one group; must stay the same across restarts.
    pub instance_id: String,
    /// How long a product takes.
    pub delay: RangeInclusive<Duration>,
}

/// Makes products until asked to stop. Transient failures are retried from the committed progress,
/// with growing pauses.
///
/// # Errors
/// When a topic is missing, or something else has to be fixed first.
pub fn run(cluster: &Cluster, options: &Options, stop: &Stop) -> Result<()> {
    let mut backoff = Duration::from_millis(500);
    loop {
        let started = Instant::now();
        let reason = match session::run(cluster, options, stop) {
            Err(Error::Interrupted(reason)) => reason,
            Err(Error::Stopped) => return Ok(()),
            result => return result,
        };
        if started.elapsed() > HEALTHY_AFTER {
            backoff = Duration::from_millis(500);
        }
        warn!("{reason}; starting over in {} s", backoff.as_secs_f32());
        stop.sleep_until(Instant::now() + backoff);
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}
