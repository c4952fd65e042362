//! The Kafka in memory does what the real one was measured to do.
