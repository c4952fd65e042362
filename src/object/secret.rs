//! Where secrets are; they are never in the object itself.

use std::env::VarError;
use std::fmt;
use std::path::PathBuf;

use rollcall_core::text::plain::sentence;

/// Where Secrets that the object names are mounted in Kubernetes.
pub const SECRETS_DIR: &str = "/etc/rollcall/secrets";
/// Where a secret text is read from when it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In an environment variable.
    Env(String),
    /// In a file; trailing line ends are not part of it.
    File(PathBuf),
}

/// Returns the secret in a file or an entry of a Secret, without trailing line ends, which editors
/// and `echo` add. Spaces are kept, since they may belong to a password.
pub fn without_line_ends(text: &str) -> &str {
    text.trim_end_matches(['\n', '\r'])
}

/// A secret that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: cannot read {secret}: {reason}")]
pub struct SecretError {
    /// The field of the object that names it.
    pub path: &'static str,
    pub secret: Secret,
    pub reason: String,
}

impl Secret {
    /// Returns the secret text; `path` is the field of the object that names it.
    ///
    /// # Errors
    /// When the variable is not set or the file cannot be read.
    pub fn read(&self, path: &'static str) -> Result<String, SecretError> {
        let text = match self {
            Self::Env(name) => std::env::var(name).map_err(|error| match error {
                VarError::NotPresent => "it is not set".to_owned(),
                VarError::NotUnicode(_) => "it is not UTF-8 text".to_owned(),
            }),
            Self::File(file) => std::fs::read_to_string(file)
                .map(|text| without_line_ends(&text).to_owned())
                .map_err(|error| sentence(&error)),
        };
        text.map_err(|reason| SecretError { path, secret: self.clone(), reason })
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(file) => write!(f, "file {}", file.display()),
        }
    }
}
