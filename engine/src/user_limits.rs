//! Limits that tenants set for themselves through the API (contract http-api.md §7): kept as
//! `<tenant>/overrides.json` in a backend of their own, read again every poll interval, and laid
//! over the limits of the overrides file.
//!
//! From: `net`, with bodies that it has checked, and the backend. To: [`crate::limits_reload`],
//! which gives every core the limits that follow. Core 0 alone reads and writes, one call after the
//! other. Other processes may write to the same backend: an object store compares the version and
//! writes in one step, so none overwrites what it has not seen. In a directory, and when something
//! is deleted, nothing keeps others out between the two.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use serde_json::{Map, Value};
use stringendo_ring::{CoreId, Notify, timeout};

use crate::backend::{Backend, RootVersion};
use crate::limits_reload;
use crate::message::{Answer, Message};
use crate::metrics::{Family, families as family};
use crate::node::Node;
use crate::settings::BackendSettings;
use crate::shard::Shard;
use crate::tenant::TenantId;

/// An object of more bytes is not taken: all keys with long lists need a tenth of it.
pub const OBJECT_BYTES_MAX: u64 = 256 << 10;

/// Bytes of all objects together.
const ALL_BYTES_MAX: usize = 64 << 20;

/// Calls that wait; more are refused.
const CALLS_MAX: usize = 256;

/// Objects that are read at a time: a store far away takes a while for each.
const READS_AT_ONCE: usize = 8;

/// However it is configured, the backend is not asked more often.
const POLL_MIN: Duration = Duration::from_millis(100);

/// The object of a tenant.
fn object_of(tenant: &TenantId) -> String {
    format!("{}/overrides.json", tenant.as_str())
}

/// Where they are kept.
#[derive(Clone, Debug)]
pub struct UserLimitsSettings {
    /// The backend, which need not be that of blocks.
    pub backend: BackendSettings,
    /// How often they are read again.
    pub poll_interval: Duration,
    /// Whether a tenant may not set what the overrides file sets for it.
    pub refuses_conflicts: bool,
}

/// What a tenant has set.
#[derive(Clone, Debug, PartialEq)]
pub struct UserLimits {
    /// The keys that it has set.
    pub limits: Map<String, Value>,
    /// Names this content.
    pub version: String,
    /// Memory that it takes, about.
    pub memory_bytes: usize,
}

/// Something to do with a tenant's limits.
#[derive(Debug)]
pub enum UserLimitsCall {
    /// Read them.
    Read,
    /// Write them, if the version is still this one; `None` if there must be none.
    Write {
        /// As JSON.
        json: Bytes,
        /// The version that is replaced.
        replaces: Option<String>,
    },
    /// Delete them, if the version is still this one.
    Delete {
        /// The version that is deleted.
        version: String,
    },
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserLimitsError {
    /// There are none.
    #[error("no overrides are stored")]
    NotFound,
    /// The version is another one by now.
    #[error("the version is another one by now")]
    VersionMismatch,
    /// They are more than could be read again.
    #[error("overrides of more than {OBJECT_BYTES_MAX} bytes are not kept")]
    TooLarge,
    /// The backend failed, or what it holds is none of ours.
    #[error("{0}")]
    Failed(String),
}

/// What a call brought: the limits as they are then; nothing after they were deleted.
pub type UserLimitsOutcome = Result<Option<Arc<UserLimits>>, UserLimitsError>;

/// Core 0: calls that wait.
#[derive(Default)]
pub struct UserLimitsCalls {
    waiting: RefCell<VecDeque<(TenantId, UserLimitsCall, Answer<UserLimitsOutcome>)>>,
    work: Notify,
}

impl UserLimitsCalls {
    /// Takes a call from any core.
    pub fn take(&self, tenant: TenantId, call: UserLimitsCall, answer: Answer<UserLimitsOutcome>) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= CALLS_MAX {
            let too_many = UserLimitsError::Failed("too many calls wait".to_owned());
            // Whoever asked may have gone away; so below.
            let _ = answer.send(Err(too_many));
            return;
        }
        waiting.push_back((tenant, call, answer));
        self.work.notify();
    }

    fn refuse_all(&self, why: &str) {
        for (_, _, answer) in self.waiting.take() {
            let _ = answer.send(Err(UserLimitsError::Failed(why.to_owned())));
        }
    }
}

impl Node {
    /// Reads or changes what a tenant has set.
    ///
    /// # Errors
    /// See [`UserLimitsError`].
    pub async fn user_limits(&self, tenant: &TenantId, call: UserLimitsCall) -> UserLimitsOutcome {
        let ask = |answer| Message::UserLimits(tenant.clone(), call, answer);
        let stopping = || Err(UserLimitsError::Failed("the server is stopping".to_owned()));
        self.ask(CoreId(0), ask).await.unwrap_or_else(stopping)
    }
}

