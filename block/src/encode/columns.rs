//! Every column of a block, typed, as shredding fills them.

use hashbrown::HashSet;
use parquet::errors::ParquetError;

use super::attributes::{Attributes, Leaves, optional};
use super::column::{AnyColumn, Column};
use super::dedicated::Dedicated;
use super::levels::{List, Lists, Placement};
use super::values::{BytesValues, DictValues, IntValues};
use crate::meta::{DedicatedColumn, DedicatedScope};
use crate::schema::{Schema, assign};
use crate::version::Version;

type Strings = Column<DictValues>;
type Bins = Column<BytesValues>;
type I32s = Column<IntValues<i32>>;
type I64s = Column<IntValues<i64>>;

/// Columns of one value per trace, and of its services.
pub struct TraceColumns {
    pub trace_id: Bins,
    pub trace_id_text: Bins,
    pub start: I64s,
    pub end: I64s,
    pub duration: I64s,
    pub root_service: Strings,
    pub root_name: Strings,
    pub stats_service: Strings,
    pub stats_spans: I32s,
    pub stats_errors: I32s,
}

/// Columns of resources and scopes.
pub struct GroupColumns {
    pub service: Strings,
    pub resource_attributes: Attributes,
    pub resource_dropped: I32s,
    pub scope_name: Strings,
    pub scope_version: Strings,
    pub scope_attributes: Attributes,
    pub scope_dropped: I32s,
    pub span_count: Option<I32s>,
}

/// Columns of spans.
pub struct SpanColumns {
    pub id: Bins,
    pub parent_id: Bins,
    pub nested_parent: I32s,
    pub nested_left: I32s,
    pub nested_right: I32s,
    pub children: Option<I32s>,
    pub name: Strings,
    pub kind: I64s,
    pub trace_state: Bins,
    pub start: I64s,
    pub duration: I64s,
    pub status: I64s,
    pub status_message: Bins,
    pub attributes: Attributes,
    pub dropped_attributes: I32s,
    pub dropped_events: I32s,
    pub dropped_links: I32s,
    /// StartTimeRounded15, 60, 300, 3600.
    pub rounded: Option<[I32s; 4]>,
}

/// Columns of events and links.
pub struct DetailColumns {
    pub event_time: I64s,
    pub event_name: Strings,
    pub event_attributes: Attributes,
    pub event_dropped: I32s,
    pub link_trace_id: Bins,
    pub link_span_id: Bins,
    pub link_trace_state: Bins,
    pub link_attributes: Attributes,
    pub link_dropped: I32s,
}

/// Steps of StartTimeRounded, in seconds.
pub const ROUNDED_STEPS_S: [u64; 4] = [15, 60, 300, 3600];

/// All columns, and the lists that they lie in.
pub struct Columns {
    /// The tree.
    pub schema: Schema,
    /// Elements of lists.
    pub lists: Lists,
    /// See [`TraceColumns`].
    pub trace: TraceColumns,
    /// See [`GroupColumns`].
    pub group: GroupColumns,
    /// See [`SpanColumns`].
    pub span: SpanColumns,
    /// See [`DetailColumns`].
    pub detail: DetailColumns,
    /// Columns that the version always has, and that no attribute is assigned to.
    unused: Vec<Strings>,
    /// Elements on the page under way.
    pub resources: u32,
    /// Elements on the page under way.
    pub spans: u32,
    /// Elements on the page under way.
    pub events: u32,
}

struct Builder<'s> {
    leaves: Leaves<'s>,
    dedicated: &'s [DedicatedColumn],
}

