//! From requested fields to columns.
//!
//! From: [`super::BlockReader::scan`]. To: [`super::spans`].

use bytes::Bytes;

use super::attributes::AttrGroup;
use super::links::{LinkField, LinkMessages};
use super::{AttributeScope, ItemList, ScanField, ScanRequest, facts};
use crate::read::columns::{AttrColumns, Column, Columns, DedicatedLeaf, LinkColumns, level};

/// Where the value of a field is: in a column that has one per trace, instrumentation scope, span,
/// event or link; or among attributes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    OfTrace(Column),
    OfScope(Column),
    OfSpan(Column),
    OfItem(ItemList, Column),
    /// An attribute: number of the group and of the key in it.
    Attribute {
        group: usize,
        key: usize,
    },
    /// A field of links that are in messages, by its number there.
    LinkMessage(usize),
    /// Event − span start, from a column of absolute times.
    EventTime(Column),
    /// Direct children, from ids: the block has no column of them.
    Children,
    /// Nowhere: no span of the block, or no item of its list, has it.
    Nowhere(Option<ItemList>),
}

/// What a scan reads.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Per requested field.
    pub(super) sources: Vec<Source>,
    /// Generic, dedicated and static attributes by where they belong.
    pub(super) groups: Vec<AttrGroup>,
    /// Fields of links, if the block keeps those of a span in one message.
    pub(super) link_messages: Option<LinkMessages>,
    /// Lists of which some field is read.
    pub(super) lists: Vec<ItemList>,
    /// Whether the start of every span is read.
    pub(super) span_starts: bool,
    /// Whether what answers show of traces is read.
    facts: bool,
    /// The column whose levels say how spans are nested.
    pub(super) head: Column,
}

impl Plan {
    /// What to read for a request. Of `absent` scopes no wanted key is among generic attributes.
    pub(super) fn new(columns: &Columns, request: &ScanRequest, absent: &[AttributeScope]) -> Self {
        let fields = &request.fields;
        let (span_starts, facts) = (request.span_starts, request.facts);
        let mut plan = Self { span_starts, facts, ..Self::default() };
        for list in [ItemList::Events, ItemList::Links] {
            if fields.iter().any(|field| field.list() == Some(list)) {
                plan.lists.push(list);
            }
        }
        for field in fields {
            let source = plan.source(columns, field);
            plan.sources.push(source);
        }
        plan.head = plan.head(columns);
        for group in plan.groups.iter_mut().filter(|group| absent.contains(&group.scope)) {
            group.leave_out_generic();
        }
        plan
    }

    /// All columns of spans have the same levels; one that is read anyway costs nothing more.
    fn head(&self, columns: &Columns) -> Column {
        if self.span_starts {
            return columns.span.start;
        }
        let of_span = |source: &Source| match source {
            Source::OfSpan(column) => Some(*column),
            _ => None,
        };
        // Kinds take the fewest bytes.
        self.sources.iter().find_map(of_span).unwrap_or(columns.span.kind)
    }

    fn source(&mut self, columns: &Columns, field: &ScanField) -> Source {
        let span = &columns.span;
        match field {
            ScanField::Name => Source::OfSpan(span.name),
            ScanField::Duration => Source::OfSpan(span.duration),
            ScanField::Status => Source::OfSpan(span.status_code),
            ScanField::StatusMessage => Source::OfSpan(span.status_message),
            ScanField::Kind => Source::OfSpan(span.kind),
            ScanField::SpanId => Source::OfSpan(span.span_id),
            ScanField::ParentId => Source::OfSpan(span.parent_span_id),
            ScanField::ChildCount => span.child_count.map_or(Source::Children, Source::OfSpan),
            ScanField::NestedSetLeft => Source::OfSpan(span.left),
            ScanField::NestedSetRight => Source::OfSpan(span.right),
            ScanField::NestedSetParent => Source::OfSpan(span.parent),
            ScanField::TraceDuration => Source::OfTrace(columns.duration),
            ScanField::RootName => Source::OfTrace(columns.root_name),
            ScanField::RootService => Source::OfTrace(columns.root_service),
            ScanField::TraceId => Source::OfTrace(columns.trace_id),
            ScanField::ScopeName => Source::OfScope(columns.scope.name),
            ScanField::ScopeVersion => Source::OfScope(columns.scope.version),
            ScanField::EventName => Source::OfItem(ItemList::Events, columns.event.name),
            ScanField::EventTimeSinceStart if columns.event.is_absolute => {
                Source::EventTime(columns.event.time)
            }
            ScanField::EventTimeSinceStart => Source::OfItem(ItemList::Events, columns.event.time),
            ScanField::LinkTraceId => self.of_link(columns, |it| it.trace_id, LinkField::TraceId),
            ScanField::LinkSpanId => self.of_link(columns, |it| it.span_id, LinkField::SpanId),
            ScanField::Attribute { scope, key } => self.attribute(columns, *scope, key),
        }
    }

