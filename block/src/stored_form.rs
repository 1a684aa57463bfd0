//! What a block keeps of a trace: brings spans that are still live into the form in which their
//! block will give them back (contract blocks.md §10, §11, §14, §17), so that an answer does not
//! change when its spans are flushed.
//!
//! From: a live segment's piece of a trace, one `ResourceSpans` for each that was sent. To:
//! [`crate::combine`]. That this does the same as encoding and reading back is a property test
//! (`tests/round_trip.rs`).

use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use smallvec::SmallVec;
use stringendo_proto::otlp::{
    AnyValue, KeyValue, Link, Resource, ResourceSpans, ScopeSpans, Span, TracesData, Value,
};

use crate::combine::regroup;
use crate::meta::{DedicatedColumn, DedicatedScope, DedicatedType};
use crate::schema;
use crate::version::Version;

const SERVICE_NAME: &[u8] = b"service.name";

/// A column that values of one key go into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnColumn {
    /// Of which type they must be.
    pub kind: DedicatedType,
    /// Whether lists of that type go there, too.
    pub takes_lists: bool,
}

/// Knows which attributes have columns of their own.
#[derive(Clone, Debug)]
pub struct StoredForm {
    resource: OwnColumns,
    span: OwnColumns,
    event: OwnColumns,
    /// Scopes and links have none.
    none: OwnColumns,
}

impl StoredForm {
    /// The form in blocks of this version with these dedicated columns.
    pub fn new(version: Version, dedicated: &[DedicatedColumn]) -> Self {
        let of = |scope| OwnColumns::of(version, dedicated, scope);
        Self {
            resource: of(DedicatedScope::Resource),
            span: of(DedicatedScope::Span),
            event: of(DedicatedScope::Event),
            none: OwnColumns::default(),
        }
    }

    /// The column that attributes of this key have in this scope, if there is one.
    pub fn column_of(&self, scope: DedicatedScope, key: &[u8]) -> Option<OwnColumn> {
        let columns = match scope {
            DedicatedScope::Resource => &self.resource,
            DedicatedScope::Span => &self.span,
            DedicatedScope::Event => &self.event,
        };
        let takes_lists = columns.take_lists;
        columns.by_key.get(key).map(|&(_, kind)| OwnColumn { kind, takes_lists })
    }

    /// The trace as its block will give it back, but for copies of spans, which
    /// [`crate::combine::combine`] drops.
    ///
    /// Lost are flags, schema URLs and empty service names; attributes with columns of their own
    /// come after the others, the last of each key counts, empty arrays vanish and arrays of one
    /// element are that element. Equal resources, and equal scopes of a resource, become one.
    pub fn of(&self, mut trace: TracesData) -> TracesData {
        for spans in &mut trace.resource_spans {
            self.resource_spans(spans);
        }
        let mut trace = regroup(trace);
        trace.resource_spans.iter_mut().for_each(sort_scope_attributes);
        trace
    }

    fn resource_spans(&self, spans: &mut ResourceSpans) {
        spans.schema_url = Bytes::new();
        self.resource(spans.resource.get_or_insert_default());
        merge_sent_scopes(&mut spans.scope_spans);
        for scope_spans in &mut spans.scope_spans {
            scope_spans.schema_url = Bytes::new();
            self.none.keep(&mut scope_spans.scope.get_or_insert_default().attributes);
            scope_spans.spans.iter_mut().for_each(|span| self.span(span));
        }
    }

    fn resource(&self, resource: &mut Resource) {
        let attributes = &mut resource.attributes;
        let service = take_service_name(attributes);
        attributes.sort_by(|a, b| a.key.cmp(&b.key));
        let fixed = self.resource.keep(attributes);
        if let Some(value) = service.filter(|name| !name.is_empty()).map(Value::String) {
            let service = key_value(Bytes::from_static(SERVICE_NAME), value);
            attributes.insert(attributes.len() - fixed, service);
        }
    }

    fn span(&self, span: &mut Span) {
        span.flags = 0;
        span.status.get_or_insert_default();
        if span.parent_span_id.iter().all(|byte| *byte == 0) {
            span.parent_span_id = Bytes::new();
        }
        self.span.keep(&mut span.attributes);
        for event in &mut span.events {
            self.event.keep(&mut event.attributes);
        }
        span.links.iter_mut().for_each(|link| self.link(link));
    }

    fn link(&self, link: &mut Link) {
        link.flags = 0;
        self.none.keep(&mut link.attributes);
    }
}

/// Within one entry of a request, scopes of one name and version are the first of them: its
/// attributes and its dropped count stand for all.
fn merge_sent_scopes(scopes: &mut Vec<ScopeSpans>) {
    if scopes.len() < 2 {
        return;
    }
    let mut places: HashMap<(Bytes, Bytes), usize, RandomState> = HashMap::default();
    let mut merged: Vec<ScopeSpans> = Vec::with_capacity(scopes.len());
    for mut scope_spans in scopes.drain(..) {
        let scope = scope_spans.scope.get_or_insert_default();
        let at = *places.entry((scope.name.clone(), scope.version.clone())).or_insert(merged.len());
        match merged.get_mut(at) {
            Some(first) => first.spans.append(&mut scope_spans.spans),
            None => merged.push(scope_spans),
        }
    }
    *scopes = merged;
}

/// Only beside another scope are the attributes of a scope stored by key (contract blocks.md §14).
fn sort_scope_attributes(resource: &mut ResourceSpans) {
    if resource.scope_spans.len() > 1 {
        for scope in resource.scope_spans.iter_mut().flat_map(|scope_spans| &mut scope_spans.scope)
        {
            scope.attributes.sort_by(|a, b| a.key.cmp(&b.key));
        }
    }
}

