//! Cuts a walked batch into one batch per owner. Each is itself valid OTLP: resource and scope
//! bytes are repeated around untouched span bytes.
//!
//! From: a batch and the positions that [`crate::walk`] found. To: the cores that own the traces,
//! whose WAL appends the part and whose live index keeps its positions. This module does not know
//! what an owner is: it is a number. A caller with one owner has nothing to cut.
//!
//! Schema URLs are kept. Not kept, because no position says where they are: unknown fields of
//! `ResourceSpans` and `ScopeSpans`, and those of them that have no spans. A part is never longer
//! than the batch.
//!
//! Work and memory are linear in the number of spans, whatever the number of owners: spans are
//! sorted by owner once; the spans of an owner then fall into runs of one scope, and runs into
//! groups of one resource. Sizes are added up before anything is written, so each part is one
//! allocation of exactly its size.

use std::ops::Range;

use crate::TraceId;
use crate::walk::{BatchIndex, ScopePos, Slice32, SpanPos};
use crate::wire::{bytes_field_len, put_bytes, put_bytes_header};

/// `ExportTraceServiceRequest.resource_spans`.
const RESOURCE_SPANS: u32 = 1;
/// `ResourceSpans.resource` and `ScopeSpans.scope`.
const HEAD: u32 = 1;
/// `ResourceSpans.scope_spans` and `ScopeSpans.spans`.
const ITEMS: u32 = 2;
/// `ResourceSpans.schema_url` and `ScopeSpans.schema_url`.
const SCHEMA_URL: u32 = 3;

/// The part of a batch that one owner gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubBatch {
    /// Valid OTLP (`ExportTraceServiceRequest`).
    pub bytes: Vec<u8>,
    /// Positions inside `bytes`; the same that [`crate::walk::walk`] would find there.
    pub index: BatchIndex,
}

/// Cuts `batch` into `owners` parts; part `i` of the answer belongs to owner `i` and may be empty.
/// `owner_of` must return values below `owners`.
pub fn cut(
    batch: &[u8],
    index: &BatchIndex,
    owners: usize,
    owner_of: impl Fn(&TraceId) -> usize,
) -> Vec<SubBatch> {
    let (order, ends) = sort_by_owner(&index.spans, owners, owner_of);
    let mut layout = Layout::default();
    let mut start = 0;
    let mut parts = Vec::with_capacity(owners);
    for end in ends {
        let spans = &order[start..end];
        start = end;
        parts.push(layout.plan(index, spans).write(batch, index, spans));
    }
    parts
}

/// Indexes of spans ordered by owner, within an owner in wire order; and where each owner's end.
fn sort_by_owner(
    spans: &[SpanPos],
    owners: usize,
    owner_of: impl Fn(&TraceId) -> usize,
) -> (Vec<u32>, Vec<usize>) {
    let owner_of_span: Vec<u32> = spans.iter().map(|s| owner_of(&s.trace_id) as u32).collect();
    let mut next = vec![0; owners];
    for &owner in &owner_of_span {
        next[owner as usize] += 1;
    }
    let mut sum = 0;
    for count in &mut next {
        sum += std::mem::replace(count, sum);
    }
    let mut order = vec![0; spans.len()];
    for (span, &owner) in owner_of_span.iter().enumerate() {
        order[next[owner as usize]] = span as u32;
        next[owner as usize] += 1;
    }
    // Every cursor has moved from its owner's start to its end.
    (order, next)
}

/// What one part will look like. Reused from owner to owner.
#[derive(Default)]
struct Layout {
    /// One for each `ScopeSpans` of the part.
    runs: Vec<Run>,
    /// One for each `ResourceSpans` of the part.
    groups: Vec<Group>,
}

/// Spans of one owner in one scope.
struct Run {
    /// Index into the batch's scopes.
    scope: u32,
    /// Which of the owner's spans.
    spans: Range<usize>,
    /// Bytes of the `ScopeSpans` body.
    body_len: usize,
}

/// Runs of one resource.
struct Group {
    /// Which of the owner's runs.
    runs: Range<usize>,
    /// Bytes of the `ResourceSpans` body.
    body_len: usize,
}

