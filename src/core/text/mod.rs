//! Text for people: safe display of text written by others, suggestions for misspelt names, and
//! readable operating-system errors.
//!
//! Promise: text in, text out. Ban: no knowledge of Rollcall.

pub mod escape;
pub mod near;
pub mod plain;
