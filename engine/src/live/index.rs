//! Where every trace of one tenant is in a segment's image.
//!
//! Spans of a trace form a list through one array, in order of arrival: no allocation per trace
//! beyond the hash table's slot, about 60 bytes per span.

use hashbrown::HashMap;
use stringendo_block::SpanPart;
use stringendo_proto::TraceId;
use stringendo_proto::walk::{BatchIndex, ScopePos, Slice32};

const NONE: u32 = u32::MAX;

/// Where a frame's payload is.
#[derive(Clone, Copy, Debug)]
pub struct Placement {
    /// Number of the chunk.
    pub chunk: u32,
    /// First byte of the payload in the chunk.
    pub payload_offset: u32,
}

/// A span in the image.
#[derive(Clone, Copy, Debug)]
pub struct LiveSpan {
    /// Body of the `Span` message in its chunk.
    pub body: Slice32,
    /// Start, nanoseconds since the Unix epoch.
    pub start_unix_nano: u64,
    /// End, nanoseconds since the Unix epoch.
    pub end_unix_nano: u64,
    scope: u32,
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct LiveScope {
    chunk: u32,
    resource: Slice32,
    scope: Slice32,
}

#[derive(Clone, Copy, Debug)]
struct TraceList {
    first: u32,
    last: u32,
}

/// The traces of one tenant in one segment.
#[derive(Default)]
pub struct TenantIndex {
    traces: HashMap<TraceId, TraceList, foldhash::fast::RandomState>,
    spans: Vec<LiveSpan>,
    scopes: Vec<LiveScope>,
    payload_bytes: u64,
}

impl TenantIndex {
    /// Adds a frame's spans; returns how many traces were new.
    pub fn add(&mut self, place: Placement, payload_bytes: u32, batch: &BatchIndex) -> usize {
        self.payload_bytes += u64::from(payload_bytes);
        let first_scope = self.scopes.len() as u32;
        self.scopes.extend(batch.scopes.iter().map(|scope| place_scope(place, scope)));
        let traces_before = self.traces.len();
        self.spans.reserve(batch.spans.len());
        for span in &batch.spans {
            let at = self.spans.len() as u32;
            self.spans.push(LiveSpan {
                body: shift(span.body, place),
                start_unix_nano: span.start_unix_nano,
                end_unix_nano: span.end_unix_nano,
                scope: first_scope + span.scope,
                next: NONE,
            });
            self.link(span.trace_id, at);
        }
        self.traces.len() - traces_before
    }

    fn link(&mut self, trace_id: TraceId, at: u32) {
        let list = self.traces.entry(trace_id).or_insert(TraceList { first: at, last: at });
        if list.last != at {
            self.spans[list.last as usize].next = at;
            list.last = at;
        }
    }

    /// Number of traces.
    pub fn traces(&self) -> usize {
        self.traces.len()
    }

    /// Number of spans.
    pub fn spans(&self) -> usize {
        self.spans.len()
    }

    /// Bytes of OTLP received.
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// Memory held.
    pub fn memory_bytes(&self) -> u64 {
        let slot = size_of::<(TraceId, TraceList)>() + 1;
        (self.traces.capacity() * slot
            + self.spans.capacity() * size_of::<LiveSpan>()
            + self.scopes.capacity() * size_of::<LiveScope>()) as u64
    }

    /// Whether the trace is here.
    pub fn contains(&self, trace_id: &TraceId) -> bool {
        self.traces.contains_key(trace_id)
    }

    /// Ids of all traces, in no order.
    pub fn trace_ids(&self) -> impl Iterator<Item = &TraceId> {
        self.traces.keys()
    }

    /// The spans of a trace in order of arrival.
    pub fn spans_of(&self, trace_id: &TraceId) -> impl Iterator<Item = (&LiveSpan, SpanPart)> {
        let mut next = self.traces.get(trace_id).map_or(NONE, |list| list.first);
        std::iter::from_fn(move || {
            let span = self.spans.get(next as usize)?;
            next = span.next;
            Some((span, self.part(span)))
        })
    }

    /// All spans from number `first` on, in order of arrival.
    pub fn spans_from(&self, first: usize) -> impl Iterator<Item = (&LiveSpan, SpanPart)> {
        let spans = self.spans.get(first..).unwrap_or(&[]);
        spans.iter().map(|span| (span, self.part(span)))
    }

    fn part(&self, span: &LiveSpan) -> SpanPart {
        let scope = self.scopes[span.scope as usize];
        SpanPart {
            chunk: scope.chunk,
            resource: scope.resource,
            scope: scope.scope,
            span: span.body,
        }
    }
}

fn place_scope(place: Placement, scope: &ScopePos) -> LiveScope {
    LiveScope {
        chunk: place.chunk,
        resource: shift(scope.resource, place),
        scope: shift(scope.scope, place),
    }
}

/// Positions in a batch become positions in the chunk; what is absent becomes empty.
fn shift(slice: Slice32, place: Placement) -> Slice32 {
    Slice32 { offset: slice.offset + place.payload_offset, len: slice.len }
}
