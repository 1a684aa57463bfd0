//! A span's body into the columns of spans, events and links.

use smallvec::SmallVec;
use stringendo_proto::TraceId;
use stringendo_proto::wire::{Fields, Reader, Tag, Value, WireType};

use super::EncodeError;
use super::any::{self, Any};
use super::columns::{Columns, ROUNDED_STEPS_S};
use super::levels::List;
use crate::nested_set::Node;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// OTLP's status code of an error.
const STATUS_ERROR: u64 = 2;

/// Tags of the fields of `Span`.
mod tag {
    use super::{Tag, WireType, any::bytes_tag};

    const fn varint(field: u32) -> u32 {
        Tag::new(field, WireType::Varint).0
    }

    pub const ID: u32 = bytes_tag(2);
    pub const TRACE_STATE: u32 = bytes_tag(3);
    pub const PARENT_ID: u32 = bytes_tag(4);
    pub const NAME: u32 = bytes_tag(5);
    pub const KIND: u32 = varint(6);
    pub const START: u32 = Tag::new(7, WireType::Fixed64).0;
    pub const END: u32 = Tag::new(8, WireType::Fixed64).0;
    pub const ATTRIBUTE: u32 = bytes_tag(9);
    pub const DROPPED_ATTRIBUTES: u32 = varint(10);
    pub const EVENT: u32 = bytes_tag(11);
    pub const DROPPED_EVENTS: u32 = varint(12);
    pub const LINK: u32 = bytes_tag(13);
    pub const DROPPED_LINKS: u32 = varint(14);
    pub const STATUS: u32 = bytes_tag(15);
}

