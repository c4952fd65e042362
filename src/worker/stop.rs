//! How a worker ends when told to: it gives up its shards, as long as brokers answer.
//!
//! Promise: a worker whose brokers do not answer ends within three seconds, whatever its threads
//! are waiting for. Everything that may block is on threads that are left behind then: exactly-once
//! processing does not depend on a clean end, since the next owner of a shard fences the last one
//! first.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock},
    thread,
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::timeout};

use super::shutdown::{Departure, ShutdownPolicy};
use rollcall_core::shard::Result;
use rollcall_kafka::KafkaBroker;

/// Brokers that have not answered a small query for this long are considered gone.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// The interval between queries, until the shards are given up.
const ASK_PAUSE: Duration = Duration::from_millis(300);
/// The longest that giving up shards may take, even with slow brokers: each step is bounded, and
/// together they take less. Shorter than the grace period that Kubernetes gives.
const GIVE_UP_MAX: Duration = Duration::from_secs(25);

/// Signals to a worker's threads when to end, and how.
#[derive(Default)]
pub struct Stop {
    departure: Mutex<Option<Departure>>,
    told: Condvar,
    /// Used to check whether brokers answer, once there are shards to give up.
    broker: OnceLock<KafkaBroker>,
}

impl Stop {
    /// Signals the end.
    fn tell(&self, departure: Departure) {
        self.lock().get_or_insert(departure);
        self.told.notify_all();
    }

    /// Returns how to depart from the group, once that is decided.
    pub fn departure(&self) -> Option<Departure> {
        *self.lock()
    }

    /// Waits for `pause`, or until it is time to end, and then returns how.
    pub fn wait(&self, pause: Duration) -> Option<Departure> {
        let waited = self.told.wait_timeout_while(self.lock(), pause, |told| told.is_none());
        *waited.expect("nothing panics under this lock").0
    }

    /// Records that there will be shards to give up, and how to check whether brokers answer.
    pub fn started(&self, broker: KafkaBroker) {
        let _ = self.broker.set(broker);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Departure>> {
        self.departure.lock().expect("nothing panics under this lock")
    }
}

/// Ends a worker that is told to stop, and returns its result; `None` if that was not worth waiting
/// for. `how` is evaluated meanwhile.
pub async fn end(
    stop: &Arc<Stop>,
    how: ShutdownPolicy,
    ended: &mut oneshot::Receiver<Result<()>>,
) -> Option<Result<()>> {
    let start = Instant::now();
    let telling = Arc::clone(stop);
    tokio::spawn(async move {
        let departure = how.decide().await;
        tracing::info!(?departure, "stopping: giving all shards up");
        telling.tell(departure);
    });
    // Before it has started there is nothing to give up.
    let broker = stop.broker.get()?;
    loop {
        tokio::select! {
            result = &mut *ended => return result.ok(),
            answers = answers(broker) => if !answers {
                tracing::warn!(
                    "no broker has answered for {ANSWER_MAX:?}: ending without a goodbye; other \
                     workers take the shards over once this one's session is over"
                );
                return None;
            }
        }
        if start.elapsed() > GIVE_UP_MAX {
            tracing::warn!("the shards were not given up within {GIVE_UP_MAX:?}: ending anyway");
            return None;
        }
        if let Ok(result) = timeout(ASK_PAUSE, &mut *ended).await {
            return result.ok();
        }
    }
}

/// Returns whether a broker answers now. Uses a thread, left behind if the query does not return.
async fn answers(broker: &KafkaBroker) -> bool {
    let (reply, answer) = oneshot::channel();
    let broker = broker.clone();
    let ask = move || {
        let _ = reply.send(broker.answers(ANSWER_MAX));
    };
    if thread::Builder::new().name("farewell".to_owned()).spawn(ask).is_err() {
        // Unknown, so the shards are given up as if a broker had answered.
        return true;
    }
    matches!(timeout(ANSWER_MAX, answer).await, Ok(Ok(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_woken_by_the_stop() {
        let stop = Arc::new(Stop::default());
        assert_eq!(stop.wait(Duration::from_millis(1)), None);
        let waits = Arc::clone(&stop);
        let waiting = thread::spawn(move || waits.wait(Duration::from_secs(600)));
        stop.tell(Departure::Stay);
        stop.tell(Departure::Leave);
        assert_eq!(waiting.join().expect("it does not panic"), Some(Departure::Stay));
        assert_eq!(stop.departure(), Some(Departure::Stay), "what is told first counts");
    }

    #[tokio::test]
    async fn a_worker_that_has_not_started_is_not_waited_for() {
        let stop = Arc::new(Stop::default());
        let (_running, mut ended) = oneshot::channel();
        let start = Instant::now();
        assert!(end(&stop, ShutdownPolicy::Always(Departure::Leave), &mut ended).await.is_none());
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}
