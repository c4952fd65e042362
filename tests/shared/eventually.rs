//! Waits for a condition to become true. No test sleeps and hopes that it is true by then.

use std::thread;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(50);

/// Calls `probe` until it returns a value, and returns that.
///
/// # Panics
/// When there is none after `patience`: much longer than it ever takes, so that only a hang ends
/// here.
#[track_caller]
pub fn eventually<T>(what: &str, patience: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + patience;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < until, "not within {} s: {what}", patience.as_secs());
        thread::sleep(PAUSE);
    }
}
