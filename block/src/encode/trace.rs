//! A trace into the columns: grouping, duplicates, nested set, statistics.

use bytes::Bytes;
use hashbrown::HashSet;
use stringendo_proto::TraceId;

use super::columns::Columns;
use super::levels::List;
use super::resource::{Interned, Resource, Scope};
use super::span::Span;
use super::{EncodeError, SpanPart};
use crate::nested_set::{NestedSets, Node};
use crate::regroup::{Groups, Member, SentScopes};

const CACHE_LINE_BYTES: usize = 64;
/// About as many spans as fit the second cache.
const TOUCHED_SPANS_MAX: usize = 512;

/// What a stored trace adds to its block.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stored {
    /// Spans, without duplicates.
    pub spans: u64,
    /// Earliest start in nanoseconds since the Unix epoch; 0 = none known.
    pub start: u64,
    /// Latest end.
    pub end: u64,
    /// Bytes by Tempo's estimate.
    pub estimate_bytes: u64,
    /// Bytes that were read.
    pub read_bytes: u64,
}

/// Shreds traces; keeps its buffers and the resources seen.
#[derive(Default)]
pub struct Shredder {
    resources: Interned<Resource>,
    scopes: Interned<Scope>,
    groups: Groups,
    sent_scopes: SentScopes,
    /// Numbers of each span's resource and scope, by arrival.
    numbers: Vec<(u32, u32)>,
    seen: HashSet<(u64, i32), foldhash::fast::RandomState>,
    nodes: Vec<Node>,
    nested: NestedSets,
    /// Code of a service's name, spans, errors.
    stats: Vec<(u32, u32, u32)>,
    root_name: Vec<u8>,
    root_service: Vec<u8>,
}

impl Shredder {
    /// The dictionaries are gone, and with them the codes of resources and scopes.
    pub fn begin_row_group(&mut self) {
        self.resources.clear();
        self.scopes.clear();
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let nodes = self.nodes.capacity() * size_of::<Node>() * 2;
        self.resources.memory_bytes() + self.scopes.memory_bytes() + nodes
    }