impl Builder<'_> {
    fn strings(&self, path: &str, list: List) -> Strings {
        self.leaves.column(path, list, Placement::Required, DictValues::default())
    }

    fn bins(&self, path: &str, list: List) -> Bins {
        self.leaves.column(path, list, Placement::Required, BytesValues::default())
    }

    fn i32s(&self, path: &str, list: List) -> I32s {
        let values = self.ints(path);
        self.leaves.column(path, list, Placement::Required, values)
    }

    /// `None` if the version has no such column.
    fn any_i32s(&self, path: &str, list: List) -> Option<I32s> {
        self.leaves.schema.leaf(path).map(|_| self.i32s(path, list))
    }

    fn i64s(&self, path: &str, list: List) -> I64s {
        let values = self.ints(path);
        self.leaves.column(path, list, Placement::Required, values)
    }

    fn ints<T>(&self, path: &str) -> IntValues<T> {
        let schema = self.leaves.schema;
        let leaf = schema.leaf(path).map(|leaf| &schema.leaves[leaf]);
        let leaf = leaf.expect("columns name only paths of the table");
        IntValues::new(leaf.kind, leaf.encoding)
    }

    /// Attributes below `path`, in a list of their own.
    fn attributes(&self, path: &str, list: List) -> Attributes {
        Attributes::new(&self.leaves, &format!("{path}.Attrs"), list, Vec::new())
    }

    /// The same with the dedicated columns of `scope`, one set per element of `owner`.
    fn with_dedicated(
        &self,
        path: &str,
        list: List,
        owner: List,
        scope: DedicatedScope,
    ) -> Attributes {
        let assigned = assign(self.leaves.version, self.dedicated, scope);
        let dedicated = Dedicated::of_scope(&self.leaves, path, owner, assigned);
        Attributes::new(&self.leaves, &format!("{path}.Attrs"), list, dedicated)
    }

    fn trace(&self) -> TraceColumns {
        TraceColumns {
            trace_id: self.bins("TraceID", List::Rows),
            trace_id_text: self.bins("TraceIDText", List::Rows),
            start: self.i64s("StartTimeUnixNano", List::Rows),
            end: self.i64s("EndTimeUnixNano", List::Rows),
            duration: self.i64s("DurationNano", List::Rows),
            root_service: self.strings("RootServiceName", List::Rows),
            root_name: self.strings("RootSpanName", List::Rows),
            stats_service: self.strings("ServiceStats.ServiceName", List::Stats),
            stats_spans: self.i32s("ServiceStats.SpanCount", List::Stats),
            stats_errors: self.i32s("ServiceStats.ErrorCount", List::Stats),
        }
    }

    fn group(&self) -> GroupColumns {
        const RESOURCE: &str = "rs.Resource";
        const SCOPE: &str = "rs.ss.Scope";
        GroupColumns {
            service: self.strings("rs.Resource.ServiceName", List::Resources),
            resource_attributes: self.with_dedicated(
                RESOURCE,
                List::ResourceAttributes,
                List::Resources,
                DedicatedScope::Resource,
            ),
            resource_dropped: self.i32s("rs.Resource.DroppedAttributesCount", List::Resources),
            scope_name: self.strings("rs.ss.Scope.Name", List::Scopes),
            scope_version: self.strings("rs.ss.Scope.Version", List::Scopes),
            scope_attributes: self.attributes(SCOPE, List::ScopeAttributes),
            scope_dropped: self.i32s("rs.ss.Scope.DroppedAttributesCount", List::Scopes),
            span_count: self.any_i32s("rs.ss.SpanCount", List::Scopes),
        }
    }

    fn span(&self) -> SpanColumns {
        const SPAN: &str = "rs.ss.Spans";
        let i32s = |name: &str| self.i32s(&format!("{SPAN}.{name}"), List::Spans);
        let i64s = |name: &str| self.i64s(&format!("{SPAN}.{name}"), List::Spans);
        let bins = |name: &str| self.bins(&format!("{SPAN}.{name}"), List::Spans);
        SpanColumns {
            id: bins("SpanID"),
            parent_id: bins("ParentSpanID"),
            nested_parent: i32s("ParentID"),
            nested_left: i32s("NestedSetLeft"),
            nested_right: i32s("NestedSetRight"),
            children: self.any_i32s("rs.ss.Spans.ChildCount", List::Spans),
            name: self.strings("rs.ss.Spans.Name", List::Spans),
            kind: i64s("Kind"),
            trace_state: bins("TraceState"),
            start: i64s("StartTimeUnixNano"),
            duration: i64s("DurationNano"),
            status: i64s("StatusCode"),
            status_message: bins("StatusMessage"),
            attributes: self.with_dedicated(
                SPAN,
                List::SpanAttributes,
                List::Spans,
                DedicatedScope::Span,
            ),
            dropped_attributes: i32s("DroppedAttributesCount"),
            dropped_events: i32s("DroppedEventsCount"),
            dropped_links: i32s("DroppedLinksCount"),
            rounded: self.rounded(),
        }
    }

    fn rounded(&self) -> Option<[I32s; 4]> {
        let name = |step: u64| format!("rs.ss.Spans.StartTimeRounded{step}");
        let has_them = self.leaves.schema.leaf(&name(ROUNDED_STEPS_S[0])).is_some();
        has_them.then(|| ROUNDED_STEPS_S.map(|step| self.i32s(&name(step), List::Spans)))
    }

    fn detail(&self) -> DetailColumns {
        const EVENT: &str = "rs.ss.Spans.Events";
        const LINK: &str = "rs.ss.Spans.Links";
        DetailColumns {
            event_time: self.i64s("rs.ss.Spans.Events.TimeSinceStartNano", List::Events),
            event_name: self.strings("rs.ss.Spans.Events.Name", List::Events),
            event_attributes: self.with_dedicated(
                EVENT,
                List::EventAttributes,
                List::Events,
                DedicatedScope::Event,
            ),
            event_dropped: self.i32s("rs.ss.Spans.Events.DroppedAttributesCount", List::Events),
            link_trace_id: self.bins("rs.ss.Spans.Links.TraceID", List::Links),
            link_span_id: self.bins("rs.ss.Spans.Links.SpanID", List::Links),
            link_trace_state: self.bins("rs.ss.Spans.Links.TraceState", List::Links),
            link_attributes: self.attributes(LINK, List::LinkAttributes),
            link_dropped: self.i32s("rs.ss.Spans.Links.DroppedAttributesCount", List::Links),
        }
    }
}

