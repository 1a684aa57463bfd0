//! Credentials that do not last: those of roles and identities, and of files that others renew.
//!
//! The client under us asks a role's service again some minutes before its credentials expire. Two
//! things go beyond that. A service that does not answer is no reason to fail while what it gave
//! last may still be good. And a store may refuse credentials before their time (a session was
//! revoked, a clock is wrong): then the provider is made anew, without what it remembered, and the
//! client of [`crate::client`] asks once more.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use object_store::{CredentialProvider, Error};
use stringendo_ring::Clock;

use crate::error::{BuildError, text_of};

/// A service that has failed is not asked again for so long, if there is something to go on with.
const REST: Duration = Duration::from_secs(30);
/// Many requests may be refused at once; the provider is not made anew for each of them.
const RENEWAL_PAUSE: Duration = Duration::from_secs(5);

/// What gives credentials.
pub(crate) type Provider<C> = Arc<dyn CredentialProvider<Credential = C>>;
/// Makes a provider that remembers nothing.
type Make<C> = Box<dyn Fn() -> Result<Provider<C>, BuildError> + Send + Sync>;

/// What can be done about credentials that a store refuses.
pub(crate) trait Renewal: Send + Sync + fmt::Debug {
    /// Makes sure that the next request has fresh ones.
    fn renew(&self);
}

/// A provider that can be made anew.
pub(crate) struct Renewing<C> {
    make: Make<C>,
    state: Mutex<State<C>>,
}

struct State<C> {
    provider: Provider<C>,
    /// What it gave last.
    last: Option<Arc<C>>,
    /// When it failed to give anything.
    failed: Option<Duration>,
    renewed: Option<Duration>,
}

impl<C> Renewing<C> {
    /// A provider from `make`, which is called again when its credentials are refused.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn new(
        make: impl Fn() -> Result<Provider<C>, BuildError> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, BuildError> {
        let state = State { provider: make()?, last: None, failed: None, renewed: None };
        Ok(Arc::new(Self { make: Box::new(make), state: Mutex::new(state) }))
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The provider, or what there is to go on with while that is to rest.
    fn next(&self, now: Duration) -> Result<Provider<C>, Arc<C>> {
        let state = self.state();
        let rests = state.failed.is_some_and(|failed| now.saturating_sub(failed) < REST);
        match state.last.as_ref().filter(|_| rests) {
            Some(last) => Err(Arc::clone(last)),
            None => Ok(Arc::clone(&state.provider)),
        }
    }
}

impl<C> fmt::Debug for Renewing<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewing").finish_non_exhaustive()
    }
}

#[async_trait]
impl<C: fmt::Debug + Send + Sync + 'static> CredentialProvider for Renewing<C> {
    type Credential = C;

    async fn get_credential(&self) -> object_store::Result<Arc<C>> {
        let provider = match self.next(Clock::System.monotonic()) {
            Ok(provider) => provider,
            Err(last) => return Ok(last),
        };
        let given = provider.get_credential().await;
        let mut state = self.state();
        match (given, &state.last) {
            (Ok(given), _) => {
                state.last = Some(Arc::clone(&given));
                state.failed = None;
                Ok(given)
            }
            (Err(error), Some(last)) => {
                let last = Arc::clone(last);
                let error = text_of(&error);
                tracing::warn!(error, "credentials cannot be renewed; the last ones are used");
                state.failed = Some(Clock::System.monotonic());
                Ok(last)
            }
            (Err(error), None) => Err(error),
        }
    }
}

impl<C: fmt::Debug + Send + Sync + 'static> Renewal for Renewing<C> {
    fn renew(&self) {
        let now = Clock::System.monotonic();
        let mut state = self.state();
        if state.renewed.is_some_and(|renewed| now.saturating_sub(renewed) < RENEWAL_PAUSE) {
            return;
        }
        state.renewed = Some(now);
        match (self.make)() {
            Ok(provider) => {
                tracing::warn!("the object store refuses credentials; they are renewed");
                (state.provider, state.last, state.failed) = (provider, None, None);
            }
            Err(error) => tracing::error!(%error, "credentials cannot be renewed"),
        }
    }
}

/// What stores call credentials that are over.
const EXPIRED: [&str; 7] = [
    "401 Unauthorized",
    "ExpiredToken",
    "TokenRefreshRequired",
    "InvalidTokenId",
    "InvalidAccessKeyId",
    "InvalidAuthenticationInfo",
    "InvalidToken",
];

/// Whether a store refuses credentials that may have been good before. The answer to a `HEAD` has
/// no text that would say so.
pub(crate) fn is_expired(error: &Error) -> bool {
    let text = text_of(error);
    let says_so = EXPIRED.iter().any(|what| text.contains(what));
    let is_silent = text.contains("performing HEAD")
        && (text.contains("400 Bad Request") || text.contains("403 Forbidden"));
    says_so || is_silent || matches!(error, Error::Unauthenticated { .. })
}
