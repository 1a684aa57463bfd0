//! A span's body into the columns of spans, events and links.

use stringendo_proto::TraceId;
use stringendo_proto::wire::{Fields, Reader, Tag, Value, WireType};

use super::EncodeError;
use super::any::{self, Any};
use super::columns::{Columns, ROUNDED_STEPS_S};
use super::guesses::GuessPlace;
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
    attributes: Part<'a>,
    events: Part<'a>,
    links: Part<'a>,
}

/// The fields of one tag: how many, and the part of the body that they are in, others between them.
#[derive(Clone, Copy, Default)]
struct Part<'a> {
    /// The span.
    body: &'a [u8],
    /// Where the first of them begins.
    start: usize,
    /// Where the last of them ends.
    end: usize,
    count: usize,
}

impl<'a> Part<'a> {
    /// Reads the field whose tag was read at `start`, and those of the same tag right behind.
    #[inline]
    fn read(&mut self, r: &mut Reader<'a>, start: usize, tag: u32) -> Result<(), EncodeError> {
        if self.count == 0 {
            self.start = start;
        }
        r.bytes()?;
        self.count += 1;
        let mut rest = r.rest();
        while let Some((_, behind)) = short_field(rest, tag) {
            self.count += 1;
            rest = behind;
        }
        self.end = self.body.len() - rest.len();
        *r = Reader::new(rest);
        Ok(())
    }

    /// Gives each of them and its number to `each`.
    #[inline]
    fn each(
        &self,
        tag: u32,
        mut each: impl FnMut(usize, &'a [u8]) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let (mut rest, mut at) = (&self.body[self.start..self.end], 0);
        while !rest.is_empty() {
            let (value, behind) = match short_field(rest, tag) {
                Some((value, behind)) => (Some(value), behind),
                None => any_field(rest, tag)?,
            };
            if let Some(value) = value {
                each(at, value)?;
                at += 1;
            }
            rest = behind;
        }
        Ok(())
    }
}

/// The first field's value and what is behind it, if it has this tag and a length of one byte.
#[inline]
fn short_field(fields: &[u8], tag: u32) -> Option<(&[u8], &[u8])> {
    let (&[first, length], behind) = fields.split_first_chunk()?;
    if u32::from(first) != tag || length >= 0x80 {
        return None;
    }
    behind.split_at_checked(usize::from(length))
}

/// The first field's value, if it has this tag, and what is behind it.
fn any_field(fields: &[u8], tag: u32) -> Result<(Option<&[u8]>, &[u8]), EncodeError> {
    let mut r = Reader::new(fields);
    let value = match r.tag()? {
        Some(Tag(found)) if found == tag => Some(r.bytes()?),
        Some(other) => {
            r.value(other)?;
            None
        }
        None => None,
    };
    Ok((value, r.rest()))
}

impl<'a> Span<'a> {
    fn new(body: &'a [u8]) -> Self {
        let part = Part { body, ..Part::default() };
        Self { attributes: part, events: part, links: part, ..Self::default() }
    }

    /// Reads the body of a `Span`.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn parse(body: &'a [u8]) -> Result<Self, EncodeError> {
        let (mut span, mut r) = (Self::new(body), Reader::new(body));
        loop {
            let start = body.len() - r.rest().len();
            let Some(tag) = r.tag()? else { break };
            match tag.0 {
                tag::ID => span.id = r.bytes()?,
                tag::TRACE_STATE => span.trace_state = r.bytes()?,
                tag::PARENT_ID => span.parent_id = r.bytes()?,
                tag::NAME => span.name = r.bytes()?,
                tag::KIND => span.kind = i64::from(r.varint()? as i32),
                tag::START => span.start = r.fixed64()?,
                tag::END => span.end = r.fixed64()?,
                tag::ATTRIBUTE => span.attributes.read(&mut r, start, tag::ATTRIBUTE)?,
                tag::DROPPED_ATTRIBUTES => span.dropped_attributes = r.varint()? as i32,
                tag::EVENT => span.events.read(&mut r, start, tag::EVENT)?,
                tag::DROPPED_EVENTS => span.dropped_events = r.varint()? as i32,
                tag::LINK => span.links.read(&mut r, start, tag::LINK)?,
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
        let mut is_child = false;
        self.links.each(tag::LINK, |_, link| {
            is_child = is_child || is_child_of_same_trace(link, trace_id)?;
            Ok(())
        })?;
        Ok(is_child)
    }

    /// Bytes by Tempo's estimate (contract blocks.md §6).
    pub fn estimate_bytes(&self) -> u64 {
        let ids = self.id.len() + self.parent_id.len();
        let details = 7 * self.attributes.count + 14 * self.events.count + 29 * self.links.count;
        (45 + ids + details) as u64
    }

    /// Pushes the span into all its columns but those of the nested set.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn push(&self, columns: &mut Columns) -> Result<(), EncodeError> {
        let name = self.push_own(columns);
        let owner = columns.spans;
        columns.spans += 1;
        let (mut generic, to) = (0, &mut columns.span.attributes);
        let count = self.attributes.count;
        self.attributes.each(tag::ATTRIBUTE, |at, pair| {
            generic += to.push_guessed(owner, pair, GuessPlace::of(name, count, at))?;
            Ok(())
        })?;
        columns.lists.push(List::SpanAttributes, generic);
        columns.lists.push(List::Events, self.events.count as u32);
        columns.lists.push(List::Links, self.links.count as u32);
        self.events.each(tag::EVENT, |_, event| push_event(columns, event, self.start))?;
        self.links.each(tag::LINK, |_, link| push_link(columns, link))
    }

    /// Gives the code of its name.
    fn push_own(&self, columns: &mut Columns) -> u32 {
        let to = &mut columns.span;
        to.id.values.push(self.id);
        to.parent_id.values.push(self.parent_id);
        let name = to.name.values.push(self.name);
        to.kind.values.push(self.kind);
        to.trace_state.values.push(self.trace_state);
        to.start.values.push(self.start as i64);
        to.duration.values.push(self.end.wrapping_sub(self.start) as i64);
        to.status.values.push(self.status_code as i64);
        to.status_message.values.push(self.status_message);
        to.dropped_attributes.values.push(self.dropped_attributes);
        to.dropped_events.values.push(self.dropped_events);
        to.dropped_links.values.push(self.dropped_links);
        if let Some(rounded) = &mut to.rounded {
            // Intervals are open at the left: a start on the border belongs to the one before.
            let before = self.start.saturating_sub(1);
            for (column, step) in rounded.iter_mut().zip(ROUNDED_STEPS_S) {
                column.values.push((before / (step * NANOS_PER_SECOND)) as i32);
            }
        }
        name
    }
}

/// An id as a number; ids of a wrong length, which ingest refuses, as what fits.
fn number_of(id: &[u8]) -> u64 {
    id.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn is_child_of_same_trace(link: &[u8], trace_id: &TraceId) -> Result<bool, EncodeError> {
    let (mut same_trace, mut child_of) = (false, false);
    for field in Fields::new(link) {
        match field? {
            (1, Value::Bytes(id)) => same_trace = id == trace_id.0,
            (4, Value::Bytes(pair)) => child_of |= is_child_of(pair)?,
            _ => {}
        }
    }
    Ok(same_trace && child_of)
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

#[cfg(test)]
#[path = "span_tests.rs"]
mod tests;
