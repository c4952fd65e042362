//! Waiting for something to become true. No test sleeps in the hope that it is by then.

use std::thread;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(50);

/// Asks `probe` until it has an answer and returns it.
///
/// # Panics
/// When it has none after `patience`: much longer than it ever takes, so that only a hang ends
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
