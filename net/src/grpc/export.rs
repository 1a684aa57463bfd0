//! `TraceService/Export`: each call from its DATA frames to its acknowledgement.

use std::rc::Rc;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::Request;
use http::request::Parts;
use stringendo_engine::TenantId;
use stringendo_ring::Class;

use super::{Service, receive, reply};
use crate::intake::Intake;
use crate::memory::RequestMemory;
use crate::status::Refusal;

/// The service of the only method that is served here.
const SERVICE: &str = "opentelemetry.proto.collector.trace.v1.TraceService";
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// The receiver of spans.
pub struct ExportService {
    intake: Rc<Intake>,
    message_bytes_max: usize,
}

impl ExportService {
    /// Hands spans to `intake`, of messages of at most so many bytes.
    pub fn new(intake: Rc<Intake>, message_bytes_max: usize) -> Self {
        Self { intake, message_bytes_max }
    }

    async fn export(&self, head: &Parts, body: &mut RecvStream) -> Result<(), Refusal> {
        let path = head.uri.path();
        if path != EXPORT {
            return Err(receive::unknown_method(path, &[SERVICE]));
        }
        let tenant = self.intake.tenant(&head.headers)?;
        let stored = self.receive(&tenant, head, body).await;
        stored.map_err(|refusal| self.intake.told(&tenant, refusal))
    }

    async fn receive(
        &self,
        tenant: &TenantId,
        head: &Parts,
        body: &mut RecvStream,
    ) -> Result<(), Refusal> {
        let node = self.intake.node();
        let (mut memory, bytes_max) = (RequestMemory::new(node), self.message_bytes_max);
        let message =
            receive::message(&head.headers, body, bytes_max, &mut memory, node.clock()).await?;
        self.intake.store(tenant, message).await
    }
}

impl Service for ExportService {
    const CLASS: Class = Class::Ack;

    async fn call(self: Rc<Self>, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        if let Some(status) = receive::not_grpc(&request) {
            return sent(reply::not_grpc(&mut respond, status));
        }
        let (head, mut body) = request.into_parts();
        let export = self.export(&head, &mut body);
        sent(match receive::within_deadline(&head.headers, export).await {
            Ok(()) => reply::success(&mut respond),
            Err(refusal) => {
                self.intake.count(&refusal);
                reply::refusal(&mut respond, &refusal)
            }
        });
        receive::discard(body).await;
    }
}

/// A client that does not wait for its answer will send its request again.
fn sent(outcome: Result<(), h2::Error>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "answer not sent");
    }
}
