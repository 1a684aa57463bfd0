//! One row back to OTLP, from the levels of its columns (contract blocks.md §17).
//!
//! From: [`super::cursor`]. To: [`super::rows`].

use bytes::Bytes;
use smallvec::SmallVec;
use stringendo_proto::otlp::{
    AnyValue, ArrayValue, Event, InstrumentationScope, KeyValue, Link, Resource, ResourceSpans,
    ScopeSpans, Span, Status, TracesData, Value,
};

use super::columns::{AttrColumns, Column, Columns, DedicatedLeaf, LinkColumns, level};
use super::content::{Groups, Names, RowContent};
use super::cursor::{BadRow, RowCursors, ValueAt, ValuesAt};
use super::links;
use super::texts::TextForm;
use crate::meta::DedicatedType;

/// Memory that one trace may take as messages: some 300,000 spans.
const ROW_BYTES_MAX: usize = 512 << 20;

/// Builds the trace of the row at which `cursors` stand.
pub(super) fn assemble(
    columns: &Columns,
    (content, groups): (&RowContent, &Groups),
    cursors: RowCursors<'_>,
) -> Result<TracesData, BadRow> {
    let (trace_id, left_bytes) = (Bytes::new(), ROW_BYTES_MAX);
    let mut row = Assembly { columns, content, groups, cursors, trace_id, left_bytes };
    row.trace_id = row.cursors.required(columns.trace_id, 0)?.bytes();
    let head = columns.resource.service_name;
    let resource_spans =
        row.list(head, &groups.resources, 0, level::RESOURCE, Assembly::resource_spans)?;
    row.cursors.finish()?;
    Ok(TracesData { resource_spans })
}

struct Assembly<'c, 'a> {
    columns: &'c Columns,
    content: &'c RowContent,
    groups: &'c Groups,
    cursors: RowCursors<'a>,
    trace_id: Bytes,
    left_bytes: usize,
}

