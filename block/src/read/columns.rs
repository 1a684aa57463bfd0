//! Tempo's columns, found by path in a file's own schema (contract blocks.md §7, §8, §9, §11).
//!
//! From: [`super::footer`], and [`crate::schema`] for where each version has them. To:
//! [`super::assemble`], `scan` and `tags`, which name columns by leaf number. Types and levels are
//! checked once here, so that the rest can rely on them. What a version does not have is `None`.

use bytes::Bytes;

use super::ReadError;
use super::content::RowContent;
use super::footer::Leaf;
use super::texts::TextForm;
use super::values::Physical;
use crate::meta::{BlockMeta, DedicatedColumn, DedicatedScope, DedicatedType};
use crate::schema::{self, LeafType, Schema, assign};
use crate::version::Version;

/// Leaf number.
pub(crate) type Column = usize;

/// Generic attributes of a scope.
#[derive(Clone, Debug)]
pub(crate) struct AttrColumns {
    /// Repetition level of an attribute.
    pub(crate) level: u8,
    pub(crate) key: Column,
    pub(crate) is_array: Option<Column>,
    /// Strings, integers, doubles, booleans.
    pub(crate) values: Option<[Column; 4]>,
    /// Values as texts: of those types that have no column.
    pub(crate) texts: Vec<Column>,
    /// What these texts are.
    pub(crate) form: TextForm,
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
    pub(crate) dropped: Option<Column>,
    pub(crate) dedicated: Vec<DedicatedLeaf>,
    /// So many of `dedicated` come before the service name when read back.
    pub(crate) before_service_name: usize,
}

/// Columns of an instrumentation scope.
#[derive(Clone, Debug)]
pub(crate) struct ScopeColumns {
    pub(crate) name: Column,
    pub(crate) version: Column,
    pub(crate) attrs: Option<AttrColumns>,
    pub(crate) dropped: Option<Column>,
}

/// Columns of a span.
#[derive(Clone, Debug)]
pub(crate) struct SpanColumns {
    pub(crate) span_id: Column,
    pub(crate) parent_span_id: Column,
    pub(crate) parent: Column,
    pub(crate) left: Column,
    pub(crate) right: Column,
    pub(crate) child_count: Option<Column>,
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
    /// All links of the span as one message.
    pub(crate) links_message: Option<Column>,
    pub(crate) dropped_links: Column,
    pub(crate) dedicated: Vec<DedicatedLeaf>,
}

/// Columns of an event.
#[derive(Clone, Debug)]
pub(crate) struct EventColumns {
    pub(crate) time: Column,
    /// Whether that is a time since the Unix epoch rather than since the span's start.
    pub(crate) is_absolute: bool,
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

/// Spans and errors by service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatsColumns {
    pub(crate) service: Column,
    pub(crate) spans: Column,
    pub(crate) errors: Column,
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
    pub(crate) stats: Option<StatsColumns>,
    pub(crate) resource: ResourceColumns,
    pub(crate) scope: ScopeColumns,
    pub(crate) span: SpanColumns,
    pub(crate) event: EventColumns,
    pub(crate) link: Option<LinkColumns>,
}

/// Repetition levels of the tree's groups.
pub(crate) mod level {
    pub(crate) const STATS: u8 = 1;
    pub(crate) const RESOURCE: u8 = 1;
    pub(crate) const SCOPE: u8 = 2;
    pub(crate) const SPAN: u8 = 3;
    pub(crate) const EVENT: u8 = 4;
    pub(crate) const LINK: u8 = 4;
}

/// Part of the path of a dedicated column.
const DEDICATED: &str = ".DedicatedAttributes.";

/// Finds columns by name: the version's schema says where the file has them.
struct Finder<'a> {
    version: Version,
    expected: Vec<schema::Leaf>,
    leaves: &'a [Leaf],
    dedicated: &'a [DedicatedColumn],
}

impl Columns {
    /// Finds every column that the block's version has.
    pub(crate) fn find(leaves: &[Leaf], meta: &BlockMeta) -> Result<Self, ReadError> {
        let unsupported = || ReadError::Unsupported(format!("block format {:?}", meta.format));
        let version = meta.version().ok_or_else(unsupported)?;
        let dedicated = &meta.dedicated_columns;
        let schema = Schema::new(version, dedicated);
        let schema = schema.map_err(|error| ReadError::Unsupported(error.to_string()))?;
        let finder = Finder { version, expected: schema.leaves, leaves, dedicated };
        finder.check_dedicated()?;
        Ok(Self {
            trace_id: finder.leaf("TraceID")?,
            start: finder.leaf("StartTimeUnixNano")?,
            end: finder.leaf("EndTimeUnixNano")?,
            duration: finder.leaf("DurationNano")?,
            root_service: finder.leaf("RootServiceName")?,
            root_name: finder.leaf("RootSpanName")?,
            stats: finder.stats()?,
            resource: finder.resource()?,
            scope: finder.scope()?,
            span: finder.span()?,
            event: finder.event()?,
            link: finder.link()?,
        })
    }
}

