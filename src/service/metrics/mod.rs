//! Metrics: a catalogue of all of them, and the text that Prometheus reads, using the `prometheus`
//! crate.
//!
//! Promise: metrics that are not in the catalogue cannot be exposed, and `docs/metrics.md` is
//! generated from it. Ban: nothing here knows where a number comes from; no label has unbounded
//! values.

pub mod catalogue;
mod families;
mod metric;
mod process;
pub mod reference;
mod registry;

pub use families::{Families, Family, Number};
pub use metric::{Kind, Label, Metric};
pub use process::Process;
pub use registry::Registry;
