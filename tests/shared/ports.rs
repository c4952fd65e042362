//! Ports for servers that tests start.

use std::{
    net::TcpListener,
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering},
    },
};

/// Returns a free port whose successor is free, too. It is below the ephemeral ports, so that no
/// client connection takes it meanwhile.
pub fn free_port() -> u16 {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        let run = u16::try_from(std::process::id() % 100).expect("below 100");
        AtomicU16::new(12_000 + run * 200)
    });
    loop {
        let port = NEXT.fetch_add(2, Ordering::Relaxed);
        let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free(port) && free(port + 1) {
            return port;
        }
    }
}
