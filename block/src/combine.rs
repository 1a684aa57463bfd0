//! Combines the pieces of a trace (contract blocks.md §15, http-api.md §3.1).
//!
//! From: traces read from blocks ([`crate::read`]) and from live segments. To: the API's answer.

use std::cmp::Ordering;

use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use prost::Message as _;
use stringendo_proto::otlp::{KeyValue, ResourceSpans, ScopeSpans, Span, TracesData};

type Map<K, V> = HashMap<K, V, RandomState>;
type Set<K> = HashSet<K, RandomState>;

/// `SpanKind` of a server span.
const SERVER: i32 = 2;
/// `SpanKind` of a client span.
const CLIENT: i32 = 3;

/// Combines pieces in order: a span whose (span id, kind) was seen in an earlier piece, or earlier
/// in the same piece, is dropped; resources and scopes that are equal are merged (order of
/// attributes and dropped counts aside, the first stays); everything is sorted by start time, then
/// span id, scopes and resources by their first span. Empty scopes and resources are dropped.
pub fn combine(pieces: Vec<TracesData>) -> TracesData {
    let mut merged = Merged::default();
    let mut seen: Set<(Bytes, i32)> = Set::default();
    let mut is_new = |span: &Span| seen.insert((span.span_id.clone(), span.kind));
    for resource in pieces.into_iter().flat_map(|piece| piece.resource_spans) {
        merged.add_resource(resource, &mut is_new);
    }
    let mut resource_spans: Vec<ResourceSpans> = merged.resources;
    resource_spans.retain_mut(|resource| {
        resource.scope_spans.iter_mut().for_each(sort_spans);
        resource.scope_spans.sort_by(|a, b| by_first_span(a.spans.first(), b.spans.first()));
        !resource.scope_spans.is_empty()
    });
    resource_spans.sort_by(|a, b| by_first_span(first_span(a), first_span(b)));
    TracesData { resource_spans }
}

/// Merges equal resources, and equal scopes of a resource, as [`combine`] does; everything stays in
/// the order in which it first appeared (contract blocks.md §14). Scopes without spans are dropped.
pub(crate) fn regroup(trace: TracesData) -> TracesData {
    let mut merged = Merged::default();
    for resource in trace.resource_spans {
        merged.add_resource(resource, &mut |_| true);
    }
    TracesData { resource_spans: merged.resources }
}

/// What was combined so far.
#[derive(Default)]
struct Merged {
    resources: Vec<ResourceSpans>,
    /// Canonical resource → its place in `resources`.
    resource_at: Map<Vec<u8>, usize>,
    /// Place of the resource and canonical scope → its place among the scopes of the resource.
    scope_at: Map<(usize, Vec<u8>), usize>,
}

impl Merged {
    fn add_resource(
        &mut self,
        mut resource: ResourceSpans,
        wanted: &mut impl FnMut(&Span) -> bool,
    ) {
        let scopes = std::mem::take(&mut resource.scope_spans);
        let key = resource_key(&resource);
        let at = *self.resource_at.entry(key).or_insert_with(|| {
            self.resources.push(resource);
            self.resources.len() - 1
        });
        scopes.into_iter().for_each(|scope| self.add_scope(at, scope, wanted));
    }

    fn add_scope(
        &mut self,
        resource: usize,
        mut scope: ScopeSpans,
        wanted: &mut impl FnMut(&Span) -> bool,
    ) {
        let mut spans = std::mem::take(&mut scope.spans);
        spans.retain(&mut *wanted);
        if spans.is_empty() {
            return;
        }
        let scopes = &mut self.resources[resource].scope_spans;
        let at = *self.scope_at.entry((resource, scope_key(&scope))).or_insert_with(|| {
            scopes.push(scope);
            scopes.len() - 1
        });
        scopes[at].spans.append(&mut spans);
    }
}

/// Equal for equal resources; dropped counts do not count.
fn resource_key(resource: &ResourceSpans) -> Vec<u8> {
    let attributes = resource.resource.as_ref().map_or(&[][..], |found| &found.attributes);
    let mut key = attributes_key(attributes);
    key.extend_from_slice(&resource.schema_url);
    key
}

