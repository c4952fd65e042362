//! Blocking work for requests, with bounded concurrency.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Semaphore;

/// Permits for blocking work. A permit is held until the work ends, even if its client has gone:
/// work that nobody waits for still takes a thread and memory.
#[derive(Debug)]
pub struct Turns {
    at_work: Arc<Semaphore>,
    asked: Arc<Semaphore>,
}

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTurn {
    #[error("too many are waiting for the same already: ask again in a few seconds")]
    Busy,
    #[error("{0}")]
    Failed(String),
}

/// Tells work that nobody waits for it any more, so that it can end early.
#[derive(Debug, Clone, Default)]
pub struct Gone(Arc<AtomicBool>);

impl Gone {
    pub fn is_gone(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct SetAtDrop(Gone);

impl Drop for SetAtDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl Turns {
    /// Lets `at_once` tasks run at the same time, and `waiting` more wait for them.
    pub fn new(at_once: usize, waiting: usize) -> Self {
        let asked = Arc::new(Semaphore::new(at_once + waiting));
        Self { at_work: Arc::new(Semaphore::new(at_once)), asked }
    }

    /// Returns what `work` returns, from a thread that may block.
    ///
    /// # Errors
    /// When too many wait already, or the work panics.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Gone) -> T + Send + 'static,
    ) -> Result<T, NoTurn> {
        let asked = Arc::clone(&self.asked).try_acquire_owned().map_err(|_| NoTurn::Busy)?;
        let turn = Arc::clone(&self.at_work).acquire_owned().await.map_err(|_| NoTurn::Busy)?;
        let gone = Gone::default();
        let _gone = SetAtDrop(gone.clone());
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&gone);
            drop((turn, asked));
            done
        });
        done.await.map_err(|error| NoTurn::Failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::AtomicUsize,
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_keeps_its_turn_until_it_ends() {
        let turns = Arc::new(Turns::new(2, 3));
        let (at_work, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let until = Instant::now() + Duration::from_secs(20);
        for _ in 0..50 {
            let (turns, at_work, most) = (turns.clone(), at_work.clone(), most.clone());
            let asked = tokio::spawn(async move {
                let work = move |gone: &Gone| {
                    most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    while !gone.is_gone() && Instant::now() < until {
                        thread::sleep(Duration::from_millis(1));
                    }
                    thread::sleep(Duration::from_millis(20));
                    at_work.fetch_sub(1, Ordering::SeqCst);
                };
                turns.run(work).await
            });
            tokio::time::sleep(Duration::from_millis(2)).await;
            asked.abort();
        }
        assert!(most.load(Ordering::SeqCst) <= 2, "{most:?}");
        assert_eq!(turns.run(|_| 7).await, Ok(7));
        assert!(Instant::now() < until, "work noticed that nobody waited for it");
    }

    #[tokio::test]
    async fn more_than_may_wait_are_sent_away_at_once() {
        let turns = Arc::new(Turns::new(1, 1));
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let first = turns.clone();
        let first = tokio::spawn(async move { first.run(move |_| wait.recv()).await });
        let second = turns.clone();
        let second = tokio::spawn(async move { second.run(|_| ()).await });
        while turns.asked.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(turns.run(|_| ()).await, Err(NoTurn::Busy));
        go.send(()).expect("it waits");
        assert!(first.await.expect("no panic").is_ok());
        assert_eq!(second.await.expect("no panic"), Ok(()));
    }
}
