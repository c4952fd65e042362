//! Metrics: one catalogue of all of them, and the text that Prometheus reads.
//!
//! Promise: what is not in the catalogue cannot be exposed, and `docs/metrics.md` is made from it.
//! Ban: nothing here knows where a number comes from; no label takes values without a bound.

pub mod catalogue;
mod histogram;
mod metric;
mod page;
pub mod process;
pub mod reference;

pub use histogram::Histogram;
pub use metric::{Kind, Label, Metric};
pub use page::{Family, Page};