/// Equal for equal scopes: name, version and attributes.
fn scope_key(scope: &ScopeSpans) -> Vec<u8> {
    let mut key = Vec::new();
    if let Some(found) = &scope.scope {
        push_delimited(&mut key, &found.name);
        push_delimited(&mut key, &found.version);
        key.append(&mut attributes_key(&found.attributes));
    } else {
        push_delimited(&mut key, &[]);
        push_delimited(&mut key, &[]);
    }
    key.extend_from_slice(&scope.schema_url);
    key
}

/// The attributes by key; values of one key stay in their order.
fn attributes_key(attributes: &[KeyValue]) -> Vec<u8> {
    let mut by_key: Vec<&KeyValue> = attributes.iter().collect();
    by_key.sort_by(|a, b| a.key.cmp(&b.key));
    let mut key = Vec::new();
    by_key.iter().for_each(|attribute| push_delimited(&mut key, &attribute.encode_to_vec()));
    key
}

fn push_delimited(key: &mut Vec<u8>, part: &[u8]) {
    key.extend_from_slice(&(part.len() as u64).to_le_bytes());
    key.extend_from_slice(part);
}

fn sort_spans(scope: &mut ScopeSpans) {
    scope.spans.sort_by(by_start);
}

/// By start time, then span id; kinds tell apart spans that share an id.
fn by_start(a: &Span, b: &Span) -> Ordering {
    let key = |span: &Span| (span.start_time_unix_nano, span.kind);
    let (a_key, b_key) = (key(a), key(b));
    a_key.0.cmp(&b_key.0).then_with(|| a.span_id.cmp(&b.span_id)).then(a_key.1.cmp(&b_key.1))
}

fn first_span(resource: &ResourceSpans) -> Option<&Span> {
    resource.scope_spans.first()?.spans.first()
}

fn by_first_span(a: Option<&Span>, b: Option<&Span>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => by_start(a, b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// Splits span ids that a client and a server span share (Zipkin style): the server span gets a new
/// unused id counting up from 1, its parent becomes the old id, its children follow it.
pub fn split_shared_ids(trace: &mut TracesData) {
    let new_ids = new_server_ids(trace);
    if new_ids.is_empty() {
        return;
    }
    for span in spans_mut(trace) {
        if span.kind == SERVER
            && let Some(new_id) = new_ids.get(&span.span_id)
        {
            span.parent_span_id = std::mem::replace(&mut span.span_id, new_id.clone());
        } else if span.parent_span_id != span.span_id
            && let Some(new_id) = new_ids.get(&span.parent_span_id)
        {
            span.parent_span_id = new_id.clone();
        }
    }
}

/// Shared id → the server span's new one.
fn new_server_ids(trace: &TracesData) -> Map<Bytes, Bytes> {
    let clients: Set<&Bytes> =
        spans(trace).filter(|span| span.kind == CLIENT).map(|span| &span.span_id).collect();
    let mut new_ids = Map::default();
    if clients.is_empty() {
        return new_ids;
    }
    let used: Set<&Bytes> = spans(trace).map(|span| &span.span_id).collect();
    let mut unused = (1_u64..)
        .map(|number| Bytes::copy_from_slice(&number.to_be_bytes()))
        .filter(|id| !used.contains(id));
    for span in spans(trace) {
        let is_shared = span.kind == SERVER && clients.contains(&span.span_id);
        if is_shared && !new_ids.contains_key(&span.span_id) {
            let new_id = unused.next().expect("there are more ids than spans in memory");
            new_ids.insert(span.span_id.clone(), new_id);
        }
    }
    new_ids
}

fn spans(trace: &TracesData) -> impl Iterator<Item = &Span> {
    let scopes = trace.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans)
}

fn spans_mut(trace: &mut TracesData) -> impl Iterator<Item = &mut Span> {
    let scopes = trace.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans)
}

#[cfg(test)]
#[path = "combine_tests.rs"]
mod tests;
