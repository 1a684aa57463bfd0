//! The columns that hold the attributes of a scope.

use super::TagScope;
use crate::read::columns::{AttrColumns, Column, Columns, DedicatedLeaf, level};

/// Columns of one scope.
pub(super) struct ScopeColumns<'a> {
    /// `None` if the block keeps no attributes of the scope.
    pub(super) attrs: Option<&'a AttrColumns>,
    pub(super) dedicated: &'a [DedicatedLeaf],
    pub(super) service_name: Option<Column>,
    /// Messages that hold the links of a span with their attributes, where these have no columns.
    pub(super) link_messages: Option<Column>,
    /// Repetition level of what holds a list of attributes, or of the span that does.
    pub(super) owner_level: u8,
}

impl<'a> ScopeColumns<'a> {
    pub(super) fn of(columns: &'a Columns, scope: TagScope) -> Self {
        let (attrs, dedicated, owner_level): (_, &[DedicatedLeaf], _) = match scope {
            TagScope::Resource => {
                (Some(&columns.resource.attrs), &columns.resource.dedicated, level::RESOURCE)
            }
            TagScope::Span => (Some(&columns.span.attrs), &columns.span.dedicated, level::SPAN),
            TagScope::Event => (Some(&columns.event.attrs), &columns.event.dedicated, level::SPAN),
            TagScope::Link => (columns.link.as_ref().map(|link| &link.attrs), &[], level::SPAN),
            TagScope::Instrumentation => (columns.scope.attrs.as_ref(), &[], level::SCOPE),
        };
        let is_resource = scope == TagScope::Resource;
        let service_name = is_resource.then_some(columns.resource.service_name);
        let link_messages = columns.span.links_message.filter(|_| scope == TagScope::Link);
        Self { attrs, dedicated, service_name, link_messages, owner_level }
    }

    /// The column of its own that a key has.
    pub(super) fn own(&self, key: &[u8]) -> impl Iterator<Item = &'a DedicatedLeaf> {
        self.dedicated.iter().filter(move |leaf| leaf.key == key)
    }
}