    /// Stores a trace of at least one span as the next row.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn push(
        &mut self,
        columns: &mut Columns,
        chunks: &[Bytes],
        trace_id: &TraceId,
        parts: &[SpanPart],
    ) -> Result<Stored, EncodeError> {
        self.group(columns, chunks, parts)?;
        self.seen.clear();
        self.nodes.clear();
        self.stats.clear();
        self.root_name.clear();
        self.root_service.clear();
        let mut stored = Stored { estimate_bytes: 23, ..Stored::default() };
        let mut resources = 0;
        let members = std::mem::take(&mut self.groups.members);
        for of_resource in members.chunk_by(|a, b| a.resource == b.resource) {
            let mut trace = Trace { shredder: self, columns, chunks, trace_id, parts };
            resources += u32::from(trace.push_resource(of_resource, &mut stored)?);
        }
        self.groups.members = members;
        columns.lists.push(List::Resources, resources);
        columns.lists.rows += 1;
        self.push_nested(columns);
        self.push_stats(columns);
        self.push_trace(columns, trace_id, &stored);
        Ok(stored)
    }

    /// Finds the resource and the scope of every span, and brings spans into storage order.
    fn group(
        &mut self,
        columns: &mut Columns,
        chunks: &[Bytes],
        parts: &[SpanPart],
    ) -> Result<(), EncodeError> {
        self.resources.limit();
        self.scopes.limit();
        self.groups.clear();
        self.sent_scopes.clear();
        self.numbers.clear();
        touch(chunks, parts);
        for (at, part) in parts.iter().enumerate() {
            let before = at.checked_sub(1).map(|before| &parts[before]);
            let same = before.is_some_and(|before| {
                (before.chunk, before.resource, before.scope)
                    == (part.chunk, part.resource, part.scope)
            });
            let numbers = match self.numbers.last() {
                Some(&numbers) if same => numbers,
                _ => {
                    let chunk = chunk_of(chunks, part)?;
                    let chunk = (part.chunk, chunk);
                    let resource = self.resources.resource(chunk, part.resource, columns)?;
                    let scope = self.scopes.scope(chunk, part.scope, columns)?;
                    let naming = self.scopes.get(scope).naming;
                    let entry = (part.chunk, part.resource.offset);
                    (resource, self.sent_scopes.stand_in(entry, naming, scope))
                }
            };
            self.numbers.push(numbers);
            let identity = self.resources.get(numbers.0).identity;
            self.groups.push(identity, self.scopes.get(numbers.1).identity);
        }
        self.groups.sort();
        Ok(())
    }

    fn push_nested(&mut self, columns: &mut Columns) {
        let to = &mut columns.span;
        let places = self.nested.place(&self.nodes);
        for place in places {
            to.nested_parent.values.push(place.parent);
            to.nested_left.values.push(place.left);
            to.nested_right.values.push(place.right);
        }
        if let Some(column) = &mut to.children {
            places.iter().for_each(|place| column.values.push(place.children));
        }
    }

    /// Spans and errors per service, by name.
    fn push_stats(&mut self, columns: &mut Columns) {
        let names = &columns.group.service.values.dictionary;
        self.stats.sort_unstable_by(|a, b| names.get(a.0).cmp(names.get(b.0)));
        let to = &mut columns.trace;
        let mut services = 0;
        for same in self.stats.chunk_by(|a, b| a.0 == b.0) {
            to.stats_service.values.push(names.get(same[0].0));
            to.stats_spans.values.push(same.iter().map(|stat| stat.1).sum::<u32>() as i32);
            to.stats_errors.values.push(same.iter().map(|stat| stat.2).sum::<u32>() as i32);
            services += 1;
        }
        columns.lists.push(List::Stats, services);
    }

    fn push_trace(&self, columns: &mut Columns, trace_id: &TraceId, stored: &Stored) {
        let to = &mut columns.trace;
        to.trace_id.values.push(&trace_id.0);
        to.trace_id_text.values.push(trace_id.to_hex_trimmed().as_bytes());
        to.start.values.push(stored.start as i64);
        to.end.values.push(stored.end as i64);
        to.duration.values.push(stored.end.wrapping_sub(stored.start) as i64);
        to.root_service.values.push(&self.root_service);
        to.root_name.values.push(&self.root_name);
    }
}

/// Reads something of every cache line of the spans, which lie anywhere in the segment: so many
/// lines come from memory at a time, while parsing would wait for one after the other.
fn touch(chunks: &[Bytes], parts: &[SpanPart]) {
    let ahead = &parts[..parts.len().min(TOUCHED_SPANS_MAX)];
    let bodies = ahead.iter().filter_map(|part| {
        let start = part.span.offset as usize;
        chunks.get(part.chunk as usize)?.get(start..start + part.span.len as usize)
    });
    let lines = bodies.flat_map(|body| body.iter().step_by(CACHE_LINE_BYTES));
    std::hint::black_box(lines.fold(0, |all, byte| all ^ byte));
}

fn chunk_of<'c>(chunks: &'c [Bytes], part: &SpanPart) -> Result<&'c Bytes, EncodeError> {
    let chunk = chunks.get(part.chunk as usize);
    let chunk = chunk.ok_or_else(|| EncodeError::Malformed("no such chunk".into()))?;
    let within = [part.resource, part.scope, part.span]
        .iter()
        .all(|slice| u64::from(slice.offset) + u64::from(slice.len) <= chunk.len() as u64);
    if within { Ok(chunk) } else { Err(EncodeError::Malformed("span beyond its chunk".into())) }
}

/// The trace under way.
struct Trace<'t> {
    shredder: &'t mut Shredder,
    columns: &'t mut Columns,
    chunks: &'t [Bytes],
    trace_id: &'t TraceId,
    parts: &'t [SpanPart],
}

