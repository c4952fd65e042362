//! Why an object cannot be used.

use std::fmt::Write;

use super::Problem;
use rollcall_core::text::plain::sentence;

/// Why a file holds no usable object.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "cannot read {file}: {}; check the path that was given as -f, and who may read it",
        sentence(source)
    )]
    Unreadable { file: String, source: std::io::Error },
    #[error("{}", summary(.file, .problems))]
    Invalid { file: String, problems: Vec<Problem> },
}

fn summary(file: &str, problems: &[Problem]) -> String {
    let noun = if problems.len() == 1 { "problem" } else { "problems" };
    let mut text = format!("{file} has {} {noun}", problems.len());
    for problem in problems {
        write!(text, "\n{problem}").expect("a String takes every text");
    }
    text
}
