//! How this process's clients log in: with tokens, with a password, or with a certificate.
//!
//! Promise: a client that is kept here has the newest credentials when it is created, and gets
//! newer ones for as long as it lives, as far as librdkafka can take them; see
//! [`files`](super::files).

use std::{fmt, sync::Arc};

use rdkafka::ClientConfig;

use super::{
    files::Files,
    native::{Native, TokenClient},
    token::{Refusal, Request, Tokens},
};
use rollcall_object::{Kafka, Sasl};

/// How this process's clients log in.
#[derive(Clone, Default)]
pub struct Login {
    tokens: Option<Arc<Tokens>>,
    files: Option<Arc<Files>>,
}

/// Why there are no credentials to log in with, or soon will not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoLogin {
    /// In CamelCase, as in a Kubernetes condition.
    pub reason: &'static str,
    /// What happened, with the remedy.
    pub message: String,
    /// The previous credentials are still valid.
    pub until_then: bool,
}

impl Login {
    /// Returns the login that the settings ask for.
    pub fn of(kafka: &Kafka) -> Self {
        let tokens = match &kafka.sasl {
            Some(Sasl::Token(oauth)) => Some(Arc::new(Tokens::of(oauth))),
            Some(Sasl::Password(_)) | None => None,
        };
        Self { tokens, files: Files::of(kafka).map(Arc::new) }
    }

    /// Returns a login with tokens that are always requested in the same way.
    pub fn with(request: Request) -> Self {
        Self { tokens: Some(Arc::new(Tokens::with(request))), files: None }
    }

    /// Keeps a client logged in for as long as it lives.
    ///
    /// # Errors
    /// When there is no token and none can be fetched.
    pub fn keep<T: Native>(&self, client: T) -> Result<TokenClient<T>, Refusal> {
        match (&self.tokens, &self.files) {
            (Some(tokens), _) => tokens.keep(client),
            (None, Some(files)) => files.keep(client).map_err(Refusal::Unusable),
            (None, None) => Ok(TokenClient::as_it_is(client)),
        }
    }

    /// Sets the current content of the files for a client that is about to be created.
    pub fn apply(&self, config: &mut ClientConfig) {
        if let Some(files) = &self.files {
            files.apply(config);
        }
    }

    /// Returns how often certificates have changed, which only new clients can use.
    pub fn certificates(&self) -> u64 {
        self.files.as_ref().map_or(0, |files| files.certificates())
    }

    /// Returns why there are no credentials to log in with, if so.
    pub fn trouble(&self) -> Option<NoLogin> {
        let tokens = self.tokens.as_ref().and_then(|tokens| tokens.trouble());
        tokens.or_else(|| self.files.as_ref()?.trouble())
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tokens.is_some() { "Login(tokens)" } else { "Login(files)" })
    }
}
