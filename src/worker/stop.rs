//! How a worker ends when told to: with its shards given up, as long as brokers answer.
//!
//! Promise: a worker whose brokers do not answer ends within three seconds, whatever its threads
//! wait for. Everything that may block is on threads that are left behind then: exactly-once does
//! not rest on a goodbye, since the next owner of a shard fences the last one first.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock},
    thread,
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::timeout};

use super::shutdown::{Departure, ShutdownPolicy};
use rollcall_core::shard::Result;
use rollcall_kafka::KafkaBroker;

/// Brokers that have not answered a small question for so long are taken to be gone.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How soon they are asked again, for as long as the shards are not given up.
const ASK_PAUSE: Duration = Duration::from_millis(300);
/// Giving shards up takes no longer, even by slow brokers: each step is bounded, and together they
/// take less. Shorter than the time that Kubernetes gives.
const GIVE_UP_MAX: Duration = Duration::from_secs(25);

/// Tells a worker's threads when to end, and how.
#[derive(Default)]
pub struct Stop {
    departure: Mutex<Option<Departure>>,
    told: Condvar,
    /// Whom to ask whether brokers answer, once there are shards to give up.
    broker: OnceLock<KafkaBroker>,
}

impl Stop {
    /// Tells to end.
    fn tell(&self, departure: Departure) {
        self.lock().get_or_insert(departure);
        self.told.notify_all();
    }

    /// Returns how to part from the group, once it is to be.
    pub fn departure(&self) -> Option<Departure> {
        *self.lock()
    }

    /// Waits for that long, or until it is time to end, and returns how then.
    pub fn wait(&self, pause: Duration) -> Option<Departure> {
        let waited = self.told.wait_timeout_while(self.lock(), pause, |told| told.is_none());
        *waited.expect("nothing panics under this lock").0
    }

    /// Notes that there will be shards to give up, and whom to ask whether brokers answer.
    pub fn started(&self, broker: KafkaBroker) {
        let _ = self.broker.set(broker);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Departure>> {
        self.departure.lock().expect("nothing panics under this lock")
    }
}

/// Has a worker end that is told to, and returns what it ends with; `None` if that was not to be
/// waited for. It is asked `how` meanwhile.
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

/// Tells whether a broker answers now. Asked on a thread that is left behind if it does not return.
async fn answers(broker: &KafkaBroker) -> bool {
    let (reply, answer) = oneshot::channel();
    let broker = broker.clone();
    let ask = move || {
        let _ = reply.send(broker.answers(ANSWER_MAX));
    };
    if thread::Builder::new().name("farewell".to_owned()).spawn(ask).is_err() {
        // Nobody knows, so the shards are given up as if it did.
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
