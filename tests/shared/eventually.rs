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
    eventually_or(what, patience, || probe().ok_or_else(String::new))
}

/// Calls `probe` until it succeeds, and returns its value.
///
/// # Panics
/// As [`eventually`], with the last reason for which it did not succeed.
#[track_caller]
pub fn eventually_or<T>(
    what: &str,
    patience: Duration,
    mut probe: impl FnMut() -> Result<T, String>,
) -> T {
    let until = Instant::now() + patience;
    loop {
        let why = match probe() {
            Ok(answer) => return answer,
            Err(why) => why,
        };
        let separator = if why.is_empty() { "" } else { ": " };
        assert!(
            Instant::now() < until,
            "not within {} s: {what}{separator}{why}",
            patience.as_secs()
        );
        thread::sleep(PAUSE);
    }
}
