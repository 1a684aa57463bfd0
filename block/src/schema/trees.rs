//! The trees of columns, by version (contract blocks.md §7, §8, §9).
//!
//! To: [`super::Schema`]. A list is one repeated node here; how it is nested in the file is a
//! property of the version. Compression is ours, encodings are Tempo's but for numbers of
//! attributes, which have dictionaries.

use parquet::basic::Repetition;

use super::LeafCompression::{self, Levels as LEVELS, None as NONE, Zstd as Z};
use super::LeafEncoding::{self, DeltaLength as L, DeltaPacked as B, Dictionary as D, Plain as P};
use super::LeafType::{self, Bin, Bool, F64, I32, I64, Str, U32, U64};
use crate::meta::DedicatedScope;
use crate::version::Version;

/// What is at a place of the tree.
#[derive(Clone, Copy)]
pub(super) enum Is {
    /// A group with the nodes that follow one deeper.
    Group,
    /// A column.
    Leaf(LeafType, LeafEncoding, LeafCompression),
    /// A repeated group of attributes.
    Attributes,
    /// The group of dedicated columns of a scope; absent without any.
    Dedicated(DedicatedScope),
    /// Statistics of services, as a map from the first column below to the others.
    Services,
}

/// A node: depth in the tree, name, repetition, what it is.
pub(super) type Node = (usize, &'static str, Repetition, Is);

use Is::{Attributes, Dedicated, Group, Leaf, Services};

pub(super) const OPTIONAL: Repetition = Repetition::OPTIONAL;
pub(super) const REPEATED: Repetition = Repetition::REPEATED;
pub(super) const REQUIRED: Repetition = Repetition::REQUIRED;

/// What is below every `Attributes`, one deeper.
pub(super) type Attribute = (&'static str, Repetition, LeafType, LeafEncoding);

/// The tree of a version, in the file's order.
pub(super) fn tree(version: Version) -> &'static [Node] {
    match version {
        Version::V3 => V3,
        Version::V4 => V4,
        Version::V5 => V5,
    }
}

/// The columns of an attribute, in the file's order.
pub(super) fn attribute(version: Version) -> &'static [Attribute] {
    match version {
        Version::V3 => ATTRIBUTE_V3,
        Version::V4 | Version::V5 => ATTRIBUTE,
    }
}

const ATTRIBUTE: &[Attribute] = &[
    ("Key", REQUIRED, Str, D),
    ("IsArray", REQUIRED, Bool, P),
    ("Value", REPEATED, Str, D),
    ("ValueInt", REPEATED, I64, D),
    ("ValueDouble", REPEATED, F64, D),
    ("ValueBool", REPEATED, Bool, P),
    ("ValueUnsupported", OPTIONAL, Str, L),
];

const ATTRIBUTE_V3: &[Attribute] = &[
    ("Key", REQUIRED, Str, D),
    ("Value", OPTIONAL, Str, D),
    ("ValueInt", OPTIONAL, I64, P),
    ("ValueDouble", OPTIONAL, F64, P),
    ("ValueBool", OPTIONAL, Bool, P),
    ("ValueKVList", OPTIONAL, Str, L),
    ("ValueArray", OPTIONAL, Str, L),
];