impl Trace<'_> {
    /// Stores the spans of one resource, then the resource; false if all spans were duplicates.
    fn push_resource(
        &mut self,
        members: &[Member],
        stored: &mut Stored,
    ) -> Result<bool, EncodeError> {
        let (number, _) = self.shredder.numbers[members[0].span as usize];
        let before = stored.spans;
        let (mut scopes, mut errors) = (0, 0);
        for of_scope in members.chunk_by(|a, b| a.scope == b.scope) {
            scopes += u32::from(self.push_scope(number, of_scope, &mut errors, stored)?);
        }
        if scopes == 0 {
            return Ok(false);
        }
        let resource = self.shredder.resources.get_mut(number);
        let spans = (stored.spans - before) as u32;
        self.shredder.stats.push((resource.service, spans, errors));
        stored.estimate_bytes += 31 + 7 * resource.attributes.count as u64;
        let owner = self.columns.resources;
        self.columns.resources += 1;
        let to = &mut self.columns.group;
        let generic = to.resource_attributes.push_list(owner, &mut resource.attributes)?;
        to.service.values.codes.push(resource.service);
        to.resource_dropped.values.push(resource.dropped);
        self.columns.lists.push(List::ResourceAttributes, generic);
        self.columns.lists.push(List::Scopes, scopes);
        Ok(true)
    }

    /// Stores the spans of one scope, then the scope; false if all spans were duplicates.
    fn push_scope(
        &mut self,
        resource: u32,
        members: &[Member],
        errors: &mut u32,
        stored: &mut Stored,
    ) -> Result<bool, EncodeError> {
        let mut spans = 0;
        for member in members {
            spans += u32::from(self.push_span(resource, member.span, errors, stored)?);
        }
        if spans == 0 {
            return Ok(false);
        }
        let (_, number) = self.shredder.numbers[members[0].span as usize];
        let scope = self.shredder.scopes.get_mut(number);
        let scopes = self.shredder.groups.scopes_of_resource[members[0].resource as usize];
        let attributes = if scopes > 1 { &mut scope.sorted } else { &mut scope.attributes };
        stored.estimate_bytes += 6 + 7 * attributes.count as u64;
        let to = &mut self.columns.group;
        let generic = to.scope_attributes.push_list(0, attributes)?;
        to.scope_name.values.codes.push(scope.name);
        to.scope_version.values.codes.push(scope.version);
        to.scope_dropped.values.push(scope.dropped);
        if let Some(column) = &mut to.span_count {
            column.values.push(spans as i32);
        }
        self.columns.lists.push(List::ScopeAttributes, generic);
        self.columns.lists.push(List::Spans, spans);
        Ok(true)
    }

    /// Stores a span; false if one of its id and kind is stored already.
    fn push_span(
        &mut self,
        resource: u32,
        at: u32,
        errors: &mut u32,
        stored: &mut Stored,
    ) -> Result<bool, EncodeError> {
        let part = &self.parts[at as usize];
        let body = part.span.of(chunk_of(self.chunks, part)?);
        let span = Span::parse(body)?;
        let node = span.node();
        if self.parts.len() > 1 && !self.shredder.seen.insert((node.id, node.kind)) {
            return Ok(false);
        }
        span.push(self.columns)?;
        if node.parent.is_none() && !span.is_child_by_link(self.trace_id)? {
            let service = &self.shredder.resources.get(resource).root_service;
            span.name.clone_into(&mut self.shredder.root_name);
            service.as_ref().clone_into(&mut self.shredder.root_service);
        }
        self.shredder.nodes.push(node);
        *errors += u32::from(span.is_error());
        stored.spans += 1;
        stored.read_bytes += body.len() as u64;
        stored.estimate_bytes += span.estimate_bytes();
        stored.end = stored.end.max(span.end);
        if span.start != 0 && (stored.start == 0 || span.start < stored.start) {
            stored.start = span.start;
        }
        Ok(true)
    }
}