/// Core 0: answers calls and polls until the end of the process.
pub async fn run(node: Node, settings: UserLimitsSettings) {
    count(node.shard(), &family::USER_LIMITS_RELOAD_FAILED, 0.0);
    let period = settings.poll_interval.max(POLL_MIN);
    let mut keeper =
        Keeper { backend: open(&node, &settings, period).await, node, known: BTreeMap::new() };
    let mut polled = None;
    loop {
        let now = keeper.node.shard().now();
        if polled.is_none_or(|at: Duration| now.saturating_sub(at) >= period) {
            keeper.poll().await;
            polled = Some(now);
        }
        let work = &keeper.node.shard().user_limits.work;
        timeout(period.saturating_sub(keeper.since(polled)), work.wait()).await;
        keeper.answer_all().await;
    }
}

/// The backend. As long as it cannot be opened, every call fails.
async fn open(node: &Node, settings: &UserLimitsSettings, period: Duration) -> Backend {
    let calls = &node.shard().user_limits;
    loop {
        let error = match Backend::open(&settings.backend).await {
            Ok(backend) => return backend,
            Err(error) => error.to_string(),
        };
        tracing::error!(error, "user-configurable overrides cannot be read");
        count(node.shard(), &family::USER_LIMITS_RELOAD_FAILED, 1.0);
        let again_at = node.shard().now() + period;
        while let Some(left) = again_at.checked_sub(node.shard().now()) {
            timeout(left, calls.work.wait()).await;
            calls.refuse_all(&error);
        }
    }
}

fn count(shard: &Shard, family: &'static Family, amount: f64) {
    shard.metrics.add(family, &[], amount);
}

struct Keeper {
    node: Node,
    backend: Backend,
    known: BTreeMap<TenantId, Arc<UserLimits>>,
}

impl Keeper {
    fn since(&self, moment: Option<Duration>) -> Duration {
        self.node.shard().now().saturating_sub(moment.unwrap_or_default())
    }

    async fn answer_all(&mut self) {
        loop {
            let next = self.node.shard().user_limits.waiting.borrow_mut().pop_front();
            let Some((tenant, call, answer)) = next else { return };
            let outcome = self.answer(&tenant, call).await;
            if let Err(UserLimitsError::Failed(error)) = &outcome {
                tracing::error!(%tenant, error, "user-configurable overrides");
            }
            let _ = answer.send(outcome);
        }
    }

    async fn answer(&mut self, tenant: &TenantId, call: UserLimitsCall) -> UserLimitsOutcome {
        let (stored, found) = match self.read(tenant).await {
            Ok((stored, found)) => (Some(stored), Some(found)),
            Err(UserLimitsError::NotFound) => (None, None),
            Err(error) => return Err(error),
        };
        let version = stored.as_ref().map(|stored| &stored.version);
        let now = match call {
            UserLimitsCall::Read => stored,
            UserLimitsCall::Write { replaces, .. } if replaces.as_ref() != version => {
                return Err(UserLimitsError::VersionMismatch);
            }
            UserLimitsCall::Write { json, .. } => {
                Some(self.write(tenant, json, found.as_ref()).await?)
            }
            UserLimitsCall::Delete { .. } if stored.is_none() => {
                return Err(UserLimitsError::NotFound);
            }
            UserLimitsCall::Delete { version: given } if Some(&given) != version => {
                return Err(UserLimitsError::VersionMismatch);
            }
            UserLimitsCall::Delete { .. } => {
                let deleted = self.backend.delete_root_object(&object_of(tenant)).await;
                deleted.map_err(|error| UserLimitsError::Failed(error.to_string()))?;
                None
            }
        };
        if self.known.get(tenant) != now.as_ref() {
            match &now {
                Some(limits) => drop(self.known.insert(tenant.clone(), Arc::clone(limits))),
                None => drop(self.known.remove(tenant)),
            }
            self.publish().await;
        }
        Ok(now)
    }

    async fn read(
        &self,
        tenant: &TenantId,
    ) -> Result<(Arc<UserLimits>, RootVersion), UserLimitsError> {
        match self.backend.read_version(&object_of(tenant), OBJECT_BYTES_MAX).await {
            Ok((json, version)) => Ok((parsed(&json)?.named(version.clone()), version)),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(UserLimitsError::NotFound),
            Err(error) => Err(UserLimitsError::Failed(error.to_string())),
        }
    }

