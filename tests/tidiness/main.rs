//! The tree's own rules: who may know whom, lengths, reachable files, where `unsafe` may stand,
//! paths that exist, nothing unfinished.
//!
//! Standard library only, so that it also compiles alone within a second (`make check`). It reads
//! source as text and relies on rustfmt's layout; `make check` runs that first.

mod arrows;
mod finished;
mod invariants;
mod layout;
mod lengths;
mod references;
mod source;
mod words;
