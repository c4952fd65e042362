//! Memory that librdkafka's many threads would otherwise hold on to.

/// Keeps the C library from giving each thread an arena of its own.
///
/// librdkafka starts six threads for a producer, and a worker has a producer per shard. What is
/// freed in an arena stays in it, so memory would grow with the threads and not with the work.
/// Call it before the first client is made.
pub fn share_arenas() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets an integer of the allocator; no other thread runs yet that could be harmed.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}
