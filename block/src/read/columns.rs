//! Tempo's columns, found by path in a file's own schema (contract blocks.md §7, §11).
//!
//! From: [`super::footer`]. To: [`super::assemble`] and `scan`, which name columns by leaf number.
//! Types and levels are checked once here, so that the rest can rely on them.

use bytes::Bytes;

use super::ReadError;
use super::content::RowContent;
use super::footer::Leaf;
use super::values::Physical;
use crate::meta::{DedicatedColumn, DedicatedScope, DedicatedType};

/// Spare string columns per scope.
const DEDICATED_STRINGS: usize = 20;
/// Spare integer columns per scope.
const DEDICATED_INTS: usize = 5;

/// Leaf number.
pub(crate) type Column = usize;

/// Generic attributes of a scope.
#[derive(Clone, Debug)]
pub(crate) struct AttrColumns {
    /// Repetition level of an attribute.
    pub(crate) level: u8,
    pub(crate) key: Column,
    pub(crate) is_array: Column,
    pub(crate) value: Column,
    pub(crate) value_int: Column,
    pub(crate) value_double: Column,
    pub(crate) value_bool: Column,
    pub(crate) unsupported: Column,
}

/// An attribute's own column.
#[derive(Clone, Debug)]
pub(crate) struct DedicatedLeaf {
    pub(crate) key: Bytes,
    pub(crate) kind: DedicatedType,
    pub(crate) column: Column,
}

/// Columns of a resource.
#[derive(Clone, Debug)]
pub(crate) struct ResourceColumns {
    pub(crate) service_name: Column,
    pub(crate) attrs: AttrColumns,
    pub(crate) dropped: Column,
    pub(crate) dedicated: Vec<DedicatedLeaf>,
}

/// Columns of an instrumentation scope.
#[derive(Clone, Debug)]
pub(crate) struct ScopeColumns {
    pub(crate) name: Column,
    pub(crate) version: Column,
    pub(crate) attrs: AttrColumns,
    pub(crate) dropped: Column,
}

/// Columns of a span.
#[derive(Clone, Debug)]
pub(crate) struct SpanColumns {
    pub(crate) span_id: Column,
    pub(crate) parent_span_id: Column,
    pub(crate) parent: Column,
    pub(crate) left: Column,
    pub(crate) right: Column,
    pub(crate) child_count: Column,
    pub(crate) name: Column,
    pub(crate) kind: Column,
    pub(crate) trace_state: Column,
    pub(crate) start: Column,
    pub(crate) duration: Column,
    pub(crate) status_code: Column,
    pub(crate) status_message: Column,
    pub(crate) attrs: AttrColumns,
    pub(crate) dropped: Column,
    pub(crate) dropped_events: Column,
    pub(crate) dropped_links: Column,
    pub(crate) dedicated: Vec<DedicatedLeaf>,
}

/// Columns of an event.
#[derive(Clone, Debug)]
pub(crate) struct EventColumns {
    pub(crate) time_since_start: Column,
    pub(crate) name: Column,
    pub(crate) attrs: AttrColumns,
    pub(crate) dropped: Column,
    pub(crate) dedicated: Vec<DedicatedLeaf>,
}

/// Columns of a link.
#[derive(Clone, Debug)]
pub(crate) struct LinkColumns {
    pub(crate) trace_id: Column,
    pub(crate) span_id: Column,
    pub(crate) trace_state: Column,
    pub(crate) attrs: AttrColumns,
    pub(crate) dropped: Column,
}

/// All columns that are read.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) trace_id: Column,
    pub(crate) start: Column,
    pub(crate) end: Column,
    pub(crate) duration: Column,
    pub(crate) root_service: Column,
    pub(crate) root_name: Column,
    pub(crate) stats_service: Column,
    pub(crate) stats_spans: Column,
    pub(crate) stats_errors: Column,
    pub(crate) resource: ResourceColumns,
    pub(crate) scope: ScopeColumns,
    pub(crate) span: SpanColumns,
    pub(crate) event: EventColumns,
    pub(crate) link: LinkColumns,
}

/// Repetition levels of the tree's groups.
pub(crate) mod level {
    pub(crate) const TRACE: u8 = 0;
    pub(crate) const STATS: u8 = 1;
    pub(crate) const RESOURCE: u8 = 1;
    pub(crate) const SCOPE: u8 = 2;
    pub(crate) const SPAN: u8 = 3;
    pub(crate) const EVENT: u8 = 4;
    pub(crate) const LINK: u8 = 4;
}