    async fn write(
        &self,
        tenant: &TenantId,
        json: Bytes,
        replaced: Option<&RootVersion>,
    ) -> Result<Arc<UserLimits>, UserLimitsError> {
        if json.len() as u64 > OBJECT_BYTES_MAX {
            return Err(UserLimitsError::TooLarge);
        }
        let limits = parsed(&json)?;
        let others = self.known.iter().filter(|(known, _)| *known != tenant);
        let bytes: usize = others.map(|(_, limits)| limits.memory_bytes).sum();
        if bytes + limits.memory_bytes > ALL_BYTES_MAX {
            let text = "there is no room for more overrides of tenants".to_owned();
            return Err(UserLimitsError::Failed(text));
        }
        let object = object_of(tenant);
        match self.backend.replace_version(&object, json, replaced).await {
            Ok(version) => Ok(limits.named(version)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(UserLimitsError::VersionMismatch)
            }
            Err(error) => Err(UserLimitsError::Failed(error.to_string())),
        }
    }

    /// Reads what all tenants have set. What cannot be read stays as it is.
    async fn poll(&mut self) {
        let shard = std::rc::Rc::clone(self.node.shard());
        count(&shard, &family::USER_LIMITS_LIST, 1.0);
        let tenants = match self.backend.tenants().await {
            Ok(tenants) => tenants,
            Err(error) => {
                tracing::error!(%error, "user-configurable overrides cannot be listed");
                return count(&shard, &family::USER_LIMITS_RELOAD_FAILED, 1.0);
            }
        };
        let read = |tenant: TenantId| async {
            let outcome = self.read(&tenant).await;
            (tenant, outcome)
        };
        let mut outcomes = stream::iter(tenants.into_iter().map(read)).buffered(READS_AT_ONCE);
        let mut polled = Polled::default();
        while let Some((tenant, outcome)) = outcomes.next().await {
            count(&shard, &family::USER_LIMITS_FETCH, 1.0);
            let limits = match outcome {
                Ok((limits, _)) => Some(limits),
                Err(UserLimitsError::NotFound) => None,
                Err(error) => {
                    tracing::error!(%tenant, %error, "user-configurable overrides cannot be read");
                    count(&shard, &family::USER_LIMITS_FETCH_FAILED, 1.0);
                    polled.failed = true;
                    self.known.get(&tenant).cloned()
                }
            };
            polled.add(tenant, limits);
        }
        drop(outcomes);
        if polled.failed {
            count(&shard, &family::USER_LIMITS_RELOAD_FAILED, 1.0);
        }
        if polled.found != self.known {
            self.known = polled.found;
            self.publish().await;
        }
    }

    async fn publish(&self) {
        let user: HashMap<_, _> = self.known.clone().into_iter().collect();
        limits_reload::publish(&self.node, |limits| limits.with_user(user)).await;
    }
}

/// What a poll has brought so far.
#[derive(Default)]
struct Polled {
    found: BTreeMap<TenantId, Arc<UserLimits>>,
    bytes: usize,
    failed: bool,
}

impl Polled {
    fn add(&mut self, tenant: TenantId, limits: Option<Arc<UserLimits>>) {
        let Some(limits) = limits else { return };
        self.bytes += limits.memory_bytes;
        if self.bytes <= ALL_BYTES_MAX {
            self.found.insert(tenant, limits);
            return;
        }
        tracing::error!(%tenant, "there is no room for its user-configurable overrides");
        self.failed = true;
    }
}

impl UserLimits {
    fn named(mut self, version: RootVersion) -> Arc<Self> {
        self.version = version.name;
        Arc::new(self)
    }
}

/// Limits without a version.
fn parsed(json: &[u8]) -> Result<UserLimits, UserLimitsError> {
    let limits: Map<String, Value> = serde_json::from_slice(json)
        .map_err(|error| UserLimitsError::Failed(format!("overrides.json: {error}")))?;
    // Once as they are, and once laid over the operator's.
    let memory_bytes = 2 * limits.iter().map(entry_bytes).sum::<usize>();
    Ok(UserLimits { limits, version: String::new(), memory_bytes })
}

/// Memory of a key and its value, about.
fn entry_bytes((key, value): (&String, &Value)) -> usize {
    // Nodes of a map are filled by half at least.
    2 * size_of::<(String, Value)>() + key.len() + inner_bytes(value)
}

/// Memory of what a value holds beside itself, about.
fn inner_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(values) => {
            // A list that grew may have room for as many again.
            2 * size_of_val(values.as_slice()) + values.iter().map(inner_bytes).sum::<usize>()
        }
        Value::Object(entries) => entries.iter().map(entry_bytes).sum(),
    }
}

#[cfg(test)]
#[path = "user_limits_tests.rs"]
mod tests;
