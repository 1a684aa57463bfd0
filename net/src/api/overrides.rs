//! `/api/overrides`: what a tenant sets for itself (contract http-api.md §7), with versions that
//! keep two writers from overwriting each other.
//!
//! From: the route, with a body. To: [`Node::user_limits`], on core 0.
//!
//! [`Node::user_limits`]: stringendo_engine::Node::user_limits

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Map, Value};
use stringendo_engine::TenantId;
use stringendo_engine::user_limits::{UserLimits, UserLimitsCall, UserLimitsError};

use super::failure::Failure;
use super::{Api, Call, not_found};
use crate::http1::Answer;

mod conflicts;
mod patch;
mod schema;

/// Tries of a PATCH whose tenant's limits keep changing.
const PATCH_TRIES: usize = 3;

impl Api {
    /// Answers any method.
    pub(super) async fn overrides(&self, call: &Call) -> Result<Answer, Failure> {
        if self.node.settings().user_limits.is_none() {
            return Ok(not_found());
        }
        let tenant = self.tenants.of(&call.headers)?;
        match call.method {
            Method::GET | Method::HEAD => self.read_overrides(&tenant, call).await,
            Method::POST => self.replace_overrides(&tenant, call).await,
            Method::PATCH => self.patch_overrides(&tenant, call).await,
            Method::DELETE => self.delete_overrides(&tenant, call).await,
            _ => Err(failure(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed\n")),
        }
    }

    async fn read_overrides(&self, tenant: &TenantId, call: &Call) -> Result<Answer, Failure> {
        match call.params.get("scope").unwrap_or("api") {
            "api" => match self.stored(tenant).await? {
                Some(stored) => Ok(shown(&stored.limits, Some(&stored.version))),
                None => Ok(status(StatusCode::NOT_FOUND)),
            },
            "merged" => {
                let all = self.node.shard().limits();
                let own = all.user.get(tenant).map(|own| own.version.as_str());
                Ok(shown(&schema::known_of(&all.of(tenant).extras), own))
            }
            other => Err(Failure::bad(format!(
                "unknown scope {other:?}, valid options are \"api\" and \"merged\""
            ))),
        }
    }

    async fn replace_overrides(&self, tenant: &TenantId, call: &Call) -> Result<Answer, Failure> {
        let version = if_match(call)?;
        let limits = object(&call.body)?;
        self.check(tenant, &limits, call)?;
        let replaces = (version != "0").then_some(version);
        let written = self.write(tenant, &limits, replaces).await.map_err(failed)?;
        let mut answer = status(StatusCode::OK);
        tag(&mut answer, &written.version);
        Ok(answer)
    }

    async fn patch_overrides(&self, tenant: &TenantId, call: &Call) -> Result<Answer, Failure> {
        let patch = Value::Object(object(&call.body)?);
        for _ in 0..PATCH_TRIES {
            let stored = self.stored(tenant).await?;
            let before = stored.as_ref().map(|stored| stored.limits.clone()).unwrap_or_default();
            let Value::Object(limits) = patch::merged(Value::Object(before), &patch) else {
                return Err(Failure::bad("the patch leaves no object"));
            };
            self.check(tenant, &limits, call)?;
            let replaces = stored.map(|stored| stored.version.clone());
            match self.write(tenant, &limits, replaces).await {
                Ok(written) => return Ok(shown(&written.limits, Some(&written.version))),
                Err(UserLimitsError::VersionMismatch) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(UserLimitsError::VersionMismatch))
    }

    async fn delete_overrides(&self, tenant: &TenantId, call: &Call) -> Result<Answer, Failure> {
        let version = if_match(call)?;
        let deleted = self.node.user_limits(tenant, UserLimitsCall::Delete { version }).await;
        deleted.map_err(failed)?;
        Ok(status(StatusCode::OK))
    }

    /// What is stored now.
    async fn stored(&self, tenant: &TenantId) -> Result<Option<Arc<UserLimits>>, Failure> {
        self.node.user_limits(tenant, UserLimitsCall::Read).await.map_err(failed)
    }

    async fn write(
        &self,
        tenant: &TenantId,
        limits: &Map<String, Value>,
        replaces: Option<String>,
    ) -> Result<Arc<UserLimits>, UserLimitsError> {
        let json = Bytes::from(Value::Object(limits.clone()).to_string());
        let call = UserLimitsCall::Write { json, replaces };
        let nothing = || UserLimitsError::Failed("nothing was written".to_owned());
        self.node.user_limits(tenant, call).await?.ok_or_else(nothing)
    }

    /// Whether these limits can be, and are the tenant's to set.
    fn check(
        &self,
        tenant: &TenantId,
        limits: &Map<String, Value>,
        call: &Call,
    ) -> Result<(), Failure> {
        schema::check(limits).map_err(Failure::bad)?;
        let settings = self.node.settings().user_limits.as_ref();
        let skips = call.params.get("skip-conflicting-overrides-check") == Some("true");
        if skips || !settings.is_some_and(|settings| settings.refuses_conflicts) {
            return Ok(());
        }
        let all = self.node.shard().limits();
        let own = all.tenants.get(tenant).map(|own| &own.extras);
        match own.and_then(|own| conflicts::first(limits, own)) {
            Some(key) => Err(Failure::bad(format!(
                "tenant has conflicting overrides set in runtime config ({key}), contact your \
                 system administrator to perform changes through the API"
            ))),
            None => Ok(()),
        }
    }
}

/// The version that the client knows.
fn if_match(call: &Call) -> Result<String, Failure> {
    let value = call.headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
    let version = value.map(|value| value.trim().trim_start_matches("W/").trim_matches('"'));
    match version {
        Some(version) if !version.is_empty() => Ok(version.to_owned()),
        _ => Err(failure(StatusCode::PRECONDITION_REQUIRED, "must specify If-Match header")),
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::bad(error.to_string()))
}

fn failure(status: StatusCode, message: &'static str) -> Failure {
    Failure { status, message: message.into() }
}

fn failed(error: UserLimitsError) -> Failure {
    let status = match error {
        UserLimitsError::NotFound => StatusCode::NOT_FOUND,
        UserLimitsError::VersionMismatch => StatusCode::PRECONDITION_FAILED,
        UserLimitsError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        UserLimitsError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Failure { status, message: error.to_string().into() }
}

fn status(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn tag(answer: &mut Answer, version: &str) {
    if let Ok(version) = HeaderValue::try_from(version) {
        answer.headers_mut().insert(header::ETAG, version);
    }
}

fn shown(limits: &Map<String, Value>, version: Option<&str>) -> Answer {
    let json = Value::Object(limits.clone()).to_string();
    let mut answer = Response::new(Full::new(json.into()));
    let mime = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, mime);
    if let Some(version) = version {
        tag(&mut answer, version);
    }
    answer
}
