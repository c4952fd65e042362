//! Passwords and certificates in files, which are re-read periodically, so that they can be rotated
//! without a restart.
//!
//! A new user name or password is given to all clients at once, and is used for their next
//! connection. A new certificate, key or authority can only be read by a new client: it is counted
//! here, and the worker creates new clients (`worker::member`).

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use rdkafka::ClientConfig;

use super::{
    login::NoLogin,
    native::{Native, TokenClient, TokenRegistry},
};
use rollcall_core::text::plain::sentence;
use rollcall_object::{
    Kafka, Login as PasswordLogin, Sasl,
    secret::{Secret, SecretError},
};

/// How often files are checked.
const INTERVAL: Duration = Duration::from_secs(2);
const SASL: &str = "spec.kafka.sasl";
const TLS: &str = "spec.kafka.tls";

/// The credentials in files. Stops its thread when dropped.
pub struct Files {
    shared: Arc<Shared>,
    _ends: Sender<()>,
}

struct Shared {
    login: Option<PasswordLogin>,
    key_password: Option<Secret>,
    certificates: Vec<PathBuf>,
    logins: Arc<TokenRegistry>,
    /// User name and password as last read.
    held: Mutex<Option<Password>>,
    /// How often the certificates have changed.
    changes: AtomicU64,
    failed: Mutex<Option<String>>,
}

/// A user name and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    pub username: String,
    pub password: String,
}

impl Files {
    /// Returns the files that the settings name; `None` if they name none.
    pub fn of(kafka: &Kafka) -> Option<Self> {
        let login = match &kafka.sasl {
            Some(Sasl::Password(login)) => Some(login.clone()),
            Some(Sasl::Token(_)) | None => None,
        };
        let tls = kafka.tls.as_ref();
        let certificate = tls.and_then(|tls| tls.certificate.as_ref());
        let certificates = certificate
            .map(|files| [files.certificate_file.clone(), files.key_file.clone()])
            .into_iter()
            .flatten()
            .chain(tls.and_then(|tls| tls.ca_file.clone()))
            .collect::<Vec<_>>();
        if login.is_none() && certificates.is_empty() {
            return None;
        }
        let shared = Arc::new(Shared {
            key_password: certificate.and_then(|files| files.key_password.clone()),
            held: Mutex::new(login.as_ref().and_then(|login| read(login).ok())),
            login,
            certificates,
            logins: Arc::default(),
            changes: AtomicU64::new(0),
            failed: Mutex::default(),
        });
        let (ends, ended) = channel();
        let watched = Arc::clone(&shared);
        let thread = thread::Builder::new().name("credentials".to_owned());
        // Without the thread, the files are used as they were at the start.
        if let Err(error) = thread.spawn(move || watched.watch(&ended)) {
            tracing::warn!(%error, "files with credentials are not looked at again");
        }
        Some(Self { shared, _ends: ends })
    }

    /// Keeps a client's user name and password up to date for as long as it lives.
    ///
    /// # Errors
    /// When librdkafka rejects them.
    pub fn keep<T: Native>(&self, client: T) -> Result<TokenClient<T>, String> {
        let held = self.shared.held();
        match &*held {
            Some(password) => self.shared.logins.keep_with(client, password),
            None => Ok(TokenClient::as_it_is(client)),
        }
    }

    /// Sets the newest credentials for a client that is about to be created.
    pub fn apply(&self, config: &mut ClientConfig) {
        if let Some(Password { username, password }) = &*self.shared.held() {
            config.set("sasl.username", username).set("sasl.password", password);
        }
        if let Some(Ok(password)) = self.shared.key_password.as_ref().map(|it| it.read(TLS)) {
            config.set("ssl.key.password", password);
        }
    }

    /// Returns how often certificates have changed.
    pub fn certificates(&self) -> u64 {
        self.shared.changes.load(Ordering::Relaxed)
    }

    /// Returns why the files cannot be read, if so; their last content stays in use.
    pub fn trouble(&self) -> Option<NoLogin> {
        let message = self.shared.failed().clone()?;
        Some(NoLogin { reason: "SecretUnreadable", message, until_then: true })
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Option<Password>> {
        self.held.lock().expect("nothing panics under this lock")
    }

    fn failed(&self) -> MutexGuard<'_, Option<String>> {
        self.failed.lock().expect("nothing panics under this lock")
    }

    fn watch(&self, ended: &Receiver<()>) {
        let mut known = self.content();
        let mut before = known.clone();
        while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
            let password = self.login.as_ref().map(read).transpose();
            let now = self.content();
            let failed = password.as_ref().err().map(ToString::to_string);
            *self.failed() = failed.or_else(|| now.as_ref().err().cloned());
            if let Ok(Some(password)) = password {
                self.renew(password);
            }
            // Several files are rarely written at once: a change counts when it is the same twice
            // in a row.
            if now.is_ok() && now == before && now != known {
                tracing::info!("the certificates in files have changed");
                known.clone_from(&now);
                self.changes.fetch_add(1, Ordering::Relaxed);
            }
            before = now;
        }
    }

    fn renew(&self, password: Password) {
        let mut held = self.held();
        if held.as_ref() != Some(&password) {
            tracing::info!("user name or password in files have changed: they count from now on");
            self.logins.renew_with(&password);
            *held = Some(password);
        }
    }

    /// Returns the current content of the certificate files.
    fn content(&self) -> Result<Vec<Vec<u8>>, String> {
        let read = |file: &PathBuf| {
            let content = std::fs::read(file);
            content.map_err(|error| {
                format!("{TLS}: cannot read {}: {}", file.display(), sentence(&error))
            })
        };
        self.certificates.iter().map(read).collect()
    }
}

fn read(login: &PasswordLogin) -> Result<Password, SecretError> {
    Ok(Password { username: login.username.read(SASL)?, password: login.password.read(SASL)? })
}