struct Finder<'a> {
    leaves: &'a [Leaf],
    dedicated: &'a [DedicatedColumn],
}

impl Columns {
    /// Finds every column by its path.
    pub(crate) fn find(leaves: &[Leaf], dedicated: &[DedicatedColumn]) -> Result<Self, ReadError> {
        use Physical::{ByteArray, Int32, Int64};
        let finder = Finder { leaves, dedicated };
        let trace = |name, physical| finder.leaf(name, physical, level::TRACE, 0);
        let stats = |name, physical| finder.in_group("ServiceStats", name, physical, level::STATS);
        Ok(Self {
            trace_id: trace("TraceID", ByteArray)?,
            start: trace("StartTimeUnixNano", Int64)?,
            end: trace("EndTimeUnixNano", Int64)?,
            duration: trace("DurationNano", Int64)?,
            root_service: trace("RootServiceName", ByteArray)?,
            root_name: trace("RootSpanName", ByteArray)?,
            stats_service: stats("ServiceName", ByteArray)?,
            stats_spans: stats("SpanCount", Int32)?,
            stats_errors: stats("ErrorCount", Int32)?,
            resource: finder.resource()?,
            scope: finder.scope()?,
            span: finder.span()?,
            event: finder.event()?,
            link: finder.link()?,
        })
    }
}

