//! The oracle notices what is wrong.
