//! One row back to OTLP, from the levels of its columns (contract blocks.md §17).
//!
//! From: [`super::cursor`]. To: [`super::BlockReader::read_row`].

use bytes::Bytes;
use stringendo_proto::otlp::{
    AnyValue, ArrayValue, Event, InstrumentationScope, KeyValue, Link, Resource, ResourceSpans,
    ScopeSpans, Span, Status, TracesData, Value,
};

use super::any_json;
use super::columns::{AttrColumns, Column, Columns, DedicatedLeaf, level};
use super::cursor::{BadRow, RowCursors, ValueAt, ValuesAt};
use crate::meta::DedicatedType;

/// Memory that one trace may take as messages: some 300,000 spans.
const ROW_BYTES_MAX: usize = 512 << 20;

/// Columns below each repeated group: they all say so when the group is empty.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    resources: Vec<Column>,
    scopes: Vec<Column>,
    spans: Vec<Column>,
    events: Vec<Column>,
    links: Vec<Column>,
}

impl Groups {
    pub(crate) fn new(columns: &Columns) -> Self {
        let Columns { resource, scope, span, event, link, .. } = columns;
        let own = |dedicated: &[DedicatedLeaf]| -> Vec<Column> {
            dedicated.iter().map(|leaf| leaf.column).collect()
        };
        let mut events = vec![event.time_since_start, event.name, event.dropped];
        events.extend(event.attrs.all());
        events.extend(own(&event.dedicated));
        let mut links = vec![link.trace_id, link.span_id, link.trace_state, link.dropped];
        links.extend(link.attrs.all());
        let mut spans = vec![span.span_id, span.parent_span_id, span.name, span.kind];
        spans.extend([span.trace_state, span.start, span.duration]);
        spans.extend([span.status_code, span.status_message]);
        spans.extend([span.dropped, span.dropped_events, span.dropped_links]);
        spans.extend(span.attrs.all());
        spans.extend(own(&span.dedicated));
        spans.extend(events.iter().chain(&links));
        let mut scopes = vec![scope.name, scope.version, scope.dropped];
        scopes.extend(scope.attrs.all());
        scopes.extend(&spans);
        let mut resources = vec![resource.service_name, resource.dropped];
        resources.extend(resource.attrs.all());
        resources.extend(own(&resource.dedicated));
        resources.extend(&scopes);
        Self { resources, scopes, spans, events, links }
    }
}

/// Builds the trace of the row at which `cursors` stand.
pub(crate) fn assemble(
    columns: &Columns,
    groups: &Groups,
    cursors: RowCursors<'_>,
) -> Result<TracesData, BadRow> {
    let mut row =
        Assembly { columns, groups, cursors, trace_id: Bytes::new(), left_bytes: ROW_BYTES_MAX };
    row.trace_id = row.cursors.required(columns.trace_id, 0)?.bytes();
    let head = columns.resource.service_name;
    let resource_spans =
        row.list(head, &groups.resources, 0, level::RESOURCE, Assembly::resource_spans)?;
    row.cursors.finish()?;
    Ok(TracesData { resource_spans })
}

struct Assembly<'c, 'a> {
    columns: &'c Columns,
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

    fn resource_spans(&mut self, rep: u8) -> Result<ResourceSpans, BadRow> {
        let resource = self.resource(rep)?;
        let (head, all) = (self.columns.scope.name, &self.groups.scopes);
        let scope_spans = self.list(head, all, rep, level::SCOPE, Self::scope_spans)?;
        Ok(ResourceSpans { resource: Some(resource), scope_spans, schema_url: Bytes::new() })
    }

    fn resource(&mut self, rep: u8) -> Result<Resource, BadRow> {
        let columns = &self.columns.resource;
        let mut attributes = self.attributes(&columns.attrs, rep)?;
        self.dedicated(&columns.dedicated, rep, level::RESOURCE, &mut attributes)?;
        let service_name = self.bytes(columns.service_name, rep)?;
        if !service_name.is_empty() {
            let key = Bytes::from_static(b"service.name");
            attributes.push(key_value(key, Some(Value::String(service_name))));
        }
        let dropped_attributes_count = self.count(columns.dropped, rep)?;
        Ok(Resource { attributes, dropped_attributes_count })
    }

    fn scope_spans(&mut self, rep: u8) -> Result<ScopeSpans, BadRow> {
        let columns = &self.columns.scope;
        let scope = InstrumentationScope {
            name: self.bytes(columns.name, rep)?,
            version: self.bytes(columns.version, rep)?,
            attributes: self.attributes(&columns.attrs, rep)?,
            dropped_attributes_count: self.count(columns.dropped, rep)?,
        };
        let (head, all) = (self.columns.span.span_id, &self.groups.spans);
        let spans = self.list(head, all, rep, level::SPAN, Self::span)?;
        Ok(ScopeSpans { scope: Some(scope), spans, schema_url: Bytes::new() })
    }

