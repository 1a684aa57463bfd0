//! Readiness, flush and shutdown (contract http-api.md §9, §10).

use http::{Response, StatusCode};
use stringendo_engine::TenantId;
use stringendo_engine::node::NotReady;

use super::Api;
use super::failure::Failure;
use super::params::Params;
use crate::http1::{Answer, text};

impl Api {
    /// `/ready`.
    pub(super) async fn ready(&self) -> Answer {
        match self.node.ready().await {
            Ok(()) => {
                self.was_ready.set(true);
                text(StatusCode::OK, "ready\n")
            }
            Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, not_ready(&reason)),
        }
    }

    /// Refuses queries that would miss data.
    pub(super) async fn ensure_ready(&self) -> Result<(), Failure> {
        if self.was_ready.get() {
            return Ok(());
        }
        self.node.ready().await.map_err(|reason| Failure::unavailable(not_ready(&reason)))?;
        self.was_ready.set(true);
        Ok(())
    }

    /// `/flush[?tenant=X]`.
    pub(super) async fn flush(&self, params: &Params) -> Result<Answer, Failure> {
        let unknown = |name: &str| Failure {
            status: StatusCode::NOT_FOUND,
            message: format!("tenant {name} not found\n").into(),
        };
        let tenant = params
            .get("tenant")
            .map(|name| TenantId::parse(name).map_err(|_| unknown(name)))
            .transpose()?;
        let known = self.node.flush(tenant.clone()).await;
        if let (Some(tenant), false) = (&tenant, known) {
            return Err(unknown(tenant.as_str()));
        }
        let mut answer = Response::new(Default::default());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        Ok(answer)
    }

    /// `/shutdown`: answers at once; the process flushes and ends.
    pub(super) fn shut_down(&self) -> Answer {
        tracing::info!("shutdown requested over HTTP");
        (self.shutdown)();
        text(StatusCode::OK, "shutdown job acknowledged")
    }
}

/// The text of `/ready` while it says no.
pub fn not_ready(reason: &NotReady) -> String {
    match reason {
        NotReady::Stopping => "Application is stopping\n".to_owned(),
        NotReady::Cores(cores) => {
            let numbers: Vec<_> = cores.iter().map(|core| core.0.to_string()).collect();
            format!(
                "Some services are not Running:\nStarting: {}\n\
                 cores that do not answer or still read back their log: {}\n",
                cores.len(),
                numbers.join(", ")
            )
        }
    }
}
