//! What is wrong with a file of cases: the case, the place in it, and how to fix it.

use std::fmt;

use rollcall_core::text::escape::printable;

/// A mistake in a file of cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseProblem {
    /// The case, such as `case "a check fails"`; `None` if the whole file is wrong.
    case: Option<String>,
    /// The place within the case, such as `in[1].topic`.
    path: String,
    line: Option<usize>,
    message: String,
    remedy: String,
}

impl fmt::Display for CaseProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = [self.case.as_deref(), Some(&*self.path).filter(|path| !path.is_empty())];
        let mut place = place.into_iter().flatten().collect::<Vec<_>>().join(": ");
        if let Some(line) = self.line {
            place += &format!(" (line {line})");
        }
        let colon = if place.is_empty() { "" } else { ": " };
        write!(f, "{place}{colon}{}\n    {}", self.message, self.remedy)
    }
}

/// All mistakes in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    pub file: String,
    pub problems: Vec<CaseProblem>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.problems.len() == 1 { "problem" } else { "problems" };
        write!(f, "{} has {} {noun}", self.file, self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

/// Collects the mistakes in one file.
pub struct Problems<'a> {
    text: &'a str,
    /// Where the case that is read begins, such as `[2]`, and what it is called in messages.
    case: Option<(String, String)>,
    found: Vec<CaseProblem>,
}

impl<'a> Problems<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, case: None, found: Vec::new() }
    }

    /// Says which case is read from now on; it may have no name.
    pub fn begin(&mut self, index: usize, name: Option<&str>) {
        let called = match name {
            Some(name) => format!("case \"{}\"", printable(name)),
            None => format!("case {}", index + 1),
        };
        self.case = Some((format!("[{index}]"), called));
    }

    /// Adds a mistake at a path of the whole file.
    pub fn add(&mut self, path: &str, message: impl Into<String>, remedy: impl Into<String>) {
        let line = rollcall_object::line(self.text, path);
        let (case, path) = match &self.case {
            Some((start, called)) => {
                let path = path.strip_prefix(start.as_str()).unwrap_or(path);
                (Some(called.clone()), path.trim_start_matches('.').to_owned())
            }
            None => (None, path.to_owned()),
        };
        let (message, remedy) = (printable(&message.into()).into_owned(), remedy.into());
        self.found.push(CaseProblem { case, path, line, message, remedy });
    }

    /// Returns what was found.
    pub fn into_vec(self) -> Vec<CaseProblem> {
        self.found
    }
}
