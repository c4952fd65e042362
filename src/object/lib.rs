//! The `Reconciliation` object: the only configuration there is, both in a file and in Kubernetes.
//!
//! ```text
//!  YAML ──read──► Reconciliation ──validate──► Settings ──► worker, operator, demo
//!                 (as written)                 (checked)
//! ```
//!
//! Promise: an object is checked once and completely. Every mistake is reported with its path in
//! the object and its fix, and code that holds [`Settings`] need not check again. Ban: nothing here
//! opens connections; secrets are read only when a connection is made.

#![forbid(unsafe_code)]

pub mod bounds;
mod bytes;
mod cel;
pub mod duration;
mod error;
mod instant;
mod kafka;
mod locate;
mod names;
mod problem;
mod properties;
mod read;
pub mod reference;
mod registry;
pub mod resource;
mod schema;
pub mod secret;
mod secret_field;
mod settings;
mod shape;
pub mod suggest;
mod unknown;
mod validate;
mod validated;

use std::io::Read;
use std::path::Path;

pub use error::Error;
pub use kafka::{Certificate, Kafka, Login, Oauth, Sasl, Tls};
pub use locate::line;
pub use problem::Problem;
pub use registry::{FormatError, InputFormat, MessageAt, Registry, RegistryLogin, SchemaAt};
pub use resource::{Reconciliation, ReconciliationSpec};
pub use secret_field::{Reader, SecretField, SecretReference};
pub use settings::{
    Completed, Deadlines, Expected, Keys, Limits, Observed, Settings, TopicCreation, Tracing,
};
pub use shape::remedy_for_unknown;
pub use unknown::name_of;
pub use validated::Validated;

/// Reads and validates the object in a file; `-` stands for standard input.
///
/// # Errors
/// When the file cannot be read, or with everything that is wrong with the object.
pub fn load(file: &Path) -> Result<Settings, Error> {
    let is_stdin = file == Path::new("-");
    let name = if is_stdin { "standard input".to_owned() } else { file.display().to_string() };
    let text = text_of(file).map_err(|source| Error::Unreadable { file: name.clone(), source })?;
    parse(&text).map_err(|mut problems| {
        for problem in &mut problems {
            problem.line = locate::line(&text, &problem.path);
        }
        Error::Invalid { file: name, problems }
    })
}

/// Reads and validates the object in a string.
///
/// # Errors
/// With everything that is wrong with the object.
pub fn parse(text: &str) -> Result<Settings, Vec<Problem>> {
    let (object, problems) = read::read(text);
    Validated::of(object, problems).map(Validated::into_settings)
}

fn text_of(file: &Path) -> std::io::Result<String> {
    if file != Path::new("-") {
        return std::fs::read_to_string(file);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
