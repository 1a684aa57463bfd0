//! `grpc.health.v1.Health`: whether the process serves. The services of one process are ready
//! together, so the service that a client names is not looked at.

use stringendo_engine::node::NotReady;
use stringendo_proto::rpc::{HealthCheckResponse, ServingStatus};
use stringendo_ring::sleep;

use super::{Call, QueryService};
use crate::limits::HEALTH_INTERVAL;
use crate::status::Refusal;

impl QueryService {
    /// Whether the process serves now.
    pub(super) async fn check_health(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let ready = self.api.node().ready().await;
        self.send(call, &response(&ready)).await
    }

    /// Whether the process serves now, and each change of that; ends when the process goes down.
    pub(super) async fn watch_health(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let mut shown = None;
        loop {
            let ready = self.api.node().ready().await;
            let now = response(&ready);
            if shown.as_ref() != Some(&now) {
                self.send(call, &now).await?;
                shown = Some(now);
            }
            if ready == Err(NotReady::Stopping) {
                return Ok(());
            }
            sleep(HEALTH_INTERVAL).await;
        }
    }
}

fn response(ready: &Result<(), NotReady>) -> HealthCheckResponse {
    let status = if ready.is_ok() { ServingStatus::Serving } else { ServingStatus::NotServing };
    HealthCheckResponse { status: status as i32 }
}
