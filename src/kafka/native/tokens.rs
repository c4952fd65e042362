//! Clients that log in with a token and receive every new one.

use std::{
    ffi::{CStr, CString, c_char},
    ops::Deref,
    ptr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rdkafka::{
    admin::AdminClient,
    bindings as sys,
    client::ClientContext,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    producer::{BaseProducer, Producer, ProducerContext},
};

use super::Failure;
use crate::files::Password;
use rollcall_core::record;

/// A token as librdkafka takes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub value: String,
    /// The token's subject, used only in librdkafka's own messages.
    pub principal: String,
    /// What brokers require besides the token.
    pub extensions: Vec<(String, String)>,
    /// How long it is valid, from the moment it was requested.
    pub lifetime: Duration,
}

/// A librdkafka client of any kind.
pub trait Native {
    /// Returns the handle, which stays the same and is live as long as the client is.
    fn handle(&self) -> Handle;
}

/// librdkafka's handle of a client, used in this folder only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle(pub(super) *mut sys::rd_kafka_t);

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for Handle {}
// SAFETY: as above; a handle has no state of its own.
unsafe impl Sync for Handle {}

impl<C: ConsumerContext> Native for BaseConsumer<C> {
    fn handle(&self) -> Handle {
        Handle(self.client().native_ptr())
    }
}

impl<C: ProducerContext> Native for BaseProducer<C> {
    fn handle(&self) -> Handle {
        Handle(self.client().native_ptr())
    }
}

impl<C: ClientContext> Native for AdminClient<C> {
    fn handle(&self) -> Handle {
        Handle(self.inner().native_ptr())
    }
}

/// The clients that are alive now.
#[derive(Debug, Default)]
pub struct TokenRegistry(Mutex<Vec<Handle>>);

/// A client that receives every new token for as long as it lives.
#[derive(Debug)]
pub struct TokenClient<T> {
    // Dropped before the client, so that no token goes to a dead handle.
    _place: Option<TokenSource>,
    client: T,
}

#[derive(Debug)]
struct TokenSource {
    logins: Arc<TokenRegistry>,
    handle: Handle,
}

impl TokenRegistry {
    /// Gives the client the token and all later ones.
    ///
    /// # Errors
    /// When librdkafka rejects the token.
    pub fn keep<T: Native>(
        self: &Arc<Self>,
        client: T,
        token: &Token,
    ) -> Result<TokenClient<T>, String> {
        let handle = client.handle();
        // The lock orders this with `renew`: an older token never replaces a newer one.
        let mut all = self.all();
        set(handle, token)?;
        all.push(handle);
        drop(all);
        Ok(TokenClient { _place: Some(TokenSource { logins: Arc::clone(self), handle }), client })
    }

    /// Gives the client its user name and password, and all later ones.
    ///
    /// # Errors
    /// When librdkafka rejects them.
    pub fn keep_with<T: Native>(
        self: &Arc<Self>,
        client: T,
        password: &Password,
    ) -> Result<TokenClient<T>, String> {
        let handle = client.handle();
        let mut all = self.all();
        set_password(handle, password)?;
        all.push(handle);
        drop(all);
        Ok(TokenClient { _place: Some(TokenSource { logins: Arc::clone(self), handle }), client })
    }

    /// Gives the user name and password to all clients.
    pub fn renew_with(&self, password: &Password) {
        for handle in self.all().iter() {
            if let Err(reason) = set_password(*handle, password) {
                tracing::warn!(reason, "the kafka client does not take its new password");
            }
        }
    }

    /// Gives the token to all clients.
    pub fn renew(&self, token: &Token) {
        for handle in self.all().iter() {
            if let Err(reason) = set(*handle, token) {
                tracing::warn!(reason, "the kafka client does not take its new token");
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Handle>> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

impl<T> TokenClient<T> {
    /// Returns a client whose login does not change.
    pub fn as_it_is(client: T) -> Self {
        Self { _place: None, client }
    }
}

impl<T> Deref for TokenClient<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.client
    }
}

impl<T> std::ops::DerefMut for TokenClient<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.client
    }
}

impl Drop for TokenSource {
    fn drop(&mut self) {
        self.logins.all().retain(|handle| *handle != self.handle);
    }
}

fn set_password(handle: Handle, password: &Password) -> Result<(), String> {
    let text = |text: &str| CString::new(text).map_err(|_| "it holds a NUL".to_owned());
    let (username, password) = (text(&password.username)?, text(&password.password)?);
    // SAFETY: the handle's client is live: it is in the list of clients or held by the caller. The
    // call copies both texts.
    let set = unsafe {
        let error =
            sys::rd_kafka_sasl_set_credentials(handle.0, username.as_ptr(), password.as_ptr());
        Failure::check(error)
    };
    set.map_err(|failure| failure.to_string())
}

fn set(handle: Handle, token: &Token) -> Result<(), String> {
    let text = |text: &str| CString::new(text).map_err(|_| "it holds a NUL".to_owned());
    let (value, principal) = (text(&token.value)?, text(&token.principal)?);
    let extensions = token.extensions.iter().flat_map(|(name, value)| [name, value]);
    let extensions = extensions.map(|part| text(part)).collect::<Result<Vec<_>, _>>()?;
    let mut pointers: Vec<*const c_char> = extensions.iter().map(|part| part.as_ptr()).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let expires_ms = record::millis(now + token.lifetime);
    let mut reason = [0; 512];
    // SAFETY: the handle's client is live: it is in the list of clients or held by the caller. All
    // texts outlive the call, which copies them; lengths are those of the buffers.
    unsafe {
        let code = sys::rd_kafka_oauthbearer_set_token(
            handle.0,
            value.as_ptr(),
            expires_ms,
            principal.as_ptr(),
            if pointers.is_empty() { ptr::null_mut() } else { pointers.as_mut_ptr() },
            pointers.len(),
            reason.as_mut_ptr(),
            reason.len(),
        );
        if code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Ok(());
        }
        Err(CStr::from_ptr(reason.as_ptr()).to_string_lossy().into_owned())
    }
}