impl Layout {
    /// Finds runs and groups of `spans`, which are indexes into the batch's, in wire order.
    fn plan(&mut self, index: &BatchIndex, spans: &[u32]) -> &Self {
        self.runs.clear();
        self.groups.clear();
        for (at, &span) in spans.iter().enumerate() {
            let span = &index.spans[span as usize];
            let span_len = bytes_field_len(ITEMS, span.body.len as usize);
            match self.runs.last_mut().filter(|run| run.scope == span.scope) {
                Some(run) => {
                    run.spans.end = at + 1;
                    run.body_len += span_len;
                }
                None => {
                    let pos = &index.scopes[span.scope as usize];
                    let body_len = optional_len(HEAD, pos.scope)
                        + optional_len(SCHEMA_URL, pos.scope_schema_url);
                    let body_len = body_len + span_len;
                    self.runs.push(Run { scope: span.scope, spans: at..at + 1, body_len });
                }
            }
        }
        self.group_runs(&index.scopes);
        self
    }

    fn group_runs(&mut self, scopes: &[ScopePos]) {
        let mut resource_spans = None;
        for (at, run) in self.runs.iter().enumerate() {
            let pos = &scopes[run.scope as usize];
            if resource_spans != Some(pos.resource_spans) {
                resource_spans = Some(pos.resource_spans);
                let body_len = optional_len(HEAD, pos.resource)
                    + optional_len(SCHEMA_URL, pos.resource_schema_url);
                self.groups.push(Group { runs: at..at, body_len });
            }
            let group = self.groups.last_mut().expect("the first run begins a group");
            group.runs.end = at + 1;
            group.body_len += bytes_field_len(ITEMS, run.body_len);
        }
    }

    fn write(&self, batch: &[u8], index: &BatchIndex, spans: &[u32]) -> SubBatch {
        let len = self.groups.iter().map(|g| bytes_field_len(RESOURCE_SPANS, g.body_len)).sum();
        let mut out = Vec::with_capacity(len);
        let mut positions = BatchIndex {
            spans: Vec::with_capacity(spans.len()),
            scopes: Vec::with_capacity(self.runs.len()),
        };
        for (ordinal, group) in self.groups.iter().enumerate() {
            put_bytes_header(&mut out, RESOURCE_SPANS, group.body_len);
            let runs = &self.runs[group.runs.clone()];
            let source = &index.scopes[runs[0].scope as usize];
            let resource = put_optional(&mut out, HEAD, batch, source.resource);
            let first = positions.scopes.len();
            for run in runs {
                let pos = write_run(&mut out, batch, index, run, spans, &mut positions);
                positions.scopes.push(ScopePos { resource, resource_spans: ordinal as u32, ..pos });
            }
            let schema_url = put_optional(&mut out, SCHEMA_URL, batch, source.resource_schema_url);
            for scope in &mut positions.scopes[first..] {
                scope.resource_schema_url = schema_url;
            }
        }
        debug_assert_eq!(out.len(), len);
        SubBatch { bytes: out, index: positions }
    }
}

/// Writes one `ScopeSpans` field and notes its spans in `positions`.
fn write_run(
    out: &mut Vec<u8>,
    batch: &[u8],
    index: &BatchIndex,
    run: &Run,
    spans: &[u32],
    positions: &mut BatchIndex,
) -> ScopePos {
    put_bytes_header(out, ITEMS, run.body_len);
    let source = &index.scopes[run.scope as usize];
    let scope = put_optional(out, HEAD, batch, source.scope);
    let scope_ordinal = positions.scopes.len() as u32;
    for &span in &spans[run.spans.clone()] {
        let span = &index.spans[span as usize];
        put_bytes(out, ITEMS, span.body.of(batch));
        let body = tail(out, span.body.len);
        positions.spans.push(SpanPos { body, scope: scope_ordinal, ..*span });
    }
    let scope_schema_url = put_optional(out, SCHEMA_URL, batch, source.scope_schema_url);
    ScopePos { scope, scope_schema_url, ..ScopePos::default() }
}

/// The last `len` bytes of `out`.
fn tail(out: &[u8], len: u32) -> Slice32 {
    // A part is not longer than the batch, which is below 4 GiB.
    Slice32 { offset: out.len() as u32 - len, len }
}

fn optional_len(field: u32, slice: Slice32) -> usize {
    if slice.is_absent() { 0 } else { bytes_field_len(field, slice.len as usize) }
}

fn put_optional(out: &mut Vec<u8>, field: u32, batch: &[u8], slice: Slice32) -> Slice32 {
    if slice.is_absent() {
        return slice;
    }
    put_bytes(out, field, slice.of(batch));
    tail(out, slice.len)
}

#[cfg(test)]
#[path = "cut_tests.rs"]
mod tests;