impl Finder<'_> {
    /// Values of dedicated columns would be told of the wrong keys if the meta lacked an entry.
    fn check_dedicated(&self) -> Result<(), ReadError> {
        let dedicated = self.leaves.iter().filter(|leaf| leaf.path.contains(DEDICATED));
        let is_known = |path: &str| self.expected.iter().any(|leaf| leaf.path == path);
        let mut unknown = dedicated.filter(|leaf| !is_known(&leaf.path));
        match unknown.next() {
            None => Ok(()),
            Some(leaf) => Err(ReadError::Damaged(format!(
                "data.parquet has the column {}, of which meta.json does not say what it is for",
                leaf.path
            ))),
        }
    }

    /// The column of a name; `None` if the version has none.
    fn any(&self, name: &str) -> Result<Option<Column>, ReadError> {
        let Some(expected) = self.expected.iter().find(|leaf| leaf.name == name) else {
            return Ok(None);
        };
        let path = expected.path.as_str();
        let column = self.leaves.iter().position(|leaf| &*leaf.path == path);
        let column =
            column.ok_or_else(|| ReadError::Damaged(format!("data.parquet: no column {path}")))?;
        let leaf = &self.leaves[column];
        let physical = physical(expected.kind);
        let (rep, def) = (expected.max_rep, expected.max_def);
        let found = (leaf.physical, i16::from(leaf.max_rep), i16::from(leaf.max_def));
        if found != (Some(physical), rep, def) {
            return Err(ReadError::Damaged(format!(
                "data.parquet: column {path} is {:?} with levels {}/{}, expected {physical:?}, \
                 {rep}/{def}",
                leaf.physical, leaf.max_rep, leaf.max_def,
            )));
        }
        Ok(Some(column))
    }

    /// The column of a name that every version has.
    fn leaf(&self, name: &str) -> Result<Column, ReadError> {
        let lacks =
            || ReadError::Unsupported(format!("{} has no column {name}", self.version.name()));
        self.any(name)?.ok_or_else(lacks)
    }

    fn below(&self, group: &str, name: &str) -> Result<Column, ReadError> {
        self.leaf(&format!("{group}.{name}"))
    }

    fn any_below(&self, group: &str, name: &str) -> Result<Option<Column>, ReadError> {
        self.any(&format!("{group}.{name}"))
    }

    fn stats(&self) -> Result<Option<StatsColumns>, ReadError> {
        const PATH: &str = "ServiceStats";
        let Some(service) = self.any_below(PATH, "ServiceName")? else { return Ok(None) };
        Ok(Some(StatsColumns {
            service,
            spans: self.below(PATH, "SpanCount")?,
            errors: self.below(PATH, "ErrorCount")?,
        }))
    }

    /// Attributes of whatever is at `owner`; `None` if the version keeps none of it.
    fn any_attrs(&self, owner: &str, owner_level: u8) -> Result<Option<AttrColumns>, ReadError> {
        const TEXTS: [&str; 3] = ["ValueUnsupported", "ValueKVList", "ValueArray"];
        let leaf = |name: &str| self.any_below(owner, &format!("Attrs.{name}"));
        let Some(key) = leaf("Key")? else { return Ok(None) };
        let level = owner_level + 1;
        let (is_array, ints) = (leaf("IsArray")?, leaf("ValueInt")?);
        let (Some(value), Some(doubles), Some(bools)) =
            (leaf("Value")?, leaf("ValueDouble")?, leaf("ValueBool")?)
        else {
            let texts = leaf("Value")?.into_iter().collect();
            let form = TextForm::Message;
            return Ok(Some(AttrColumns { level, key, is_array, values: None, texts, form }));
        };
        let values = ints.map(|ints| [value, ints, doubles, bools]);
        let texts = TEXTS.iter().filter_map(|name| leaf(name).transpose());
        let texts = texts.collect::<Result<_, ReadError>>()?;
        let form = if is_array.is_some() { TextForm::Rest } else { TextForm::Json };
        Ok(Some(AttrColumns { level, key, is_array, values, texts, form }))
    }

    fn attrs(&self, owner: &str, owner_level: u8) -> Result<AttrColumns, ReadError> {
        let lacks =
            || ReadError::Unsupported(format!("{} has no {owner}.Attrs", self.version.name()));
        self.any_attrs(owner, owner_level)?.ok_or_else(lacks)
    }

    /// The columns of single attributes: dedicated ones in the meta's order, then those that the
    /// version always has. Also how many the first are.
    fn dedicated(
        &self,
        owner: &str,
        scope: DedicatedScope,
    ) -> Result<(Vec<DedicatedLeaf>, usize), ReadError> {
        let mut assigned = assign(self.version, self.dedicated, scope);
        assigned.sort_by_key(|assigned| assigned.entry.unwrap_or(usize::MAX));
        let dedicated = assigned.iter().filter(|assigned| assigned.entry.is_some()).count();
        let found = assigned.into_iter().map(|assigned| {
            let column = self.below(owner, &assigned.column)?;
            Ok(DedicatedLeaf { key: assigned.key.into(), kind: assigned.kind, column })
        });
        Ok((found.collect::<Result<_, ReadError>>()?, dedicated))
    }

    fn resource(&self) -> Result<ResourceColumns, ReadError> {
        const PATH: &str = "rs.Resource";
        let (dedicated, before_service_name) = self.dedicated(PATH, DedicatedScope::Resource)?;
        Ok(ResourceColumns {
            service_name: self.below(PATH, "ServiceName")?,
            attrs: self.attrs(PATH, level::RESOURCE)?,
            dropped: self.any_below(PATH, "DroppedAttributesCount")?,
            dedicated,
            before_service_name,
        })
    }

    fn scope(&self) -> Result<ScopeColumns, ReadError> {
        const PATH: &str = "rs.ss.Scope";
        Ok(ScopeColumns {
            name: self.below(PATH, "Name")?,
            version: self.below(PATH, "Version")?,
            attrs: self.any_attrs(PATH, level::SCOPE)?,
            dropped: self.any_below(PATH, "DroppedAttributesCount")?,
        })
    }

    fn span(&self) -> Result<SpanColumns, ReadError> {
        const PATH: &str = "rs.ss.Spans";
        let leaf = |name| self.below(PATH, name);
        Ok(SpanColumns {
            span_id: leaf("SpanID")?,
            parent_span_id: leaf("ParentSpanID")?,
            parent: leaf("ParentID")?,
            left: leaf("NestedSetLeft")?,
            right: leaf("NestedSetRight")?,
            child_count: self.any_below(PATH, "ChildCount")?,
            name: leaf("Name")?,
            kind: leaf("Kind")?,
            trace_state: leaf("TraceState")?,
            start: leaf("StartTimeUnixNano")?,
            duration: leaf("DurationNano")?,
            status_code: leaf("StatusCode")?,
            status_message: leaf("StatusMessage")?,
            attrs: self.attrs(PATH, level::SPAN)?,
            dropped: leaf("DroppedAttributesCount")?,
            dropped_events: leaf("DroppedEventsCount")?,
            links_message: self.any_below(PATH, "Links")?,
            dropped_links: leaf("DroppedLinksCount")?,
            dedicated: self.dedicated(PATH, DedicatedScope::Span)?.0,
        })
    }

    fn event(&self) -> Result<EventColumns, ReadError> {
        const PATH: &str = "rs.ss.Spans.Events";
        let since_start = self.any_below(PATH, "TimeSinceStartNano")?;
        Ok(EventColumns {
            time: since_start.map_or_else(|| self.below(PATH, "TimeUnixNano"), Ok)?,
            is_absolute: since_start.is_none(),
            name: self.below(PATH, "Name")?,
            attrs: self.attrs(PATH, level::EVENT)?,
            dropped: self.below(PATH, "DroppedAttributesCount")?,
            dedicated: self.dedicated(PATH, DedicatedScope::Event)?.0,
        })
    }

    fn link(&self) -> Result<Option<LinkColumns>, ReadError> {
        const PATH: &str = "rs.ss.Spans.Links";
        let Some(trace_id) = self.any_below(PATH, "TraceID")? else { return Ok(None) };
        Ok(Some(LinkColumns {
            trace_id,
            span_id: self.below(PATH, "SpanID")?,
            trace_state: self.below(PATH, "TraceState")?,
            attrs: self.attrs(PATH, level::LINK)?,
            dropped: self.below(PATH, "DroppedAttributesCount")?,
        }))
    }
}

