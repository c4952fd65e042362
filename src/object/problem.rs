//! What is wrong with an object: where, what, and how to fix it.

use std::fmt;

use super::names::Refusal;

/// One mistake in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its path, such as `spec.observed[0].item`; `file` if the text is not YAML.
    pub path: String,
    /// The line of the text, from 1; `None` without a text, or if the text has no such field.
    pub line: Option<usize>,
    pub message: String,
    /// How to fix it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, message, remedy } = self;
        match line {
            Some(line) => write!(f, "{path} (line {line}): {message}\n    {remedy}"),
            None => write!(f, "{path}: {message}\n    {remedy}"),
        }
    }
}

/// Collects mistakes, so that all of them are reported at once.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub fn add(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (path, message, remedy) = (path.into(), message.into(), remedy.into());
        self.0.push(Problem { path, line: None, message, remedy });
    }

    /// Adds the refusal if `result` is one.
    pub fn check<T>(&mut self, path: impl Into<String>, result: Result<T, Refusal>) -> Option<T> {
        result.map_err(|(message, remedy)| self.add(path, message, remedy)).ok()
    }

    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}
