//! From requested fields to columns.
//!
//! From: [`super::BlockReader::scan`]. To: [`super::spans`].

use bytes::Bytes;

use super::attributes::AttrGroup;
use super::{AttributeScope, ItemList, ScanField};
use crate::meta::DedicatedType;
use crate::read::columns::{AttrColumns, Column, Columns, DedicatedLeaf, level};

/// Where the value of a field is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// One value per trace.
    TraceInt(Column),
    TraceBytes(Column),
    /// One value per instrumentation scope.
    ScopeBytes(Column),
    /// One value per span.
    SpanInt(Column),
    SpanBytes(Column),
    /// One value per event or link.
    ItemInt(ItemList, Column),
    ItemBytes(ItemList, Column),
    /// An attribute: number of the group and of the key in it.
    Attribute {
        group: usize,
        key: usize,
    },
}

/// What a scan reads.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Per requested field.
    pub(super) sources: Vec<Source>,
    /// Generic, dedicated and static attributes by where they belong.
    pub(super) groups: Vec<AttrGroup>,
    /// Lists of which some field is read.
    pub(super) lists: Vec<ItemList>,
}

impl Plan {
    pub(super) fn new(columns: &Columns, fields: &[ScanField]) -> Self {
        let mut plan = Self::default();
        for list in [ItemList::Events, ItemList::Links] {
            if fields.iter().any(|field| field.list() == Some(list)) {
                plan.lists.push(list);
            }
        }
        for field in fields {
            let source = plan.source(columns, field);
            plan.sources.push(source);
        }
        plan
    }

    fn source(&mut self, columns: &Columns, field: &ScanField) -> Source {
        let span = &columns.span;
        match field {
            ScanField::Name => Source::SpanBytes(span.name),
            ScanField::Duration => Source::SpanInt(span.duration),
            ScanField::Status => Source::SpanInt(span.status_code),
            ScanField::StatusMessage => Source::SpanBytes(span.status_message),
            ScanField::Kind => Source::SpanInt(span.kind),
            ScanField::SpanId => Source::SpanBytes(span.span_id),
            ScanField::ParentId => Source::SpanBytes(span.parent_span_id),
            ScanField::ChildCount => Source::SpanInt(span.child_count),
            ScanField::NestedSetLeft => Source::SpanInt(span.left),
            ScanField::NestedSetRight => Source::SpanInt(span.right),
            ScanField::NestedSetParent => Source::SpanInt(span.parent),
            ScanField::TraceDuration => Source::TraceInt(columns.duration),
            ScanField::RootName => Source::TraceBytes(columns.root_name),
            ScanField::RootService => Source::TraceBytes(columns.root_service),
            ScanField::TraceId => Source::TraceBytes(columns.trace_id),
            ScanField::ScopeName => Source::ScopeBytes(columns.scope.name),
            ScanField::ScopeVersion => Source::ScopeBytes(columns.scope.version),
            ScanField::EventName => Source::ItemBytes(ItemList::Events, columns.event.name),
            ScanField::EventTimeSinceStart => {
                Source::ItemInt(ItemList::Events, columns.event.time_since_start)
            }
            ScanField::LinkTraceId => Source::ItemBytes(ItemList::Links, columns.link.trace_id),
            ScanField::LinkSpanId => Source::ItemBytes(ItemList::Links, columns.link.span_id),
            ScanField::Attribute { scope, key } => self.attribute(columns, *scope, key),
        }
    }

    fn attribute(&mut self, columns: &Columns, scope: AttributeScope, key: &str) -> Source {
        let group = match self.groups.iter().position(|group| group.scope == scope) {
            Some(group) => group,
            None => {
                self.groups.push(new_group(columns, scope));
                self.groups.len() - 1
            }
        };
        let key = Bytes::copy_from_slice(key.as_bytes());
        let key = self.groups[group].add_key(key, dedicated_of(columns, scope));
        Source::Attribute { group, key }
    }

    /// Every column that may be read.
    pub(super) fn needed(&self, columns: &Columns) -> Vec<Column> {
        let mut needed = vec![columns.trace_id, columns.start, columns.end];
        needed.extend([columns.root_name, columns.root_service, columns.stats_service]);
        needed.extend([columns.stats_spans, columns.stats_errors, columns.span.span_id]);
        needed.extend([columns.span.start, columns.span.duration]);
        for source in &self.sources {
            match source {
                Source::TraceInt(column)
                | Source::TraceBytes(column)
                | Source::ScopeBytes(column)
                | Source::SpanInt(column)
                | Source::SpanBytes(column)
                | Source::ItemInt(_, column)
                | Source::ItemBytes(_, column) => needed.push(*column),
                Source::Attribute { .. } => {}
            }
        }
        self.groups.iter().for_each(|group| needed.extend(group.needed()));
        needed.extend(self.lists.iter().map(|list| list.head(columns)));
        needed.sort_unstable();
        needed.dedup();
        needed
    }
}

fn new_group(columns: &Columns, scope: AttributeScope) -> AttrGroup {
    let (owner_level, attrs) = attr_columns(columns, scope);
    let service_name = match scope {
        AttributeScope::Resource => Some(columns.resource.service_name),
        _ => None,
    };
    AttrGroup::new(scope, owner_level, attrs.clone(), service_name)
}

/// The columns of a scope's generic attributes, and the repetition level of their owner.
pub(super) fn attr_columns(columns: &Columns, scope: AttributeScope) -> (u8, &AttrColumns) {
    match scope {
        AttributeScope::Resource => (level::RESOURCE, &columns.resource.attrs),
        AttributeScope::Scope => (level::SCOPE, &columns.scope.attrs),
        AttributeScope::Span => (level::SPAN, &columns.span.attrs),
        AttributeScope::Event => (level::EVENT, &columns.event.attrs),
        AttributeScope::Link => (level::LINK, &columns.link.attrs),
    }
}

/// The columns of their own that attributes of a scope have.
pub(super) fn dedicated_of(columns: &Columns, scope: AttributeScope) -> &[DedicatedLeaf] {
    match scope {
        AttributeScope::Resource => &columns.resource.dedicated,
        AttributeScope::Span => &columns.span.dedicated,
        AttributeScope::Event => &columns.event.dedicated,
        AttributeScope::Scope | AttributeScope::Link => &[],
    }
}

/// A column of its own for a wanted key.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnColumn {
    pub(super) key: usize,
    pub(super) kind: DedicatedType,
    pub(super) column: Column,
}