const V5: &[Node] = &[
    (0, "TraceID", REQUIRED, Leaf(Bin, L, NONE)),
    (0, "TraceIDText", REQUIRED, Leaf(Str, L, Z)),
    (0, "StartTimeUnixNano", REQUIRED, Leaf(U64, B, NONE)),
    (0, "EndTimeUnixNano", REQUIRED, Leaf(U64, B, NONE)),
    (0, "DurationNano", REQUIRED, Leaf(U64, B, NONE)),
    (0, "RootServiceName", REQUIRED, Leaf(Str, D, Z)),
    (0, "RootSpanName", REQUIRED, Leaf(Str, D, Z)),
    (0, "ServiceStats", REPEATED, Group),
    (1, "ServiceName", REQUIRED, Leaf(Str, D, Z)),
    (1, "SpanCount", REQUIRED, Leaf(U32, B, Z)),
    (1, "ErrorCount", REQUIRED, Leaf(U32, B, Z)),
    (0, "rs", REPEATED, Group),
    (1, "Resource", REQUIRED, Group),
    (2, "ServiceName", REQUIRED, Leaf(Str, D, Z)),
    (2, "Attrs", REPEATED, Attributes),
    (2, "DroppedAttributesCount", REQUIRED, Leaf(I32, B, Z)),
    (2, "DedicatedAttributes", REQUIRED, Dedicated(DedicatedScope::Resource)),
    (1, "ss", REPEATED, Group),
    (2, "Scope", REQUIRED, Group),
    (3, "Name", REQUIRED, Leaf(Str, D, Z)),
    (3, "Version", REQUIRED, Leaf(Str, D, Z)),
    (3, "Attrs", REPEATED, Attributes),
    (3, "DroppedAttributesCount", REQUIRED, Leaf(I32, B, Z)),
    (2, "Spans", REPEATED, Group),
    (3, "SpanID", REQUIRED, Leaf(Bin, L, LEVELS)),
    (3, "ParentSpanID", REQUIRED, Leaf(Bin, L, Z)),
    (3, "ParentID", REQUIRED, Leaf(I32, B, Z)),
    (3, "NestedSetLeft", REQUIRED, Leaf(I32, B, Z)),
    (3, "NestedSetRight", REQUIRED, Leaf(I32, B, Z)),
    (3, "ChildCount", REQUIRED, Leaf(I32, B, Z)),
    (3, "Name", REQUIRED, Leaf(Str, D, Z)),
    (3, "Kind", REQUIRED, Leaf(I64, B, Z)),
    (3, "TraceState", REQUIRED, Leaf(Str, L, Z)),
    (3, "StartTimeUnixNano", REQUIRED, Leaf(U64, B, LEVELS)),
    (3, "DurationNano", REQUIRED, Leaf(U64, B, LEVELS)),
    (3, "StatusCode", REQUIRED, Leaf(I64, B, Z)),
    (3, "StatusMessage", REQUIRED, Leaf(Str, L, Z)),
    (3, "Attrs", REPEATED, Attributes),
    (3, "DroppedAttributesCount", REQUIRED, Leaf(I32, B, Z)),
    (3, "Events", REPEATED, Group),
    (4, "TimeSinceStartNano", REQUIRED, Leaf(U64, B, Z)),
    (4, "Name", REQUIRED, Leaf(Str, D, Z)),
    (4, "Attrs", REPEATED, Attributes),
    (4, "DroppedAttributesCount", REQUIRED, Leaf(I32, B, Z)),
    (4, "DedicatedAttributes", REQUIRED, Dedicated(DedicatedScope::Event)),
    (3, "DroppedEventsCount", REQUIRED, Leaf(I32, P, Z)),
    (3, "Links", REPEATED, Group),
    (4, "TraceID", REQUIRED, Leaf(Bin, L, Z)),
    (4, "SpanID", REQUIRED, Leaf(Bin, L, Z)),
    (4, "TraceState", REQUIRED, Leaf(Str, L, Z)),
    (4, "Attrs", REPEATED, Attributes),
    (4, "DroppedAttributesCount", REQUIRED, Leaf(I32, B, Z)),
    (3, "DroppedLinksCount", REQUIRED, Leaf(I32, P, Z)),
    (3, "DedicatedAttributes", REQUIRED, Dedicated(DedicatedScope::Span)),
    (3, "StartTimeRounded15", REQUIRED, Leaf(U32, B, Z)),
    (3, "StartTimeRounded60", REQUIRED, Leaf(U32, B, Z)),
    (3, "StartTimeRounded300", REQUIRED, Leaf(U32, B, Z)),
    (3, "StartTimeRounded3600", REQUIRED, Leaf(U32, B, Z)),
    (2, "SpanCount", REQUIRED, Leaf(I32, B, Z)),
];

