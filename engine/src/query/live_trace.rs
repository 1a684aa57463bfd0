//! The live pieces of a trace on one core, as messages that share the image's memory.

use bytes::Bytes;
use prost::Message as _;
use stringendo_block::SpanPart;
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{
    InstrumentationScope, Resource, ResourceSpans, ScopeSpans, Span, TracesData,
};
use stringendo_proto::walk::Slice32;

use super::trace::{TraceCost, TracePieces};
use crate::error::QueryError;
use crate::live::LiveSegment;
use crate::shard::Shard;
use crate::tenant::TenantId;

/// One piece per segment that holds spans of the trace, oldest first.
///
/// # Errors
/// When accepted bytes do not decode, which is a defect.
pub fn pieces(shard: &Shard, tenant: &TenantId, id: &TraceId) -> Result<TracePieces, QueryError> {
    let mut found = TracePieces::default();
    for segment in shard.live_segments() {
        add_piece(&mut found, &segment, tenant, id)?;
    }
    add_piece(&mut found, &shard.active.borrow(), tenant, id)?;
    Ok(found)
}

fn add_piece(
    found: &mut TracePieces,
    segment: &LiveSegment,
    tenant: &TenantId,
    id: &TraceId,
) -> Result<(), QueryError> {
    let Some(index) = segment.tenant(tenant) else { return Ok(()) };
    let mut piece = Piece::default();
    for (_, part) in index.spans_of(id) {
        let chunk = &segment.chunks()[part.chunk as usize];
        piece.add(chunk, &part).map_err(|error| {
            QueryError::Storage(format!("live data of trace {id} does not decode: {error}"))
        })?;
    }
    if !piece.trace.resource_spans.is_empty() {
        found.cost.add(TraceCost { inspected_bytes: piece.bytes, ..TraceCost::default() });
        found.pieces.push(piece.trace);
    }
    Ok(())
}

/// A piece being put together: runs of spans of one scope stay together.
#[derive(Default)]
struct Piece {
    trace: TracesData,
    run: Option<(u32, Slice32, Slice32)>,
    bytes: u64,
}

impl Piece {
    fn add(&mut self, chunk: &Bytes, part: &SpanPart) -> Result<(), prost::DecodeError> {
        let run = Some((part.chunk, part.resource, part.scope));
        if self.run != run {
            self.begin_run(chunk, part)?;
            self.run = run;
        }
        let span = Span::decode(slice(chunk, part.span))?;
        self.bytes += u64::from(part.span.len);
        let scope = self.trace.resource_spans.last_mut().and_then(|rs| rs.scope_spans.last_mut());
        if let Some(scope) = scope {
            scope.spans.push(span);
        }
        Ok(())
    }

    fn begin_run(&mut self, chunk: &Bytes, part: &SpanPart) -> Result<(), prost::DecodeError> {
        let scope = ScopeSpans {
            scope: Some(InstrumentationScope::decode(slice(chunk, part.scope))?),
            ..ScopeSpans::default()
        };
        self.trace.resource_spans.push(ResourceSpans {
            resource: Some(Resource::decode(slice(chunk, part.resource))?),
            scope_spans: vec![scope],
            ..ResourceSpans::default()
        });
        Ok(())
    }
}

fn slice(chunk: &Bytes, range: Slice32) -> Bytes {
    chunk.slice(range.offset as usize..(range.offset + range.len) as usize)
}