fn physical(kind: LeafType) -> Physical {
    match kind {
        LeafType::Bin | LeafType::Str => Physical::ByteArray,
        LeafType::I32 | LeafType::U32 => Physical::Int32,
        LeafType::I64 | LeafType::U64 => Physical::Int64,
        LeafType::F64 => Physical::Double,
        LeafType::Bool => Physical::Bool,
    }
}

impl AttrColumns {
    /// All columns of the attributes.
    pub(crate) fn all(&self) -> impl Iterator<Item = Column> + use<'_> {
        let values = self.values.iter().flatten().chain(&self.texts).copied();
        [self.key].into_iter().chain(self.is_array).chain(values)
    }
}

impl LinkColumns {
    /// Those of links themselves.
    pub(crate) fn own(&self) -> [Column; 4] {
        [self.trace_id, self.span_id, self.trace_state, self.dropped]
    }
}

impl StatsColumns {
    /// All of them.
    pub(crate) fn all(self) -> [Column; 3] {
        [self.service, self.spans, self.errors]
    }
}

impl Columns {
    /// Every column.
    pub(crate) fn all(&self) -> Vec<Column> {
        let span = &self.span;
        let mut columns = RowContent::ALL.columns(self);
        columns.extend([self.start, self.end, self.duration, self.root_service, self.root_name]);
        columns.extend(self.stats.iter().flat_map(|stats| stats.all()));
        columns.extend([span.parent, span.left, span.right]);
        columns.extend(span.child_count);
        columns
    }
}
