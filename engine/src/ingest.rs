//! From a request's bytes to its acknowledgement, on the core that received it.
//!
//! From: `net`, with a decompressed protobuf body. To: [`crate::shard::Shard::append`] on the cores
//! that own the traces; the request is acknowledged when all of them have committed.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use stringendo_proto::cut::{SubBatch, cut};
use stringendo_proto::truncate::{Truncated, truncate};
use stringendo_proto::walk::{BatchIndex, WalkError, WalkLimits, walk};
use stringendo_ring::{CoreId, TrySendError, oneshot};

use crate::error::IngestError;
use crate::limits::VALUE_DEPTH_MAX;
use crate::message::Message;
use crate::metrics::families as family;
use crate::node::Node;
use crate::shard::part_for;
use crate::tenant::TenantId;
use crate::tenant_limits::TenantLimits;

type Acknowledged = oneshot::Receiver<Result<(), IngestError>>;

/// What was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Spans.
    pub spans: usize,
}

impl Node {
    /// Stores a batch (an encoded `ExportTraceServiceRequest`) and returns when it is as durable as
    /// configured.
    ///
    /// # Errors
    /// See [`IngestError`].
    pub async fn ingest(&self, tenant: &TenantId, body: Bytes) -> Result<Accepted, IngestError> {
        let (shard, limits) = (self.shard(), self.limits_of(tenant));
        let begun = shard.now();
        let bytes = body.len();
        shard.metrics.add(&family::INGRESS_BYTES, &[tenant.as_str()], bytes as f64);
        let walked = self.walked(tenant, &limits, body);
        let spans = spans_in(&walked);
        if spans > 0 {
            let taken = self.take_rate(tenant, bytes, &limits).await;
            self.count_refusal(tenant, spans, &taken);
            taken?;
            self.count_received(tenant, bytes, spans);
        }
        let (body, index) = walked.inspect_err(|error| self.count_invalid(tenant, error))?;
        if spans == 0 {
            return Ok(Accepted { spans: 0 });
        }
        self.count_traces(&index.spans);
        let outcome = self.hand_over(tenant, &body, index).await;
        self.count_refusal(tenant, spans, &outcome);
        outcome?;
        self.delay(tenant, begun, &limits).await;
        let took: Duration = shard.now().saturating_sub(begun);
        shard.metrics.observe(&family::PUSH_DURATION, &[], took.as_secs_f64());
        Ok(Accepted { spans })
    }

    /// Checks the batch and finds its spans; cuts attributes that are too long.
    fn walked(
        &self,
        tenant: &TenantId,
        limits: &TenantLimits,
        body: Bytes,
    ) -> Result<(Bytes, BatchIndex), WalkError> {
        let limits = WalkLimits {
            value_depth_max: VALUE_DEPTH_MAX,
            attribute_bytes_max: limits.attribute_bytes_max,
        };
        let mut index = BatchIndex::default();
        let summary = walk(&body, &limits, &mut index)?;
        if !summary.needs_truncation {
            return Ok((body, index));
        }
        let (cut, counts) = truncate(&body, limits.attribute_bytes_max as usize);
        self.count_truncated(tenant, &counts);
        walk(&cut, &limits, &mut index)?;
        Ok((cut.into(), index))
    }

    async fn hand_over(
        &self,
        tenant: &TenantId,
        body: &Bytes,
        index: BatchIndex,
    ) -> Result<(), IngestError> {
        let received = self.shard().clock.unix_nanos();
        if self.owners().count() == 1 {
            return acknowledged(self.shard().append_slice(tenant, received, body, index).await);
        }
        let owners = self.owners();
        let parts =
            cut(body, &index, usize::from(owners.count()), |id| usize::from(owners.of(&id.0).0));
        let waits = (0..).map(CoreId).zip(parts).filter(|(_, part)| !part.index.spans.is_empty());
        let waits: Vec<_> =
            waits.map(|(owner, part)| self.send_part(owner, tenant, received, part)).collect();
        // All are waited for, so that an error does not leave work behind that nobody counts.
        join_all(waits).await.into_iter().try_for_each(acknowledged)
    }

    /// Gives a part to its owner. A full lane means that the owner is behind.
    fn send_part(
        &self,
        owner: CoreId,
        tenant: &TenantId,
        received_unix_nanos: u64,
        batch: SubBatch,
    ) -> Acknowledged {
        let (part, receiver) = part_for(tenant, received_unix_nanos, batch);
        if owner == self.shard().core {
            self.shard().append(part);
            return receiver;
        }
        let (refused, refusal) = match self.mesh().try_send(owner, Message::Ingest(part)) {
            Ok(()) => return receiver,
            Err(TrySendError::Full(message)) => {
                (message, self.shard().overloaded("the owner core of a trace is behind"))
            }
            Err(TrySendError::Closed(message)) => {
                (message, IngestError::Unavailable("a core has ended"))
            }
        };
        if let Message::Ingest(part) = refused {
            let _ = part.done.send(Err(refusal));
        }
        receiver
    }

    fn count_invalid(&self, tenant: &TenantId, error: &WalkError) {
        let (reason, spans) = match error {
            WalkError::TraceId { spans, .. } => ("invalid_trace_id", *spans),
            WalkError::SpanId { spans, .. } => ("invalid_span_id", *spans),
            // How many spans it would have been cannot be known.
            WalkError::Malformed { .. } => return,
        };
        let labels = [reason, tenant.as_str()];
        self.shard().metrics.add(&family::DISCARDED_SPANS, &labels, f64::from(spans));
    }

    fn count_refusal(&self, tenant: &TenantId, spans: usize, outcome: &Result<(), IngestError>) {
        let reason = match outcome {
            Ok(()) | Err(IngestError::Invalid(_)) => return,
            Err(IngestError::Overloaded { .. } | IngestError::RateLimited { .. }) => "rate_limited",
            Err(IngestError::TooLarge { .. } | IngestError::Unavailable(_)) => "unknown_error",
        };
        let labels = [reason, tenant.as_str()];
        self.shard().metrics.add(&family::DISCARDED_SPANS, &labels, spans as f64);
    }

    fn count_truncated(&self, tenant: &TenantId, counts: &Truncated) {
        let scopes = [
            ("resource", counts.resource),
            ("scope", counts.scope),
            ("span", counts.span),
            ("event", counts.event),
            ("link", counts.link),
        ];
        for (scope, count) in scopes.into_iter().filter(|(_, count)| *count > 0) {
            let labels = [tenant.as_str(), scope];
            self.shard().metrics.add(&family::ATTRIBUTES_TRUNCATED, &labels, count as f64);
        }
    }
}

/// Spans of a batch whose ids may be bad; 0 where it cannot be known.
fn spans_in(walked: &Result<(Bytes, BatchIndex), WalkError>) -> usize {
    match walked {
        Ok((_, index)) => index.spans.len(),
        Err(WalkError::TraceId { spans, .. } | WalkError::SpanId { spans, .. }) => *spans as usize,
        Err(WalkError::Malformed { .. }) => 0,
    }
}

/// An owner that dropped the answer has ended, and the process is about to.
fn acknowledged(
    answer: Result<Result<(), IngestError>, oneshot::Canceled>,
) -> Result<(), IngestError> {
    answer.unwrap_or(Err(IngestError::Unavailable("the write-ahead log has failed")))
}
