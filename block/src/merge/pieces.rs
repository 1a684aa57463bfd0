//! A trace that several blocks have pieces of: read as OTLP, combined, and laid out so that the
//! encoder takes it.
//!
//! From: [`super::input`]. To: [`crate::encode::BlockEncoder::add_trace`].

use bytes::Bytes;
use hashbrown::HashSet;
use prost::Message as _;
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{ResourceSpans, TracesData};
use stringendo_proto::walk::Slice32;

use super::input::Input;
use crate::combine::combine;
use crate::encode::SpanPart;
use crate::read::ReadError;
use crate::read::stream::DecodeBudget;

/// A trace as the encoder takes it.
pub(super) struct Combined {
    pub(super) id: TraceId,
    /// Bodies of resources, scopes and spans.
    pub(super) bytes: Bytes,
    pub(super) parts: Vec<SpanPart>,
    /// Only the first piece was kept.
    pub(super) is_too_large: bool,
    /// Spans of the other pieces.
    pub(super) spans_discarded: u64,
    /// Spans that several pieces had.
    pub(super) spans_repeated: u64,
}

/// Reads the next row of each of these inputs, and combines them. Beyond `bytes_max` (0: none) only
/// the first is kept (contract blocks.md §16).
pub(super) fn read(
    inputs: &[Input],
    holders: &[usize],
    bytes_max: u64,
    budget: &mut DecodeBudget,
) -> Result<Combined, (usize, ReadError)> {
    let (mut pieces, mut taken, mut bytes) = (Vec::new(), 0, 0);
    let (mut is_too_large, mut spans_discarded) = (false, 0);
    for &holder in holders {
        if is_too_large {
            spans_discarded += spans_of(&inputs[holder]);
            continue;
        }
        let row = inputs[holder].read_row(budget);
        let (piece, memory) = row.map_err(|error| {
            budget.give_back(taken);
            (holder, error)
        })?;
        taken += memory;
        bytes += piece.encoded_len() as u64;
        if bytes_max > 0 && bytes > bytes_max && !pieces.is_empty() {
            is_too_large = true;
            spans_discarded += discard_all_but_first(&mut pieces) + spans_of(&inputs[holder]);
        } else {
            pieces.push(piece);
        }
    }
    let id = holders.first().and_then(|first| inputs[*first].next_id());
    let id = id.unwrap_or(TraceId([0; 16]));
    let spans: u64 = pieces.iter().map(span_count).sum();
    let trace = if pieces.len() == 1 { pieces.remove(0) } else { combine(pieces) };
    let (bytes, parts) = lay_out(&trace);
    let spans_repeated = spans.saturating_sub(parts.len() as u64);
    drop(trace);
    budget.give_back(taken);
    Ok(Combined { id, bytes, parts, is_too_large, spans_discarded, spans_repeated })
}

fn spans_of(input: &Input) -> u64 {
    input.spans_of(input.next_row()) as u64
}

/// Gives how many spans are gone.
fn discard_all_but_first(pieces: &mut Vec<TracesData>) -> u64 {
    pieces.drain(1..).map(|piece| span_count(&piece)).sum()
}

fn span_count(piece: &TracesData) -> u64 {
    let scopes = piece.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.map(|scope| scope.spans.len() as u64).sum()
}

/// The bodies of a trace's messages one after the other, and where those of each span are.
fn lay_out(trace: &TracesData) -> (Bytes, Vec<SpanPart>) {
    let (mut out, mut parts) = (Vec::new(), Vec::new());
    for resource in &trace.resource_spans {
        lay_out_resource(resource, &mut out, &mut parts);
    }
    (out.into(), parts)
}

fn lay_out_resource(resource: &ResourceSpans, out: &mut Vec<u8>, parts: &mut Vec<SpanPart>) {
    let mut names = HashSet::new();
    let mut resource_body = put(out, resource.resource.as_ref());
    for scope in &resource.scope_spans {
        let name = scope.scope.as_ref().map(|scope| (&scope.name, &scope.version));
        if !names.insert(name) {
            // Of scopes of one name in one message of a resource, the encoder takes the first
            // one's attributes for all.
            resource_body = put(out, resource.resource.as_ref());
            names = HashSet::from([name]);
        }
        let scope_body = put(out, scope.scope.as_ref());
        for span in &scope.spans {
            let span = put(out, Some(span));
            parts.push(SpanPart { chunk: 0, resource: resource_body, scope: scope_body, span });
        }
    }
}

/// Appends the body of a message, if there is one.
fn put(out: &mut Vec<u8>, message: Option<&impl prost::Message>) -> Slice32 {
    let start = out.len();
    message.into_iter().for_each(|message| message.encode_raw(out));
    Slice32 { offset: start as u32, len: (out.len() - start) as u32 }
}
