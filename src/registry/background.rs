//! Threads that ask a registry while a program without any of its own goes on.

use std::io;

use tokio::runtime::{Handle, Runtime};

/// Threads that ask a registry. Nothing waits for them at the end: a name lookup may hang.
#[derive(Debug)]
pub struct Background(Option<Runtime>);

impl Background {
    /// # Errors
    /// When the system gives no threads.
    pub fn start() -> io::Result<Self> {
        Runtime::new().map(|runtime| Self(Some(runtime)))
    }

    pub fn handle(&self) -> &Handle {
        self.0.as_ref().expect("it runs until it is dropped").handle()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
