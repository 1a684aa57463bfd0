//! Fields of the spans of one trace (contract §5).

use stringendo_traceql::{AttributeScope, Field, Intrinsic};

use super::expression::Items;
use super::tree::Tree;
use super::value::Value;
use crate::rows::{Attributes, Event, Link, Span, Trace, Value as Row, short_hex};

/// A trace, and what follows from all its spans together.
pub struct TraceView<'t> {
    /// Its rows.
    pub rows: &'t Trace,
    /// Its tree.
    pub tree: Tree,
}

impl<'t> TraceView<'t> {
    /// The view of a whole trace.
    pub fn of(rows: &'t Trace) -> Self {
        Self { rows, tree: Tree::of(rows) }
    }

    /// The span that names the trace: the last one without a parent, unless a link says that it is
    /// a child in this trace (§5.1).
    pub fn root(&self) -> Option<&'t Span> {
        let is_child = |link: &Link| {
            let kind = link.attributes.get("opentracing.ref_type");
            link.trace_id == self.rows.id && kind == Some(&Row::from("child_of"))
        };
        let is_root = |span: &&Span| span.parent == 0 && !span.links.iter().any(is_child);
        self.rows.spans.iter().rfind(is_root)
    }

    /// The value of a field.
    pub fn field(&self, span: usize, items: Items, field: &Field) -> Value {
        let row = &self.rows.spans[span];
        let event = items.event.map(|event| &row.events[event]);
        let link = items.link.map(|link| &row.links[link]);
        match field {
            Field::Intrinsic(intrinsic) => self.intrinsic(span, event, link, *intrinsic),
            Field::Attribute { scope, name } => attribute(row, event, link, *scope, name),
        }
    }

    fn intrinsic(
        &self,
        span: usize,
        event: Option<&Event>,
        link: Option<&Link>,
        intrinsic: Intrinsic,
    ) -> Value {
        use Intrinsic as I;
        let row = &self.rows.spans[span];
        let of_root = |read: fn(&Span) -> &str| text(self.root().map_or("", read));
        match intrinsic {
            I::Name => text(&row.name),
            I::Duration => Value::Duration(row.duration_nanos as i64),
            I::Status => Value::Status(row.status),
            I::StatusMessage => text(&row.message),
            I::Kind => Value::Kind(row.kind),
            I::SpanId => text(&format!("{:016x}", row.id)),
            I::ParentId => text(&format!("{:016x}", row.parent)),
            I::ChildCount if !self.tree.has_root => Value::Nil,
            I::ChildCount => Value::Int(self.tree.children[span]),
            I::TraceDuration => Value::Duration(self.rows.duration_nanos() as i64),
            I::RootName => of_root(|root| &root.name),
            I::RootService => of_root(Span::service),
            I::TraceId => text(&self.rows.short_id()),
            I::EventName => event.map_or(Value::Nil, |event| text(&event.name)),
            I::EventTimeSinceStart => {
                event.map_or(Value::Nil, |event| Value::Duration(event.since_start_nanos as i64))
            }
            I::LinkTraceId => link.map_or(Value::Nil, |link| text(&short_hex(&link.trace_id))),
            I::LinkSpanId => {
                link.map_or(Value::Nil, |link| text(&format!("{:016x}", link.span_id)))
            }
            I::InstrumentationName => text(&row.scope.name),
            I::InstrumentationVersion => text(&row.scope.version),
            I::NestedSetLeft => Value::Int(self.tree.left[span]),
            I::NestedSetRight => Value::Int(self.tree.right[span]),
            I::NestedSetParent => Value::Int(self.tree.nested_parent[span]),
        }
    }
}

fn text(text: &str) -> Value {
    Value::Str(text.as_bytes().to_vec())
}

fn attribute(
    span: &Span,
    event: Option<&Event>,
    link: Option<&Link>,
    scope: AttributeScope,
    name: &str,
) -> Value {
    let read =
        |attributes: &Attributes| attributes.get(name).map_or(Value::Nil, Value::of_attribute);
    match scope {
        AttributeScope::Span => read(&span.attributes),
        AttributeScope::Resource if name == "service.name" => text(span.service()),
        AttributeScope::Resource => read(&span.resource),
        AttributeScope::Instrumentation => read(&span.scope.attributes),
        AttributeScope::Event => event.map_or(Value::Nil, |event| read(&event.attributes)),
        AttributeScope::Link => link.map_or(Value::Nil, |link| read(&link.attributes)),
        AttributeScope::Unscoped => match read(&span.attributes) {
            Value::Nil => read(&span.resource),
            found => found,
        },
    }
}
