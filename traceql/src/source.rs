//! What a source of spans gives to evaluation: the spans of one trace as columns.
//!
//! Implemented by live traces and by column batches of a block, so both have one semantics. This
//! module does not know where spans come from.

use crate::plan::Judged;
use crate::value::ValueRef;

/// Lists that a span holds, of whose items some fields are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpanList {
    /// Events.
    Events,
    /// Links.
    Links,
}

/// The spans of one trace (or one piece of it) with the plan's fields as columns.
pub trait SpanColumns {
    /// Number of spans.
    fn len(&self) -> usize;

    /// Whether there is no span.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a field (an index into [`SearchPlan::fields`](crate::SearchPlan::fields)) of a
    /// span. [`Field`](crate::Field) and [`Intrinsic`](crate::Intrinsic) say which kind of value
    /// each field has. Not asked for fields of events and links.
    fn value(&self, span: usize, field: usize) -> ValueRef<'_>;

    /// What the plan's filters say of the spans, if they were judged together with others
    /// ([`SearchPlan::judge`](crate::SearchPlan::judge)).
    fn judged(&self) -> Option<Judged<'_>> {
        None
    }

    /// Number of events or links of a span.
    fn items(&self, span: usize, list: SpanList) -> usize;

    /// The value of a field of events or links, for one of them.
    fn item_value(&self, span: usize, item: usize, field: usize) -> ValueRef<'_>;
}
