//! How much of a trace is read: a query that judges spans by their names needs no attributes.
//!
//! From: `engine`, which knows the fields of a plan. To: [`super::rows`] and [`super::assemble`].
//! What tells spans, scopes and resources apart is always read, so that pieces of a trace are
//! combined the same way however much is read of them.

use bytes::Bytes;

use super::columns::{AttrColumns, Column, Columns, DedicatedLeaf, LinkColumns};

/// Keys of attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// Whatever there is.
    All,
    /// These alone.
    These(Vec<Bytes>),
}

impl Names {
    pub(super) fn has(&self, key: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.iter().any(|name| name == key),
        }
    }

    fn is_none(&self) -> bool {
        matches!(self, Self::These(names) if names.is_empty())
    }
}

/// What is read of each trace. Always: resources, scopes, links; of spans ids, times, name, kind
/// and status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowContent {
    /// Which attributes of spans.
    pub span_attributes: Names,
    /// Whether events are.
    pub events: bool,
    /// Whether trace states and counts of what was dropped from spans are.
    pub details: bool,
}

impl RowContent {
    /// Everything.
    pub const ALL: Self = Self { span_attributes: Names::All, events: true, details: true };

    pub(super) fn has_span_attributes(&self) -> bool {
        !self.span_attributes.is_none()
    }

    /// The columns that hold it, ascending.
    pub(super) fn columns(&self, columns: &Columns) -> Vec<Column> {
        let Columns { resource, scope, span, event, .. } = columns;
        let mut all = vec![columns.trace_id, resource.service_name];
        all.extend(resource.dropped);
        all.extend([scope.name, scope.version]);
        all.extend(scope.dropped);
        all.extend([span.span_id, span.parent_span_id, span.name, span.kind]);
        all.extend([span.start, span.duration, span.status_code, span.status_message]);
        all.extend(span.links_message);
        all.extend(columns.link.iter().flat_map(LinkColumns::own));
        let link_attrs = columns.link.as_ref().map(|link| &link.attrs);
        let attrs = [Some(&resource.attrs), scope.attrs.as_ref(), link_attrs];
        all.extend(attrs.into_iter().flatten().flat_map(AttrColumns::all));
        all.extend(resource.dedicated.iter().map(|leaf| leaf.column));
        if self.details {
            all.push(span.trace_state);
            all.extend([span.dropped, span.dropped_events, span.dropped_links]);
        }
        if self.has_span_attributes() {
            all.extend(span.attrs.all());
        }
        let wanted = span.dedicated.iter().filter(|leaf| self.span_attributes.has(&leaf.key));
        all.extend(wanted.map(|leaf| leaf.column));
        if self.events {
            all.extend([event.time, event.name, event.dropped]);
            all.extend(event.attrs.all());
            all.extend(event.dedicated.iter().map(|leaf| leaf.column));
        }
        all.sort_unstable();
        all
    }
}

/// Columns below each repeated group, as far as they are read: they all say so when the group is
/// empty.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    pub(super) resources: Vec<Column>,
    pub(super) scopes: Vec<Column>,
    pub(super) spans: Vec<Column>,
    pub(super) events: Vec<Column>,
    pub(super) links: Vec<Column>,
}

impl Groups {
    /// Of the columns that are `read`, ascending.
    pub(super) fn new(columns: &Columns, read: &[Column]) -> Self {
        let Columns { resource, scope, span, event, .. } = columns;
        let mut events = vec![event.time, event.name, event.dropped];
        events.extend(attributes(&event.attrs, &event.dedicated));
        let mut links = Vec::new();
        if let Some(link) = &columns.link {
            links.extend(link.own());
            links.extend(link.attrs.all());
        }
        let mut spans = vec![span.span_id, span.parent_span_id, span.name, span.kind];
        spans.extend([span.trace_state, span.start, span.duration]);
        spans.extend([span.status_code, span.status_message]);
        spans.extend([span.dropped, span.dropped_events, span.dropped_links]);
        spans.extend(span.links_message);
        spans.extend(attributes(&span.attrs, &span.dedicated));
        spans.extend(events.iter().chain(&links));
        let mut scopes = vec![scope.name, scope.version];
        scopes.extend(scope.dropped);
        scopes.extend(scope.attrs.iter().flat_map(AttrColumns::all));
        scopes.extend(&spans);
        let mut resources = vec![resource.service_name];
        resources.extend(resource.dropped);
        resources.extend(attributes(&resource.attrs, &resource.dedicated));
        resources.extend(&scopes);
        let mut groups = Self { resources, scopes, spans, events, links };
        let Self { resources, scopes, spans, events, links } = &mut groups;
        for group in [resources, scopes, spans, events, links] {
            group.retain(|column| read.binary_search(column).is_ok());
        }
        groups
    }
}

fn attributes<'a>(
    generic: &'a AttrColumns,
    own: &'a [DedicatedLeaf],
) -> impl Iterator<Item = Column> + use<'a> {
    generic.all().chain(own.iter().map(|leaf| leaf.column))
}