    fn span(&mut self, rep: u8) -> Result<Span, BadRow> {
        let columns = &self.columns.span;
        let start = self.int(columns.start, rep)? as u64;
        let duration = self.int(columns.duration, rep)? as u64;
        let mut attributes = self.attributes(&columns.attrs, rep)?;
        self.dedicated(&columns.dedicated, rep, level::SPAN, &mut attributes)?;
        let (event_head, link_head) = (self.columns.event.name, self.columns.link.span_id);
        let event = |row: &mut Self, rep| row.event(rep, start);
        Ok(Span {
            trace_id: self.trace_id.clone(),
            span_id: self.bytes(columns.span_id, rep)?,
            trace_state: self.bytes(columns.trace_state, rep)?,
            parent_span_id: self.bytes(columns.parent_span_id, rep)?,
            flags: 0,
            name: self.bytes(columns.name, rep)?,
            kind: self.int(columns.kind, rep)? as i32,
            start_time_unix_nano: start,
            end_time_unix_nano: start.wrapping_add(duration),
            attributes,
            dropped_attributes_count: self.count(columns.dropped, rep)?,
            events: self.list(event_head, &self.groups.events, rep, level::EVENT, event)?,
            dropped_events_count: self.count(columns.dropped_events, rep)?,
            links: self.list(link_head, &self.groups.links, rep, level::LINK, Self::link)?,
            dropped_links_count: self.count(columns.dropped_links, rep)?,
            status: Some(Status {
                message: self.bytes(columns.status_message, rep)?,
                code: self.int(columns.status_code, rep)? as i32,
            }),
        })
    }

    fn event(&mut self, rep: u8, span_start: u64) -> Result<Event, BadRow> {
        let columns = &self.columns.event;
        let since_start = self.int(columns.time_since_start, rep)? as u64;
        let mut attributes = self.attributes(&columns.attrs, rep)?;
        self.dedicated(&columns.dedicated, rep, level::EVENT, &mut attributes)?;
        Ok(Event {
            time_unix_nano: span_start.wrapping_add(since_start),
            name: self.bytes(columns.name, rep)?,
            attributes,
            dropped_attributes_count: self.count(columns.dropped, rep)?,
        })
    }

    fn link(&mut self, rep: u8) -> Result<Link, BadRow> {
        let columns = &self.columns.link;
        Ok(Link {
            trace_id: self.bytes(columns.trace_id, rep)?,
            span_id: self.bytes(columns.span_id, rep)?,
            trace_state: self.bytes(columns.trace_state, rep)?,
            attributes: self.attributes(&columns.attrs, rep)?,
            dropped_attributes_count: self.count(columns.dropped, rep)?,
            flags: 0,
        })
    }

    fn attributes(&mut self, attrs: &AttrColumns, rep: u8) -> Result<Vec<KeyValue>, BadRow> {
        let attribute = |row: &mut Self, rep| row.attribute(attrs, rep);
        let found = self.list(attrs.key, &attrs.all(), rep, attrs.level, attribute)?;
        Ok(found.into_iter().flatten().collect())
    }

    /// An attribute; `None` for one that has no value at all.
    fn attribute(&mut self, attrs: &AttrColumns, rep: u8) -> Result<Option<KeyValue>, BadRow> {
        let element = attrs.level + 1;
        let key = self.bytes(attrs.key, rep)?;
        let is_array = self.cursors.required(attrs.is_array, rep)?.bool();
        let strings = self.cursors.repeated(attrs.value, rep, element)?;
        let ints = self.cursors.repeated(attrs.value_int, rep, element)?;
        let doubles = self.cursors.repeated(attrs.value_double, rep, element)?;
        let bools = self.cursors.repeated(attrs.value_bool, rep, element)?;
        let unsupported = self.cursors.optional(attrs.unsupported, rep)?;
        let values = self
            .values(&strings, string)?
            .or(self.values(&ints, |at| Value::Int(at.int()))?)
            .or(self.values(&doubles, |at| Value::Double(at.float()))?)
            .or(self.values(&bools, |at| Value::Bool(at.bool()))?);
        let value = match (is_array, values, unsupported) {
            (true, values, _) => Some(array(values.unwrap_or_default())),
            (false, Some(values), _) => values.into_iter().next(),
            (false, None, Some(json)) => {
                let AnyValue { value } = any_json::parse(&json.bytes());
                return Ok(Some(key_value(key, value)));
            }
            (false, None, None) => return Ok(None),
        };
        Ok(Some(key_value(key, value)))
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
        leaves: &[DedicatedLeaf],
        rep: u8,
        owner_level: u8,
        attributes: &mut Vec<KeyValue>,
    ) -> Result<(), BadRow> {
        for leaf in leaves {
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
