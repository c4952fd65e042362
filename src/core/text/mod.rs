//! Text for people: what others have written, made safe to show; what is near to what was meant;
//! what the operating system says.
//!
//! Promise: text in, text out. Ban: nothing of Rollcall is known here.

pub mod escape;
pub mod near;
pub mod plain;
