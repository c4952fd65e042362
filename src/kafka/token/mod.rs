//! Login tokens: one at a time for all clients of this process, renewed before it expires.
//!
//! Promise: a client that is kept here has a token before it first connects, and gets new ones in
//! time for as long as it lives. librdkafka's own token client is not used: each connection would
//! request a separate token, and the reasons for a rejection would be lost; see
//! docs/adr/0007-tokens.md.

mod answer;
mod request;

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

pub use request::{Refusal, Request};

use super::{
    login::NoLogin,
    native::{Native, Token, TokenClient, TokenRegistry},
};
use rollcall_object::{Oauth, secret::SecretError};

/// The fraction of a token's life after which it is renewed; the rest covers a server outage.
const RENEWED_AFTER: f64 = 0.7;
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);
const PATH: &str = "spec.kafka.sasl.oauth";

/// The tokens that this process's clients log in with. Stops its thread when dropped.
pub struct Tokens {
    shared: Arc<Shared>,
    fetched: Sender<()>,
}

type Source = Box<dyn Fn() -> Result<Request, SecretError> + Send + Sync>;

struct Shared {
    /// Called each time, so that a secret that was changed in its file is used from then on.
    source: Source,
    logins: Arc<TokenRegistry>,
    held: Mutex<Option<Held>>,
    /// Why there is no newer token, if the last request failed.
    failed: Mutex<Option<(&'static str, String)>>,
}

/// The newest token.
struct Held {
    token: Token,
    renew_at: Instant,
    expires_at: Instant,
}

impl Tokens {
    /// Returns the tokens that the settings ask for. Secrets are read when a token is needed.
    pub fn of(oauth: &Oauth) -> Self {
        let oauth = oauth.clone();
        Self::from_source(Box::new(move || request(&oauth)))
    }

    /// Returns tokens that are always requested in the same way.
    pub fn with(request: Request) -> Self {
        Self::from_source(Box::new(move || Ok(request.clone())))
    }

    fn from_source(source: Source) -> Self {
        let (logins, held, failed) = (Arc::default(), Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { source, logins, held, failed });
        let (fetched, told) = channel();
        let renewed = Arc::clone(&shared);
        let thread = thread::Builder::new().name("tokens".to_owned());
        thread.spawn(move || renewed.renew_until_dropped(&told)).expect("a thread can be started");
        Self { shared, fetched }
    }

    /// Returns why there is nothing to log in with, if so.
    pub fn trouble(&self) -> Option<NoLogin> {
        let shared = &self.shared;
        let (reason, message) = shared.failed().clone()?;
        Some(NoLogin { reason, message, until_then: shared.good_for() > Duration::ZERO })
    }

    /// Keeps a client logged in for as long as it lives.
    ///
    /// # Errors
    /// When there is no token and none can be fetched.
    pub fn keep<T: Native>(&self, client: T) -> Result<TokenClient<T>, Refusal> {
        let Self { shared, fetched } = self;
        // Held while the first token is fetched, so that not every client requests one; and while
        // the client is added, so that it does not miss a newer one.
        let mut held = shared.held();
        if held.as_ref().is_none_or(|held| held.expires_at <= Instant::now()) {
            let fresh = shared.fetch_apart()?;
            shared.logins.renew(&fresh.token);
            *held = Some(fresh);
            let _ = fetched.send(());
        }
        let Held { token, .. } = held.as_ref().expect("it was just fetched or is still good");
        shared.logins.keep(client, token).map_err(Refusal::Unusable)
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().expect("nothing panics under this lock")
    }

    fn failed(&self) -> MutexGuard<'_, Option<(&'static str, String)>> {
        self.failed.lock().expect("nothing panics under this lock")
    }

    fn fetch(&self) -> Result<Held, Refusal> {
        let fetched = self.ask();
        let refusal = fetched.as_ref().err();
        *self.failed() = refusal.map(|refusal| (refusal.reason(), refusal.to_string()));
        fetched
    }

    fn ask(&self) -> Result<Held, Refusal> {
        let request = (self.source)()?;
        let asked_at = Instant::now();
        let (token, lifetime) = request::fetch(&request)?;
        tracing::debug!(endpoint = %request.endpoint, ?lifetime, "got a token");
        Ok(Held {
            token,
            renew_at: asked_at + lifetime.mul_f64(RENEWED_AFTER),
            expires_at: asked_at + lifetime,
        })
    }

    /// Fetches on a separate thread: the caller's may belong to an asynchronous runtime.
    fn fetch_apart(&self) -> Result<Held, Refusal> {
        thread::scope(|scope| scope.spawn(|| self.fetch()).join())
            .expect("fetching a token does not panic")
    }

    fn renew_until_dropped(&self, fetched: &Receiver<()>) {
        let mut pause = RETRY_MIN;
        // There is nothing to renew before a client has needed a token.
        let mut told = fetched.recv().map_err(|_| RecvTimeoutError::Disconnected);
        loop {
            let wait = match told {
                Err(RecvTimeoutError::Disconnected) => return,
                Ok(()) => self.until_renewal(),
                Err(RecvTimeoutError::Timeout) => match self.renew() {
                    Ok(()) => {
                        pause = RETRY_MIN;
                        self.until_renewal()
                    }
                    Err(refusal) => {
                        let retry = pause;
                        pause = (pause * 2).min(RETRY_MAX);
                        let good_for = self.good_for();
                        tracing::warn!(
                            reason = refusal.reason(),
                            "the token is not renewed and good for another {good_for:?}, trying \
                             again in {retry:?}: {refusal}"
                        );
                        retry
                    }
                },
            };
            told = fetched.recv_timeout(wait);
        }
    }

    fn renew(&self) -> Result<(), Refusal> {
        let fresh = self.fetch()?;
        let mut held = self.held();
        self.logins.renew(&fresh.token);
        *held = Some(fresh);
        Ok(())
    }

    fn until_renewal(&self) -> Duration {
        let held = self.held();
        let renew_at = held.as_ref().map(|held| held.renew_at);
        renew_at.map_or(RETRY_MIN, |at| at.saturating_duration_since(Instant::now()))
    }

    fn good_for(&self) -> Duration {
        let held = self.held();
        let expires_at = held.as_ref().map(|held| held.expires_at);
        let left = expires_at.map(|at| at.saturating_duration_since(Instant::now()));
        Duration::from_secs(left.unwrap_or_default().as_secs())
    }
}

/// Reads what a request needs.
fn request(oauth: &Oauth) -> Result<Request, SecretError> {
    let ca =
        oauth.ca_file.clone().map(|file| rollcall_object::secret::Secret::File(file).read(PATH));
    Ok(Request {
        endpoint: oauth.token_endpoint.clone(),
        client_id: oauth.client_id.read(PATH)?,
        client_secret: oauth.client_secret.read(PATH)?,
        scope: oauth.scope.clone(),
        audience: oauth.audience.clone(),
        extensions: oauth.extensions.clone(),
        ca_pem: ca.transpose()?,
    })
}