impl<'c, 'a> Assembly<'c, 'a> {
    /// The items of a repeated group at `level` below the present item, which was entered with
    /// repetition level `rep`. `head` is a column that has one value per item.
    fn list<T>(
        &mut self,
        head: Column,
        all: &[Column],
        rep: u8,
        level: u8,
        item: impl Fn(&mut Self, u8) -> Result<T, BadRow>,
    ) -> Result<Vec<T>, BadRow> {
        let mut items = Vec::new();
        if !self.cursors.has_items(head, level)? {
            self.cursors.skip_empty(all, rep, level)?;
            return Ok(items);
        }
        let mut rep = rep;
        loop {
            self.spend(size_of::<T>())?;
            items.push(item(self, rep)?);
            if !self.cursors.has_more(head, level)? {
                return Ok(items);
            }
            rep = level;
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), BadRow> {
        let left = self.left_bytes.checked_sub(bytes);
        self.left_bytes = left.ok_or_else(|| BadRow("trace is larger than the limit".into()))?;
        Ok(())
    }

    fn bytes(&mut self, column: Column, rep: u8) -> Result<Bytes, BadRow> {
        self.cursors.required(column, rep).map(ValueAt::bytes)
    }

    fn int(&mut self, column: Column, rep: u8) -> Result<i64, BadRow> {
        self.cursors.required(column, rep).map(ValueAt::int)
    }

    fn count(&mut self, column: Column, rep: u8) -> Result<u32, BadRow> {
        // Stored as i32; larger counts wrapped when written.
        self.int(column, rep).map(|count| count as u32)
    }

    /// A count that not every version keeps.
    fn any_count(&mut self, column: Option<Column>, rep: u8) -> Result<u32, BadRow> {
        column.map_or(Ok(0), |column| self.count(column, rep))
    }

    /// A count that is left out where only what queries ask for is read.
    fn detail(&mut self, column: Column, rep: u8) -> Result<u32, BadRow> {
        if self.content.details { self.count(column, rep) } else { Ok(0) }
    }

    fn resource_spans(&mut self, rep: u8) -> Result<ResourceSpans, BadRow> {
        let resource = self.resource(rep)?;
        let (head, all) = (self.columns.scope.name, &self.groups.scopes);
        let scope_spans = self.list(head, all, rep, level::SCOPE, Self::scope_spans)?;
        Ok(ResourceSpans { resource: Some(resource), scope_spans, schema_url: Bytes::new() })
    }

    fn resource(&mut self, rep: u8) -> Result<Resource, BadRow> {
        let columns = &self.columns.resource;
        let mut attributes = self.attributes(&columns.attrs, &Names::All, rep)?;
        let (before, behind) = columns.dedicated.split_at(columns.before_service_name);
        self.dedicated((before, level::RESOURCE), &Names::All, rep, &mut attributes)?;
        let service_name = self.bytes(columns.service_name, rep)?;
        if !service_name.is_empty() {
            let key = Bytes::from_static(b"service.name");
            attributes.push(key_value(key, Some(Value::String(service_name))));
        }
        self.dedicated((behind, level::RESOURCE), &Names::All, rep, &mut attributes)?;
        let dropped_attributes_count = self.any_count(columns.dropped, rep)?;
        Ok(Resource { attributes, dropped_attributes_count })
    }

    fn scope_spans(&mut self, rep: u8) -> Result<ScopeSpans, BadRow> {
        let columns = &self.columns.scope;
        let scope = InstrumentationScope {
            name: self.bytes(columns.name, rep)?,
            version: self.bytes(columns.version, rep)?,
            attributes: match &columns.attrs {
                Some(attrs) => self.attributes(attrs, &Names::All, rep)?,
                None => Vec::new(),
            },
            dropped_attributes_count: self.any_count(columns.dropped, rep)?,
        };
        let (head, all) = (self.columns.span.span_id, &self.groups.spans);
        let spans = self.list(head, all, rep, level::SPAN, Self::span)?;
        Ok(ScopeSpans { scope: Some(scope), spans, schema_url: Bytes::new() })
    }

    fn span(&mut self, rep: u8) -> Result<Span, BadRow> {
        let columns = &self.columns.span;
        let start = self.int(columns.start, rep)? as u64;
        let duration = self.int(columns.duration, rep)? as u64;
        let (content, mut attributes) = (self.content, Vec::new());
        if content.has_span_attributes() {
            attributes = self.attributes(&columns.attrs, &content.span_attributes, rep)?;
        }
        let own = (columns.dedicated.as_slice(), level::SPAN);
        self.dedicated(own, &content.span_attributes, rep, &mut attributes)?;
        Ok(Span {
            trace_id: self.trace_id.clone(),
            span_id: self.bytes(columns.span_id, rep)?,
            trace_state: match content.details {
                true => self.bytes(columns.trace_state, rep)?,
                false => Bytes::new(),
            },
            parent_span_id: self.bytes(columns.parent_span_id, rep)?,
            flags: 0,
            name: self.bytes(columns.name, rep)?,
            kind: self.int(columns.kind, rep)? as i32,
            start_time_unix_nano: start,
            end_time_unix_nano: start.wrapping_add(duration),
            attributes,
            dropped_attributes_count: self.detail(columns.dropped, rep)?,
            events: self.events(rep, start)?,
            dropped_events_count: self.detail(columns.dropped_events, rep)?,
            links: self.links(rep)?,
            dropped_links_count: self.detail(columns.dropped_links, rep)?,
            status: Some(Status {
                message: self.bytes(columns.status_message, rep)?,
                code: self.int(columns.status_code, rep)? as i32,
            }),
        })
    }

    fn events(&mut self, rep: u8, span_start: u64) -> Result<Vec<Event>, BadRow> {
        if !self.content.events {
            return Ok(Vec::new());
        }
        let event = |row: &mut Self, rep| row.event(rep, span_start);
        self.list(self.columns.event.name, &self.groups.events, rep, level::EVENT, event)
    }

    fn links(&mut self, rep: u8) -> Result<Vec<Link>, BadRow> {
        if let Some(column) = self.columns.span.links_message {
            let message = self.bytes(column, rep)?;
            // A message of so many bytes is some times as large in memory.
            self.spend(message.len() * 8)?;
            return links::decode(message).ok_or_else(|| BadRow("links do not decode".into()));
        }
        let Some(link) = &self.columns.link else { return Ok(Vec::new()) };
        let item = |row: &mut Self, rep| row.link(link, rep);
        self.list(link.span_id, &self.groups.links, rep, level::LINK, item)
    }

    fn event(&mut self, rep: u8, span_start: u64) -> Result<Event, BadRow> {
        let columns = &self.columns.event;
        let time = self.int(columns.time, rep)? as u64;
        let time = if columns.is_absolute { time } else { span_start.wrapping_add(time) };
        let mut attributes = self.attributes(&columns.attrs, &Names::All, rep)?;
        self.dedicated((&columns.dedicated, level::EVENT), &Names::All, rep, &mut attributes)?;
        Ok(Event {
            time_unix_nano: time,
            name: self.bytes(columns.name, rep)?,
            attributes,
            dropped_attributes_count: self.count(columns.dropped, rep)?,
        })
    }

    fn link(&mut self, columns: &LinkColumns, rep: u8) -> Result<Link, BadRow> {
        Ok(Link {
            trace_id: self.bytes(columns.trace_id, rep)?,
            span_id: self.bytes(columns.span_id, rep)?,
            trace_state: self.bytes(columns.trace_state, rep)?,
            attributes: self.attributes(&columns.attrs, &Names::All, rep)?,
            dropped_attributes_count: self.count(columns.dropped, rep)?,
            flags: 0,
        })
    }

    fn attributes(
        &mut self,
        attrs: &AttrColumns,
        names: &Names,
        rep: u8,
    ) -> Result<Vec<KeyValue>, BadRow> {
        let attribute = |row: &mut Self, rep| row.attribute(attrs, names, rep);
        let all: SmallVec<[Column; 8]> = attrs.all().collect();
        let found = self.list(attrs.key, &all, rep, attrs.level, attribute)?;
        Ok(found.into_iter().flatten().collect())
    }

    /// An attribute; `None` for one that has no value at all, or another name.
    fn attribute(
        &mut self,
        attrs: &AttrColumns,
        names: &Names,
        rep: u8,
    ) -> Result<Option<KeyValue>, BadRow> {
        let element = attrs.level + 1;
        let key = self.bytes(attrs.key, rep)?;
        let is_array = match attrs.is_array {
            Some(column) => self.cursors.required(column, rep)?.bool(),
            None => false,
        };
        let is_wanted = names.has(&key);
        let values = match attrs.values {
            Some(columns) => self.typed_values(columns, rep, element, is_wanted)?,
            None => None,
        };
        let text = self.text(attrs, rep)?;
        if !is_wanted {
            return Ok(None);
        }
        let value = match (is_array, values, text) {
            (true, values, _) => Some(array(values.unwrap_or_default())),
            (false, Some(values), _) => values.into_iter().next(),
            (false, None, Some(text)) => match attrs.form.parse(&text) {
                Some(AnyValue { value }) => value,
                None => return Ok(None),
            },
            (false, None, None) => return Ok(None),
        };
        Ok(Some(key_value(key, value)))
    }

    /// The values in columns of strings, integers, doubles and booleans: of the first type that has
    /// any. Those that nobody wants are stepped over.
    fn typed_values(
        &mut self,
        [strings, ints, doubles, bools]: [Column; 4],
        rep: u8,
        element: u8,
        is_wanted: bool,
    ) -> Result<Option<Vec<Value>>, BadRow> {
        let strings = self.cursors.repeated(strings, rep, element)?;
        let ints = self.cursors.repeated(ints, rep, element)?;
        let doubles = self.cursors.repeated(doubles, rep, element)?;
        let bools = self.cursors.repeated(bools, rep, element)?;
        if !is_wanted {
            return Ok(None);
        }
        Ok(self
            .values(&strings, string)?
            .or(self.values(&ints, |at| Value::Int(at.int()))?)
            .or(self.values(&doubles, |at| Value::Double(at.float()))?)
            .or(self.values(&bools, |at| Value::Bool(at.bool()))?))
    }

    /// The first text that is not empty.
    fn text(&mut self, attrs: &AttrColumns, rep: u8) -> Result<Option<Bytes>, BadRow> {
        let mut text = None;
        for column in &attrs.texts {
            let found = match attrs.form {
                TextForm::Message => Some(self.cursors.required(*column, rep)?),
                TextForm::Rest | TextForm::Json => self.cursors.optional(*column, rep)?,
            };
            let found = found.map(ValueAt::bytes);
            text = text.or(found.filter(|text| attrs.form != TextForm::Json || !text.is_empty()));
        }
        Ok(text)
    }

    /// The values of one list; `None` if it is empty.
    fn values(
        &mut self,
        found: &ValuesAt<'a>,
        value: impl Fn(ValueAt<'a>) -> Value,
    ) -> Result<Option<Vec<Value>>, BadRow> {
        if found.len() == 0 {
            return Ok(None);
        }
        self.spend(found.len() * size_of::<Value>())?;
        Ok(Some(found.iter().map(value).collect()))
    }

    /// Attributes that have a column of their own: one element is a scalar, more are an array.
    fn dedicated(
        &mut self,
        (leaves, owner_level): (&[DedicatedLeaf], u8),
        names: &Names,
        rep: u8,
        attributes: &mut Vec<KeyValue>,
    ) -> Result<(), BadRow> {
        for leaf in leaves.iter().filter(|leaf| names.has(&leaf.key)) {
            let found = self.cursors.repeated(leaf.column, rep, owner_level + 1)?;
            let values = match leaf.kind {
                DedicatedType::String => self.values(&found, string)?,
                DedicatedType::Int => self.values(&found, |at| Value::Int(at.int()))?,
            };
            let Some(mut values) = values else { continue };
            self.spend(size_of::<KeyValue>())?;
            let value = if values.len() == 1 { values.pop() } else { Some(array(values)) };
            attributes.push(key_value(leaf.key.clone(), value));
        }
        Ok(())
    }
}

fn string(at: ValueAt<'_>) -> Value {
    Value::String(at.bytes())
}

fn array(values: Vec<Value>) -> Value {
    let values = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
    Value::Array(ArrayValue { values })
}

fn key_value(key: Bytes, value: Option<Value>) -> KeyValue {
    KeyValue { key, value: Some(AnyValue { value }) }
}