    /// A field of links: in a column, or in a message.
    fn of_link(
        &mut self,
        columns: &Columns,
        column: impl Fn(&LinkColumns) -> Column,
        field: LinkField,
    ) -> Source {
        match &columns.link {
            Some(link) => Source::OfItem(ItemList::Links, column(link)),
            None => self.of_link_message(columns, field),
        }
    }

    fn of_link_message(&mut self, columns: &Columns, field: LinkField) -> Source {
        let Some(column) = columns.span.links_message else {
            return Source::Nowhere(Some(ItemList::Links));
        };
        let messages = self.link_messages.get_or_insert_with(|| LinkMessages::of(column));
        Source::LinkMessage(messages.add(field))
    }

    fn attribute(&mut self, columns: &Columns, scope: AttributeScope, key: &str) -> Source {
        if scope == AttributeScope::Link && columns.link.is_none() {
            let key = Bytes::copy_from_slice(key.as_bytes());
            return self.of_link_message(columns, LinkField::Attribute(key));
        }
        let group = match self.groups.iter().position(|group| group.scope == scope) {
            Some(group) => group,
            None => {
                let Some(group) = new_group(columns, scope) else {
                    return Source::Nowhere(scope.list());
                };
                self.groups.push(group);
                self.groups.len() - 1
            }
        };
        let key = Bytes::copy_from_slice(key.as_bytes());
        let key = self.groups[group].add_key(key, dedicated_of(columns, scope));
        Source::Attribute { group, key }
    }

    /// Every column that is read of every trace.
    pub(super) fn scanned(&self, columns: &Columns) -> Vec<Column> {
        let mut scanned = vec![columns.trace_id, columns.start, columns.end, self.head];
        for source in &self.sources {
            match source {
                Source::OfTrace(column)
                | Source::OfScope(column)
                | Source::OfSpan(column)
                | Source::OfItem(_, column) => scanned.push(*column),
                Source::EventTime(column) => scanned.extend([*column, columns.span.start]),
                Source::Children => scanned.extend(children_columns(columns)),
                Source::Attribute { .. } | Source::LinkMessage(_) | Source::Nowhere(_) => {}
            }
        }
        scanned.extend(self.link_messages.as_ref().map(|messages| messages.column));
        self.groups.iter().for_each(|group| scanned.extend(group.scanned()));
        scanned.extend(self.lists.iter().filter_map(|list| list.head(columns)));
        scanned.extend(self.span_starts.then_some(columns.span.start));
        scanned.sort_unstable();
        scanned.dedup();
        scanned
    }

    /// Every column that may be read of a trace to judge it.
    pub(super) fn read(&self, columns: &Columns) -> Vec<Column> {
        let mut read = self.scanned(columns);
        self.groups.iter().for_each(|group| read.extend(group.needed()));
        read.sort_unstable();
        read.dedup();
        read
    }

    /// Every column that may be read of a trace to show it.
    pub(super) fn shown(&self, columns: &Columns) -> Vec<Column> {
        if self.facts { facts::columns(columns) } else { Vec::new() }
    }

    /// All of them.
    pub(super) fn needed(&self, columns: &Columns) -> Vec<Column> {
        let mut needed = [self.read(columns), self.shown(columns)].concat();
        needed.sort_unstable();
        needed.dedup();
        needed
    }
}

/// What direct children are counted from.
pub(super) fn children_columns(columns: &Columns) -> [Column; 3] {
    let span = &columns.span;
    [span.span_id, span.parent_span_id, span.kind]
}

fn new_group(columns: &Columns, scope: AttributeScope) -> Option<AttrGroup> {
    let (owner_level, attrs) = attr_columns(columns, scope)?;
    let service_name = match scope {
        AttributeScope::Resource => Some(columns.resource.service_name),
        _ => None,
    };
    Some(AttrGroup::new(scope, owner_level, attrs.clone(), service_name))
}

/// The columns of a scope's generic attributes, and the repetition level of their owner; `None` if
/// the block keeps none of them.
pub(super) fn attr_columns(columns: &Columns, scope: AttributeScope) -> Option<(u8, &AttrColumns)> {
    Some(match scope {
        AttributeScope::Resource => (level::RESOURCE, &columns.resource.attrs),
        AttributeScope::Scope => (level::SCOPE, columns.scope.attrs.as_ref()?),
        AttributeScope::Span => (level::SPAN, &columns.span.attrs),
        AttributeScope::Event => (level::EVENT, &columns.event.attrs),
        AttributeScope::Link => (level::LINK, &columns.link.as_ref()?.attrs),
    })
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
    pub(super) column: Column,
}