impl Columns {
    /// Columns of a block of this version with these dedicated ones.
    ///
    /// # Errors
    /// See [`Schema::new`].
    pub fn new(version: Version, dedicated: &[DedicatedColumn]) -> Result<Self, ParquetError> {
        let schema = Schema::new(version, dedicated)?;
        let builder = Builder { leaves: Leaves { version, schema: &schema }, dedicated };
        let mut columns = Self {
            trace: builder.trace(),
            group: builder.group(),
            span: builder.span(),
            detail: builder.detail(),
            unused: Vec::new(),
            lists: Lists::default(),
            resources: 0,
            spans: 0,
            events: 0,
            schema,
        };
        columns.add_unused();
        Ok(columns)
    }

    /// The rest of the schema's leaves are spare columns that no attribute has.
    fn add_unused(&mut self) {
        let used: HashSet<usize> = self.all().0.iter().map(|column| column.leaf()).collect();
        for (number, leaf) in self.schema.leaves.iter().enumerate() {
            if !used.contains(&number) {
                let is_of_span = leaf.name.starts_with("rs.ss.Spans.");
                let list = if is_of_span { List::Spans } else { List::Resources };
                let (leaf, values) = (leaf.clone(), DictValues::default());
                self.unused.push(Column::new(number, leaf, list, optional(), values));
            }
        }
    }

    /// All columns in the file's order, and the lists.
    pub fn all(&mut self) -> (Vec<&mut dyn AnyColumn>, &mut Lists) {
        let mut all: Vec<&mut dyn AnyColumn> = Vec::with_capacity(self.schema.leaves.len());
        self.trace.columns(&mut all);
        self.group.columns_around(|all| self.span.columns_around(&mut self.detail, all), &mut all);
        all.extend(self.unused.iter_mut().map(|column| column as &mut dyn AnyColumn));
        // Versions before vParquet5 have some columns elsewhere.
        if !all.is_sorted_by_key(|column| column.leaf()) {
            all.sort_by_key(|column| column.leaf());
        }
        (all, &mut self.lists)
    }

    fn attribute_lists(&mut self) -> [&mut Attributes; 5] {
        [
            &mut self.group.resource_attributes,
            &mut self.group.scope_attributes,
            &mut self.span.attributes,
            &mut self.detail.event_attributes,
            &mut self.detail.link_attributes,
        ]
    }

