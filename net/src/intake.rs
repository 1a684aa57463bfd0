//! What all receivers have in common: tenant, storing a batch, and counting what became of it.
//!
//! From: `grpc::export` and `otlp_http`, with a decompressed protobuf body. To:
//! [`Node::ingest`].

use bytes::Bytes;
use http::HeaderMap;
use stringendo_engine::limits::VALUE_DEPTH_MAX;
use stringendo_engine::metrics::families as family;
use stringendo_engine::{Node, TenantId};
use stringendo_proto::walk::{BatchIndex, WalkLimits, walk};

use crate::settings::{ReceiverSettings, SpanLog};
use crate::span_log;
use crate::status::Refusal;
use crate::tenant::Tenants;
use crate::warnings::Warnings;

/// Value of the `receiver` label (contract receivers.md §2.5).
const RECEIVER: &str = "otlp/otlp_receiver";

/// The way into the engine for one transport on one core.
pub struct Intake {
    node: Node,
    tenants: Tenants,
    transport: &'static str,
    span_log: SpanLog,
    discard_log: SpanLog,
    warnings: Warnings,
}

impl Intake {
    /// For `transport`, which is `grpc` or `http`. Its counters appear at once, at zero.
    pub fn new(node: Node, settings: &ReceiverSettings, transport: &'static str) -> Self {
        for family in [&family::ACCEPTED_SPANS, &family::REFUSED_SPANS] {
            node.counters().add(family, &[RECEIVER, transport], 0.0);
        }
        Self {
            node,
            tenants: Tenants::new(settings.tenant.clone()),
            transport,
            span_log: settings.log_received_spans.clone(),
            discard_log: settings.log_discarded_spans.clone(),
            warnings: Warnings::default(),
        }
    }

    /// The engine.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Whose request it is.
    ///
    /// # Errors
    /// See [`Tenants::of`].
    pub fn tenant(&self, headers: &HeaderMap) -> Result<TenantId, Refusal> {
        self.tenants.of(headers)
    }

    /// A refusal as this tenant is told it: not all want to know when to try again.
    pub fn told(&self, tenant: &TenantId, refusal: Refusal) -> Refusal {
        match self.node.limits_of(tenant).retry_info {
            true => refusal,
            false => Refusal { retry_after: None, ..refusal },
        }
    }

    /// Stores a batch and returns when it is durable.
    ///
    /// # Errors
    /// What the engine refuses.
    pub async fn store(&self, tenant: &TenantId, body: Bytes) -> Result<(), Refusal> {
        let kept = body.clone();
        match self.node.ingest(tenant, body).await {
            Ok(accepted) => {
                let labels = [RECEIVER, self.transport];
                self.node.counters().add(&family::ACCEPTED_SPANS, &labels, accepted.spans as f64);
                if self.span_log.enabled {
                    span_log::log(&self.span_log, &kept);
                }
                Ok(())
            }
            Err(error) => {
                span_log::log_discarded(&self.discard_log, tenant.as_str(), &kept);
                let refusal = Refusal::from(error);
                let spans = if refusal.spans == 0 { spans_in(&kept) } else { refusal.spans };
                Err(Refusal { spans, ..refusal })
            }
        }
    }

    /// Counts a refusal and warns of it now and then.
    pub fn count(&self, refusal: &Refusal) {
        let counters = self.node.counters();
        let labels = [RECEIVER, self.transport, refusal.reason];
        counters.add(&family::REFUSED_REQUESTS, &labels, 1.0);
        let labels = [RECEIVER, self.transport];
        counters.add(&family::REFUSED_SPANS, &labels, f64::from(refusal.spans));
        let (reason, transport, error) = (refusal.reason, self.transport, &refusal.message);
        if let Some(held_back) = self.warnings.is_due(reason, self.node.clock().monotonic()) {
            tracing::warn!(transport, reason, %error, held_back, "request refused");
        } else {
            tracing::debug!(transport, reason, %error, "request refused");
        }
    }
}

/// How many spans a refused batch holds; 0 if it cannot be read.
fn spans_in(body: &[u8]) -> u32 {
    let limits = WalkLimits { value_depth_max: VALUE_DEPTH_MAX, attribute_bytes_max: 0 };
    let mut index = BatchIndex::default();
    match walk(body, &limits, &mut index) {
        Ok(_) => u32::try_from(index.spans.len()).unwrap_or(u32::MAX),
        Err(_) => 0,
    }
}