const V4: &[Node] = &[
    (0, "TraceID", REQUIRED, Leaf(Bin, L, NONE)),
    (0, "TraceIDText", REQUIRED, Leaf(Str, L, Z)),
    (0, "StartTimeUnixNano", REQUIRED, Leaf(U64, B, NONE)),
    (0, "EndTimeUnixNano", REQUIRED, Leaf(U64, B, NONE)),
    (0, "DurationNano", REQUIRED, Leaf(U64, B, NONE)),
    (0, "RootServiceName", REQUIRED, Leaf(Str, D, Z)),
    (0, "RootSpanName", REQUIRED, Leaf(Str, D, Z)),
    (0, "ServiceStats", REPEATED, Services),
    (1, "ServiceName", REQUIRED, Leaf(Str, D, Z)),
    (1, "SpanCount", REQUIRED, Leaf(U32, B, Z)),
    (1, "ErrorCount", REQUIRED, Leaf(U32, B, Z)),
    (0, "rs", REPEATED, Group),
    (1, "Resource", REQUIRED, Group),
    (2, "Attrs", REPEATED, Attributes),
    (2, "DroppedAttributesCount", REQUIRED, Leaf(I32, B, Z)),
    (2, "ServiceName", REQUIRED, Leaf(Str, D, Z)),
    (2, "Cluster", OPTIONAL, Leaf(Str, D, Z)),
    (2, "Namespace", OPTIONAL, Leaf(Str, D, Z)),
    (2, "Pod", OPTIONAL, Leaf(Str, D, Z)),
    (2, "Container", OPTIONAL, Leaf(Str, D, Z)),
    (2, "K8sClusterName", OPTIONAL, Leaf(Str, D, Z)),
    (2, "K8sNamespaceName", OPTIONAL, Leaf(Str, D, Z)),
    (2, "K8sPodName", OPTIONAL, Leaf(Str, D, Z)),
    (2, "K8sContainerName", OPTIONAL, Leaf(Str, D, Z)),
    (2, "DedicatedAttributes", REQUIRED, Dedicated(DedicatedScope::Resource)),
    (1, "ss", REPEATED, Group),
    (2, "Scope", REQUIRED, Group),
    (3, "Name", REQUIRED, Leaf(Str, D, Z)),
    (3, "Version", REQUIRED, Leaf(Str, D, Z)),
    (3, "Attrs", REPEATED, Attributes),
    (3, "DroppedAttributesCount", REQUIRED, Leaf(I32, B, Z)),
    (2, "Spans", REPEATED, Group),
    (3, "SpanID", REQUIRED, Leaf(Bin, L, LEVELS)),
    (3, "ParentSpanID", REQUIRED, Leaf(Bin, L, Z)),
    (3, "ParentID", REQUIRED, Leaf(I32, B, Z)),
    (3, "NestedSetLeft", REQUIRED, Leaf(I32, B, Z)),
    (3, "NestedSetRight", REQUIRED, Leaf(I32, B, Z)),
    (3, "Name", REQUIRED, Leaf(Str, D, Z)),
    (3, "Kind", REQUIRED, Leaf(I64, B, Z)),
    (3, "TraceState", REQUIRED, Leaf(Str, L, Z)),
    (3, "StartTimeUnixNano", REQUIRED, Leaf(U64, B, LEVELS)),
    (3, "DurationNano", REQUIRED, Leaf(U64, B, LEVELS)),
    (3, "StatusCode", REQUIRED, Leaf(I64, B, Z)),
    (3, "StatusMessage", REQUIRED, Leaf(Str, L, Z)),
    (3, "Attrs", REPEATED, Attributes),
    (3, "DroppedAttributesCount", REQUIRED, Leaf(I32, B, Z)),
    (3, "Events", REPEATED, Group),
    (4, "TimeSinceStartNano", REQUIRED, Leaf(U64, B, Z)),
    (4, "Name", REQUIRED, Leaf(Str, D, Z)),
    (4, "Attrs", REPEATED, Attributes),
    (4, "DroppedAttributesCount", REQUIRED, Leaf(I32, B, Z)),
    (3, "DroppedEventsCount", REQUIRED, Leaf(I32, P, Z)),
    (3, "Links", REPEATED, Group),
    (4, "TraceID", REQUIRED, Leaf(Bin, L, Z)),
    (4, "SpanID", REQUIRED, Leaf(Bin, L, Z)),
    (4, "TraceState", REQUIRED, Leaf(Str, L, Z)),
    (4, "Attrs", REPEATED, Attributes),
    (4, "DroppedAttributesCount", REQUIRED, Leaf(I32, B, Z)),
    (3, "DroppedLinksCount", REQUIRED, Leaf(I32, P, Z)),
    (3, "HttpMethod", OPTIONAL, Leaf(Str, D, Z)),
    (3, "HttpUrl", OPTIONAL, Leaf(Str, D, Z)),
    (3, "HttpStatusCode", OPTIONAL, Leaf(I64, D, Z)),
    (3, "DedicatedAttributes", REQUIRED, Dedicated(DedicatedScope::Span)),
];