/// Takes out every service name that is a string; gives the last.
fn take_service_name(attributes: &mut Vec<KeyValue>) -> Option<Bytes> {
    let mut service = None;
    attributes.retain(|attribute| match &attribute.value {
        Some(AnyValue { value: Some(Value::String(name)) }) if attribute.key == SERVICE_NAME => {
            service = Some(name.clone());
            false
        }
        _ => true,
    });
    service
}

/// The attributes of one scope that have columns of their own.
#[derive(Clone, Debug, Default)]
struct OwnColumns {
    /// By key: place in the block's list, and type.
    by_key: HashMap<Bytes, (usize, DedicatedType), RandomState>,
    /// Whether the columns take more than one value.
    take_lists: bool,
}

/// Columns that every block of a version has come after those in its list.
const FIXED: usize = 1 << 16;

/// Place of a column, and what of its value comes back.
type Taken = SmallVec<[(usize, Bytes, Option<Value>); 16]>;

impl OwnColumns {
    fn of(version: Version, dedicated: &[DedicatedColumn], scope: DedicatedScope) -> Self {
        let mut by_key = HashMap::default();
        for (assigned, number) in schema::assign(version, dedicated, scope).into_iter().zip(FIXED..)
        {
            let place = assigned.entry.unwrap_or(number);
            // Of several columns of one name the first counts.
            by_key.entry(assigned.key.into()).or_insert((place, assigned.kind));
        }
        Self { by_key, take_lists: version == Version::V5 }
    }

    /// Brings attributes into the form in which they come back. Says how many of those at the end
    /// are in columns that every block of the version has.
    fn keep(&self, attributes: &mut Vec<KeyValue>) -> usize {
        let mut taken = Taken::new();
        attributes.retain_mut(|attribute| {
            let value = attribute.value.get_or_insert_default();
            if let Some((place, value)) = self.take(&attribute.key, value) {
                taken.retain(|(known, ..)| *known != place);
                taken.push((place, attribute.key.clone(), value));
                return false;
            }
            keep_value(value);
            true
        });
        taken.sort_unstable_by_key(|(place, ..)| *place);
        let is_fixed =
            |(place, _, value): &&(usize, _, Option<_>)| *place >= FIXED && value.is_some();
        let fixed = taken.iter().filter(is_fixed).count();
        let present = taken.into_iter().filter_map(|(_, key, value)| Some((key, value?)));
        attributes.extend(present.map(|(key, value)| key_value(key, value)));
        fixed
    }

    /// If there is a column for the value: which, and what comes back from it.
    fn take(&self, key: &Bytes, value: &AnyValue) -> Option<(usize, Option<Value>)> {
        if self.by_key.is_empty() {
            return None;
        }
        let (place, kind) = *self.by_key.get(key)?;
        let value = value.value.as_ref()?;
        if fits(kind, value) {
            return Some((place, Some(value.clone())));
        }
        let Value::Array(array) = value else { return None };
        if !self.take_lists {
            return None;
        }
        let all_fit = array.values.iter().flat_map(|element| &element.value);
        let all_fit = all_fit.filter(|element| fits(kind, element)).count() == array.values.len();
        all_fit.then(|| match &array.values[..] {
            [] => (place, None),
            [only] => (place, only.value.clone()),
            _ => (place, Some(value.clone())),
        })
    }
}

fn fits(kind: DedicatedType, value: &Value) -> bool {
    match kind {
        DedicatedType::String => matches!(value, Value::String(_)),
        DedicatedType::Int => matches!(value, Value::Int(_)),
    }
}

fn key_value(key: Bytes, value: Value) -> KeyValue {
    KeyValue { key, value: Some(AnyValue { value: Some(value) }) }
}

/// Values without a column of their type are stored as JSON, and come back from that.
fn keep_value(value: &mut AnyValue) {
    if !has_column(value) {
        through_json(value);
    }
}

fn has_column(value: &AnyValue) -> bool {
    match &value.value {
        Some(Value::Array(array)) => {
            let first = array.values.first().map(scalar_type);
            first != Some(None)
                && array.values.iter().all(|value| Some(scalar_type(value)) == first)
        }
        _ => scalar_type(value).is_some(),
    }
}

/// Which of the four types with columns a scalar has.
fn scalar_type(value: &AnyValue) -> Option<u8> {
    match value.value {
        Some(Value::String(_)) => Some(0),
        Some(Value::Int(_)) => Some(1),
        Some(Value::Double(_)) => Some(2),
        Some(Value::Bool(_)) => Some(3),
        _ => None,
    }
}

/// JSON holds no bytes that are not UTF-8, and does not tell a value of no type from none.
fn through_json(value: &mut AnyValue) {
    match &mut value.value {
        Some(Value::String(text)) => make_utf8(text),
        Some(Value::Array(array)) => array.values.iter_mut().for_each(through_json),
        Some(Value::Kvlist(list)) => {
            for entry in &mut list.values {
                make_utf8(&mut entry.key);
                through_json(entry.value.get_or_insert_default());
            }
        }
        _ => {}
    }
}

/// Each byte that is not UTF-8 becomes U+FFFD, as [`stringendo_proto::json::put_string`] does it.
fn make_utf8(text: &mut Bytes) {
    if std::str::from_utf8(text).is_ok() {
        return;
    }
    let mut made = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        made.push_str(chunk.valid());
        made.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    *text = made.into();
}

#[cfg(test)]
#[path = "stored_form_tests.rs"]
mod tests;
