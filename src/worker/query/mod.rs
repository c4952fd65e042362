//! The state API: what the worker knows about keys, and its latest outputs.
//!
//! ```text
//!  GET /v1/key    ──► lane: the row in memory ──► store: one look-up
//!  GET /v1/keys   ──► scan ─┬─ lanes: dirty rows, in portions between batches
//!  GET /v1/missing ───────────┤
//!                             └─ snapshots of the stores, on a thread of their own
//!  GET /v1/recent ──► the last outputs, kept at each commit
//! ```
//!
//! Promise: lanes answer between two batches, within a millisecond or so, and never wait for the
//! client; everything else happens on other threads, one scan at a time. The answer for one key is
//! its row in memory, up to one commit interval ahead of what is committed. A scan's result is at
//! most as old as it says; each key on a page is looked up again, so that no page shows a key in a
//! state that it has left. Ban: nothing here changes a row, a cache or a store.

mod lookup;
mod open_key_scan;
mod recent;
mod routes;
mod scan_totals;
mod state_reader;
mod story;

pub use recent::Recent;
pub use routes::router;
pub use state_reader::{Question, StateReader};
pub use story::time;