impl Finder<'_> {
    /// `optional` is 1 for a column that may be null.
    fn leaf(
        &self,
        path: &str,
        physical: Physical,
        rep: u8,
        optional: u8,
    ) -> Result<Column, ReadError> {
        let column = self.leaves.iter().position(|leaf| &*leaf.path == path);
        let column =
            column.ok_or_else(|| ReadError::Damaged(format!("data.parquet: no column {path}")))?;
        let leaf = &self.leaves[column];
        if (leaf.physical, leaf.max_rep, leaf.max_def) != (Some(physical), rep, rep + optional) {
            return Err(ReadError::Damaged(format!(
                "data.parquet: column {path} is {:?} with levels {}/{}, expected {physical:?}, \
                 {rep}/{}",
                leaf.physical,
                leaf.max_rep,
                leaf.max_def,
                rep + optional
            )));
        }
        Ok(column)
    }

    fn in_group(
        &self,
        group: &str,
        name: &str,
        physical: Physical,
        rep: u8,
    ) -> Result<Column, ReadError> {
        self.leaf(&format!("{group}.{name}"), physical, rep, 0)
    }

    fn attrs(&self, owner: &str, owner_level: u8) -> Result<AttrColumns, ReadError> {
        use Physical::{Bool, ByteArray, Double, Int64};
        let level = owner_level + 1;
        let leaf = |name: &str, physical, rep, optional| {
            self.leaf(&format!("{owner}.Attrs.{name}"), physical, rep, optional)
        };
        Ok(AttrColumns {
            level,
            key: leaf("Key", ByteArray, level, 0)?,
            is_array: leaf("IsArray", Bool, level, 0)?,
            value: leaf("Value", ByteArray, level + 1, 0)?,
            value_int: leaf("ValueInt", Int64, level + 1, 0)?,
            value_double: leaf("ValueDouble", Double, level + 1, 0)?,
            value_bool: leaf("ValueBool", Bool, level + 1, 0)?,
            unsupported: leaf("ValueUnsupported", ByteArray, level, 1)?,
        })
    }

    /// The i-th entry of a scope and type has the i-th spare column.
    fn dedicated(
        &self,
        owner: &str,
        owner_level: u8,
        scope: DedicatedScope,
    ) -> Result<Vec<DedicatedLeaf>, ReadError> {
        let (mut strings, mut ints) = (0, 0);
        let mut found = Vec::new();
        for entry in self.dedicated.iter().filter(|entry| entry.scope == scope) {
            let (count, most, name, physical) = match entry.kind {
                DedicatedType::String => {
                    (&mut strings, DEDICATED_STRINGS, "String", Physical::ByteArray)
                }
                DedicatedType::Int => (&mut ints, DEDICATED_INTS, "Int", Physical::Int64),
            };
            *count += 1;
            if *count > most {
                continue;
            }
            let path = format!("{owner}.DedicatedAttributes.{name}{count:02}");
            let column = self.leaf(&path, physical, owner_level + 1, 0)?;
            let key = Bytes::copy_from_slice(entry.name.as_bytes());
            found.push(DedicatedLeaf { key, kind: entry.kind, column });
        }
        Ok(found)
    }

    fn resource(&self) -> Result<ResourceColumns, ReadError> {
        const PATH: &str = "rs.Resource";
        let leaf = |name, physical| self.in_group(PATH, name, physical, level::RESOURCE);
        Ok(ResourceColumns {
            service_name: leaf("ServiceName", Physical::ByteArray)?,
            attrs: self.attrs(PATH, level::RESOURCE)?,
            dropped: leaf("DroppedAttributesCount", Physical::Int32)?,
            dedicated: self.dedicated(PATH, level::RESOURCE, DedicatedScope::Resource)?,
        })
    }

    fn scope(&self) -> Result<ScopeColumns, ReadError> {
        const PATH: &str = "rs.ss.Scope";
        let leaf = |name, physical| self.in_group(PATH, name, physical, level::SCOPE);
        Ok(ScopeColumns {
            name: leaf("Name", Physical::ByteArray)?,
            version: leaf("Version", Physical::ByteArray)?,
            attrs: self.attrs(PATH, level::SCOPE)?,
            dropped: leaf("DroppedAttributesCount", Physical::Int32)?,
        })
    }

    fn span(&self) -> Result<SpanColumns, ReadError> {
        use Physical::{ByteArray, Int32, Int64};
        const PATH: &str = "rs.ss.Spans";
        let leaf = |name, physical| self.in_group(PATH, name, physical, level::SPAN);
        Ok(SpanColumns {
            span_id: leaf("SpanID", ByteArray)?,
            parent_span_id: leaf("ParentSpanID", ByteArray)?,
            parent: leaf("ParentID", Int32)?,
            left: leaf("NestedSetLeft", Int32)?,
            right: leaf("NestedSetRight", Int32)?,
            child_count: leaf("ChildCount", Int32)?,
            name: leaf("Name", ByteArray)?,
            kind: leaf("Kind", Int64)?,
            trace_state: leaf("TraceState", ByteArray)?,
            start: leaf("StartTimeUnixNano", Int64)?,
            duration: leaf("DurationNano", Int64)?,
            status_code: leaf("StatusCode", Int64)?,
            status_message: leaf("StatusMessage", ByteArray)?,
            attrs: self.attrs(PATH, level::SPAN)?,
            dropped: leaf("DroppedAttributesCount", Int32)?,
            dropped_events: leaf("DroppedEventsCount", Int32)?,
            dropped_links: leaf("DroppedLinksCount", Int32)?,
            dedicated: self.dedicated(PATH, level::SPAN, DedicatedScope::Span)?,
        })
    }

    fn event(&self) -> Result<EventColumns, ReadError> {
        const PATH: &str = "rs.ss.Spans.Events";
        let leaf = |name, physical| self.in_group(PATH, name, physical, level::EVENT);
        Ok(EventColumns {
            time_since_start: leaf("TimeSinceStartNano", Physical::Int64)?,
            name: leaf("Name", Physical::ByteArray)?,
            attrs: self.attrs(PATH, level::EVENT)?,
            dropped: leaf("DroppedAttributesCount", Physical::Int32)?,
            dedicated: self.dedicated(PATH, level::EVENT, DedicatedScope::Event)?,
        })
    }

    fn link(&self) -> Result<LinkColumns, ReadError> {
        const PATH: &str = "rs.ss.Spans.Links";
        let leaf = |name, physical| self.in_group(PATH, name, physical, level::LINK);
        Ok(LinkColumns {
            trace_id: leaf("TraceID", Physical::ByteArray)?,
            span_id: leaf("SpanID", Physical::ByteArray)?,
            trace_state: leaf("TraceState", Physical::ByteArray)?,
            attrs: self.attrs(PATH, level::LINK)?,
            dropped: leaf("DroppedAttributesCount", Physical::Int32)?,
        })
    }
}

impl AttrColumns {
    /// All columns of the attributes.
    pub(crate) fn all(&self) -> [Column; 7] {
        [
            self.key,
            self.is_array,
            self.value,
            self.value_int,
            self.value_double,
            self.value_bool,
            self.unsupported,
        ]
    }
}

impl Columns {
    /// Every column.
    pub(crate) fn all(&self) -> Vec<Column> {
        let span = &self.span;
        let mut columns = RowContent::ALL.columns(self);
        columns.extend([self.start, self.end, self.duration, self.root_service, self.root_name]);
        columns.extend([self.stats_service, self.stats_spans, self.stats_errors]);
        columns.extend([span.parent, span.left, span.right, span.child_count]);
        columns
    }
}