/// A span's fields, as slices of its body.
#[derive(Default)]
pub struct Span<'a> {
    /// As sent.
    id: &'a [u8],
    /// As sent; may be all zero.
    parent_id: &'a [u8],
    trace_state: &'a [u8],
    /// Name.
    pub name: &'a [u8],
    kind: i64,
    /// Nanoseconds since the Unix epoch.
    pub start: u64,
    /// Nanoseconds since the Unix epoch.
    pub end: u64,
    status_code: u64,
    status_message: &'a [u8],
    dropped_attributes: i32,
    dropped_events: i32,
    dropped_links: i32,
    attributes: SmallVec<[&'a [u8]; 24]>,
    events: SmallVec<[&'a [u8]; 4]>,
    links: SmallVec<[&'a [u8]; 4]>,
}

impl<'a> Span<'a> {
    /// Reads the body of a `Span`.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn parse(body: &'a [u8]) -> Result<Self, EncodeError> {
        let (mut span, mut r) = (Self::default(), Reader::new(body));
        while let Some(tag) = r.tag()? {
            match tag.0 {
                tag::ID => span.id = r.bytes()?,
                tag::TRACE_STATE => span.trace_state = r.bytes()?,
                tag::PARENT_ID => span.parent_id = r.bytes()?,
                tag::NAME => span.name = r.bytes()?,
                tag::KIND => span.kind = i64::from(r.varint()? as i32),
                tag::START => span.start = r.fixed64()?,
                tag::END => span.end = r.fixed64()?,
                tag::ATTRIBUTE => span.attributes.push(r.bytes()?),
                tag::DROPPED_ATTRIBUTES => span.dropped_attributes = r.varint()? as i32,
                tag::EVENT => span.events.push(r.bytes()?),
                tag::DROPPED_EVENTS => span.dropped_events = r.varint()? as i32,
                tag::LINK => span.links.push(r.bytes()?),
                tag::DROPPED_LINKS => span.dropped_links = r.varint()? as i32,
                tag::STATUS => span.status(r.bytes()?)?,
                _ => drop(r.value(tag)?),
            }
        }
        if span.parent_id.iter().all(|&byte| byte == 0) {
            span.parent_id = &[];
        }
        Ok(span)
    }

    fn status(&mut self, body: &'a [u8]) -> Result<(), EncodeError> {
        for field in Fields::new(body) {
            match field? {
                (2, Value::Bytes(text)) => self.status_message = text,
                (3, Value::Varint(code)) => self.status_code = code,
                _ => {}
            }
        }
        Ok(())
    }

    /// What places it in the trace's tree, and tells copies of it.
    pub fn node(&self) -> Node {
        let parent = (!self.parent_id.is_empty()).then(|| number_of(self.parent_id));
        Node { id: number_of(self.id), parent, kind: self.kind as i32 }
    }

    /// Whether it failed.
    pub fn is_error(&self) -> bool {
        self.status_code == STATUS_ERROR
    }

    /// Whether it is a root that is not counted as one for naming the trace: OpenTracing's
    /// "child of", as a link within the trace (contract blocks.md §13).
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn is_child_by_link(&self, trace_id: &TraceId) -> Result<bool, EncodeError> {
        for link in &self.links {
            let (mut same_trace, mut child_of) = (false, false);
            for field in Fields::new(link) {
                match field? {
                    (1, Value::Bytes(id)) => same_trace = id == trace_id.0,
                    (4, Value::Bytes(pair)) => child_of |= is_child_of(pair)?,
                    _ => {}
                }
            }
            if same_trace && child_of {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Bytes by Tempo's estimate (contract blocks.md §6).
    pub fn estimate_bytes(&self) -> u64 {
        let ids = self.id.len() + self.parent_id.len();
        let details = 7 * self.attributes.len() + 14 * self.events.len() + 29 * self.links.len();
        (45 + ids + details) as u64
    }

    /// Pushes the span into all its columns but those of the nested set.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn push(&self, columns: &mut Columns) -> Result<(), EncodeError> {
        self.push_own(columns);
        let owner = columns.spans;
        columns.spans += 1;
        let mut generic = 0;
        for pair in &self.attributes {
            generic += columns.span.attributes.push(owner, pair)?;
        }
        columns.lists.push(List::SpanAttributes, generic);
        columns.lists.push(List::Events, self.events.len() as u32);
        columns.lists.push(List::Links, self.links.len() as u32);
        self.events.iter().try_for_each(|event| push_event(columns, event, self.start))?;
        self.links.iter().try_for_each(|link| push_link(columns, link))
    }

    fn push_own(&self, columns: &mut Columns) {
        let to = &mut columns.span;
        to.id.values.push(self.id);
        to.parent_id.values.push(self.parent_id);
        to.name.values.push(self.name);
        to.kind.values.push(self.kind);
        to.trace_state.values.push(self.trace_state);
        to.start.values.push(self.start as i64);
        to.duration.values.push(self.end.wrapping_sub(self.start) as i64);
        to.status.values.push(self.status_code as i64);
        to.status_message.values.push(self.status_message);
        to.dropped_attributes.values.push(self.dropped_attributes);
        to.dropped_events.values.push(self.dropped_events);
        to.dropped_links.values.push(self.dropped_links);
        // Intervals are open at the left: a start on the border belongs to the one before.
        let before = self.start.saturating_sub(1);
        for (column, step) in to.rounded.iter_mut().zip(ROUNDED_STEPS_S) {
            column.values.push((before / (step * NANOS_PER_SECOND)) as i32);
        }
    }
}

/// An id as a number; ids of a wrong length, which ingest refuses, as what fits.
fn number_of(id: &[u8]) -> u64 {
    id.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn is_child_of(pair: &[u8]) -> Result<bool, EncodeError> {
    let (key, value) = any::key_value(pair)?;
    Ok(key == b"opentracing.ref_type" && Any::parse(value)? == Any::Str(b"child_of"))
}

fn push_event(columns: &mut Columns, body: &[u8], span_start: u64) -> Result<(), EncodeError> {
    let owner = columns.events;
    columns.events += 1;
    let to = &mut columns.detail;
    let (mut time, mut name, mut dropped, mut generic) = (0, &[][..], 0, 0);
    for field in Fields::new(body) {
        match field? {
            (1, Value::Fixed64(nanos)) => time = nanos,
            (2, Value::Bytes(text)) => name = text,
            (3, Value::Bytes(pair)) => generic += to.event_attributes.push(owner, pair)?,
            (4, Value::Varint(count)) => dropped = count as i32,
            _ => {}
        }
    }
    to.event_time.values.push(time.wrapping_sub(span_start) as i64);
    to.event_name.values.push(name);
    to.event_dropped.values.push(dropped);
    columns.lists.push(List::EventAttributes, generic);
    Ok(())
}

fn push_link(columns: &mut Columns, body: &[u8]) -> Result<(), EncodeError> {
    let to = &mut columns.detail;
    let (mut trace_id, mut span_id, mut trace_state) = (&[][..], &[][..], &[][..]);
    let (mut dropped, mut generic) = (0, 0);
    for field in Fields::new(body) {
        match field? {
            (1, Value::Bytes(id)) => trace_id = id,
            (2, Value::Bytes(id)) => span_id = id,
            (3, Value::Bytes(text)) => trace_state = text,
            (4, Value::Bytes(pair)) => generic += to.link_attributes.push(0, pair)?,
            (5, Value::Varint(count)) => dropped = count as i32,
            _ => {}
        }
    }
    to.link_trace_id.values.push(trace_id);
    to.link_span_id.values.push(span_id);
    to.link_trace_state.values.push(trace_state);
    to.link_dropped.values.push(dropped);
    columns.lists.push(List::LinkAttributes, generic);
    Ok(())
}