const V3: &[Node] = &[
    (0, "TraceID", REQUIRED, Leaf(Bin, L, NONE)),
    (0, "TraceIDText", REQUIRED, Leaf(Str, L, Z)),
    (0, "StartTimeUnixNano", REQUIRED, Leaf(U64, B, NONE)),
    (0, "EndTimeUnixNano", REQUIRED, Leaf(U64, B, NONE)),
    (0, "DurationNano", REQUIRED, Leaf(U64, B, NONE)),
    (0, "RootServiceName", REQUIRED, Leaf(Str, D, Z)),
    (0, "RootSpanName", REQUIRED, Leaf(Str, D, Z)),
    (0, "rs", REPEATED, Group),
    (1, "Resource", REQUIRED, Group),
    (2, "Attrs", REPEATED, Attributes),
    (2, "ServiceName", REQUIRED, Leaf(Str, D, Z)),
    (2, "Cluster", OPTIONAL, Leaf(Str, D, Z)),
    (2, "Namespace", OPTIONAL, Leaf(Str, D, Z)),
    (2, "Pod", OPTIONAL, Leaf(Str, D, Z)),
    (2, "Container", OPTIONAL, Leaf(Str, D, Z)),
    (2, "K8sClusterName", OPTIONAL, Leaf(Str, D, Z)),
    (2, "K8sNamespaceName", OPTIONAL, Leaf(Str, D, Z)),
    (2, "K8sPodName", OPTIONAL, Leaf(Str, D, Z)),
    (2, "K8sContainerName", OPTIONAL, Leaf(Str, D, Z)),
    (2, "DedicatedAttributes", REQUIRED, Dedicated(DedicatedScope::Resource)),
    (1, "ss", REPEATED, Group),
    (2, "Scope", REQUIRED, Group),
    (3, "Name", REQUIRED, Leaf(Str, D, Z)),
    (3, "Version", REQUIRED, Leaf(Str, D, Z)),
    (2, "Spans", REPEATED, Group),
    (3, "SpanID", REQUIRED, Leaf(Bin, L, LEVELS)),
    (3, "ParentSpanID", REQUIRED, Leaf(Bin, L, Z)),
    (3, "ParentID", REQUIRED, Leaf(I32, B, Z)),
    (3, "NestedSetLeft", REQUIRED, Leaf(I32, B, Z)),
    (3, "NestedSetRight", REQUIRED, Leaf(I32, B, Z)),
    (3, "Name", REQUIRED, Leaf(Str, D, Z)),
    (3, "Kind", REQUIRED, Leaf(I64, B, Z)),
    (3, "TraceState", REQUIRED, Leaf(Str, L, Z)),
    (3, "StartTimeUnixNano", REQUIRED, Leaf(U64, B, LEVELS)),
    (3, "DurationNano", REQUIRED, Leaf(U64, B, LEVELS)),
    (3, "StatusCode", REQUIRED, Leaf(I64, B, Z)),
    (3, "StatusMessage", REQUIRED, Leaf(Str, L, Z)),
    (3, "Attrs", REPEATED, Attributes),
    (3, "DroppedAttributesCount", REQUIRED, Leaf(I32, B, Z)),
    (3, "Events", REPEATED, Group),
    (4, "TimeUnixNano", REQUIRED, Leaf(U64, B, Z)),
    (4, "Name", REQUIRED, Leaf(Str, L, Z)),
    (4, "Attrs", REPEATED, Group),
    (5, "Key", REQUIRED, Leaf(Str, D, Z)),
    (5, "Value", REQUIRED, Leaf(Bin, L, Z)),
    (4, "DroppedAttributesCount", REQUIRED, Leaf(I32, B, Z)),
    (3, "DroppedEventsCount", REQUIRED, Leaf(I32, P, Z)),
    (3, "Links", REQUIRED, Leaf(Bin, L, Z)),
    (3, "DroppedLinksCount", REQUIRED, Leaf(I32, P, Z)),
    (3, "HttpMethod", OPTIONAL, Leaf(Str, D, Z)),
    (3, "HttpUrl", OPTIONAL, Leaf(Str, D, Z)),
    (3, "HttpStatusCode", OPTIONAL, Leaf(I64, D, Z)),
    (3, "DedicatedAttributes", REQUIRED, Dedicated(DedicatedScope::Span)),
];