    /// The lists of attributes: of resources, spans, events, links and scopes.
    pub fn attributes(&self) -> [&Attributes; 5] {
        [
            &self.group.resource_attributes,
            &self.span.attributes,
            &self.detail.event_attributes,
            &self.detail.link_attributes,
            &self.group.scope_attributes,
        ]
    }

    /// The page under way is complete: its numbers get their codes.
    pub fn settle(&mut self) {
        self.attribute_lists().into_iter().for_each(Attributes::settle);
    }

    /// All columns have written their page: counting begins anew.
    pub fn begin_page(&mut self) {
        self.lists.clear();
        (self.resources, self.spans, self.events) = (0, 0, 0);
        self.attribute_lists().into_iter().for_each(Attributes::begin_page);
    }

    /// All columns are closed: dictionaries are gone.
    pub fn begin_row_group(&mut self) {
        self.attribute_lists().into_iter().for_each(Attributes::reset_keys);
    }
}

impl TraceColumns {
    fn columns<'c>(&'c mut self, out: &mut Vec<&'c mut dyn AnyColumn>) {
        out.push(&mut self.trace_id);
        out.push(&mut self.trace_id_text);
        out.push(&mut self.start);
        out.push(&mut self.end);
        out.push(&mut self.duration);
        out.push(&mut self.root_service);
        out.push(&mut self.root_name);
        out.push(&mut self.stats_service);
        out.push(&mut self.stats_spans);
        out.push(&mut self.stats_errors);
    }
}

impl GroupColumns {
    /// Its columns, with those of spans where they belong.
    fn columns_around<'c>(
        &'c mut self,
        spans: impl FnOnce(&mut Vec<&'c mut dyn AnyColumn>),
        out: &mut Vec<&'c mut dyn AnyColumn>,
    ) {
        let (resource, resource_own) = self.resource_attributes.columns();
        out.push(&mut self.service);
        out.extend(resource);
        out.push(&mut self.resource_dropped);
        out.extend(resource_own);
        out.push(&mut self.scope_name);
        out.push(&mut self.scope_version);
        out.extend(self.scope_attributes.columns().0);
        out.push(&mut self.scope_dropped);
        spans(out);
        out.extend(self.span_count.iter_mut().map(|column| column as &mut dyn AnyColumn));
    }
}

impl SpanColumns {
    /// Its columns, with those of events and links where they belong.
    fn columns_around<'c>(
        &'c mut self,
        detail: &'c mut DetailColumns,
        out: &mut Vec<&'c mut dyn AnyColumn>,
    ) {
        let (attributes, own) = self.attributes.columns();
        out.push(&mut self.id);
        out.push(&mut self.parent_id);
        out.push(&mut self.nested_parent);
        out.push(&mut self.nested_left);
        out.push(&mut self.nested_right);
        out.extend(self.children.iter_mut().map(|column| column as &mut dyn AnyColumn));
        out.push(&mut self.name);
        out.push(&mut self.kind);
        out.push(&mut self.trace_state);
        out.push(&mut self.start);
        out.push(&mut self.duration);
        out.push(&mut self.status);
        out.push(&mut self.status_message);
        out.extend(attributes);
        out.push(&mut self.dropped_attributes);
        detail.columns_around(&mut self.dropped_events, out);
        out.push(&mut self.dropped_links);
        out.extend(own);
        out.extend(self.rounded.iter_mut().flatten().map(|column| column as &mut dyn AnyColumn));
    }
}

impl DetailColumns {
    /// Columns of events, the one between, columns of links.
    fn columns_around<'c>(
        &'c mut self,
        between: &'c mut I32s,
        out: &mut Vec<&'c mut dyn AnyColumn>,
    ) {
        let (attributes, own) = self.event_attributes.columns();
        out.push(&mut self.event_time);
        out.push(&mut self.event_name);
        out.extend(attributes);
        out.push(&mut self.event_dropped);
        out.extend(own);
        out.push(between);
        out.push(&mut self.link_trace_id);
        out.push(&mut self.link_span_id);
        out.push(&mut self.link_trace_state);
        out.extend(self.link_attributes.columns().0);
        out.push(&mut self.link_dropped);
    }
}
