//! The v5 tree as a table (contract blocks.md §7).
//!
//! From: the dedicated columns of a block's meta. To: [`crate::encode`], which takes the Parquet
//! type, the leaf numbers and each leaf's encoding from here, and the readers, which find columns
//! by path. This module does not know spans.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{Type, TypePtr};

use crate::meta::{DedicatedColumn, DedicatedOption, DedicatedScope, DedicatedType};

/// What `created_by` of our files begins with.
pub const CREATED_BY: &str = "stringendo version ";

/// Spare string columns per scope.
pub const DEDICATED_STRINGS_MAX: usize = 20;
/// Spare integer columns per scope.
pub const DEDICATED_INTS_MAX: usize = 5;

/// Type of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafType {
    /// BYTE_ARRAY without logical type.
    Bin,
    /// BYTE_ARRAY, String.
    Str,
    /// INT32, signed.
    I32,
    /// INT32, unsigned.
    U32,
    /// INT64, signed.
    I64,
    /// INT64, unsigned.
    U64,
    /// DOUBLE.
    F64,
    /// BOOLEAN.
    Bool,
}

/// Encoding of a leaf, by the contract's tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafEncoding {
    /// RLE_DICTIONARY with a PLAIN dictionary page (`D`).
    Dictionary,
    /// DELTA_LENGTH_BYTE_ARRAY (`L`).
    DeltaLength,
    /// DELTA_BINARY_PACKED (`B`).
    DeltaPacked,
    /// PLAIN (`P`).
    Plain,
}

/// Compression of a leaf's pages. Tempo's own choice is Snappy or none; it reads Zstd as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafCompression {
    /// None at all: for what has no levels and does not shrink.
    None,
    /// Zstd, values stored: only the levels shrink.
    Levels,
    /// Zstd.
    Zstd,
}

/// One column of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Dotted path below the root, such as `rs.ss.Spans.Attrs.Key`.
    pub path: String,
    /// Type.
    pub kind: LeafType,
    /// Own repetition (of the leaf alone).
    pub repetition: Repetition,
    /// Encoding.
    pub encoding: LeafEncoding,
    /// Compression.
    pub compression: LeafCompression,
    /// Maximum definition level.
    pub max_def: i16,
    /// Maximum repetition level.
    pub max_rep: i16,
    /// For a dedicated column: its index in the meta's list.
    pub dedicated: Option<usize>,
}

/// A block's tree.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Leaves in the file's order.
    pub leaves: Vec<Leaf>,
    /// The Parquet type of the whole row.
    pub root: TypePtr,
}

impl Schema {
    /// The vParquet5 tree with the dedicated columns in use.
    ///
    /// # Errors
    /// None for this table, whatever the columns: errors come from the type builders of `parquet`.
    pub fn v5(dedicated: &[DedicatedColumn]) -> Result<Self, ParquetError> {
        let mut tree = Tree { nodes: expand(dedicated), at: 0, leaves: Vec::new() };
        let fields = tree.fields(0, "", 0, 0)?;
        let root = Type::group_type_builder("Trace").with_fields(fields).build()?;
        Ok(Self { leaves: tree.leaves, root: Arc::new(root) })
    }

    /// Number of the leaf with this dotted path.
    pub fn leaf(&self, path: &str) -> Option<usize> {
        self.leaves.iter().position(|leaf| leaf.path == path)
    }
}

/// A spare column that an attribute takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// Index in the meta's list.
    pub entry: usize,
    /// Column name, such as `String01`.
    pub column: String,
    /// Type.
    pub kind: DedicatedType,
    /// Whether it is stored as a blob.
    pub blob: bool,
}

/// The spare columns of `scope` in use, in the file's order: strings, then integers
/// (contract blocks.md §11). Entries beyond the limits have none.
pub fn assign(dedicated: &[DedicatedColumn], scope: DedicatedScope) -> Vec<Assigned> {
    let mut assigned = of_type(dedicated, scope, DedicatedType::String);
    assigned.extend(of_type(dedicated, scope, DedicatedType::Int));
    assigned
}

fn of_type(
    dedicated: &[DedicatedColumn],
    scope: DedicatedScope,
    kind: DedicatedType,
) -> Vec<Assigned> {
    let (prefix, max) = match kind {
        DedicatedType::String => ("String", DEDICATED_STRINGS_MAX),
        DedicatedType::Int => ("Int", DEDICATED_INTS_MAX),
    };
    let entries = dedicated.iter().enumerate();
    let entries = entries.filter(|(_, column)| column.scope == scope && column.kind == kind);
    let numbered = entries.take(max).zip(1..);
    numbered
        .map(|((entry, column), number)| Assigned {
            entry,
            column: format!("{prefix}{number:02}"),
            kind,
            blob: column.options.contains(&DedicatedOption::Blob),
        })
        .collect()
}

/// What is at a place of the tree.
#[derive(Clone, Copy)]
enum Is {
    /// A group with the nodes that follow one deeper.
    Group,
    /// A column.
    Leaf(LeafType, LeafEncoding, LeafCompression),
    /// A repeated group of attributes.
    Attributes,
    /// The group of dedicated columns of a scope; absent without any.
    Dedicated(DedicatedScope),
}

/// A node: depth in the tree, name, repetition, what it is.
type Node = (usize, &'static str, Repetition, Is);

use self::LeafCompression::{Levels as LEVELS, None as NONE, Zstd as Z};
use self::LeafEncoding::{DeltaLength as L, DeltaPacked as B, Dictionary as D, Plain as P};
use self::LeafType::{Bin, Bool, F64, I32, I64, Str, U32, U64};
use Is::{Attributes, Dedicated, Group};

const OPTIONAL: Repetition = Repetition::OPTIONAL;
const REPEATED: Repetition = Repetition::REPEATED;
const REQUIRED: Repetition = Repetition::REQUIRED;

/// The vParquet5 tree, in the file's order.
const V5: &[Node] = &[
    (0, "TraceID", REQUIRED, Is::Leaf(Bin, L, NONE)),
    (0, "TraceIDText", REQUIRED, Is::Leaf(Str, L, Z)),
    (0, "StartTimeUnixNano", REQUIRED, Is::Leaf(U64, B, NONE)),
    (0, "EndTimeUnixNano", REQUIRED, Is::Leaf(U64, B, NONE)),
    (0, "DurationNano", REQUIRED, Is::Leaf(U64, B, NONE)),
    (0, "RootServiceName", REQUIRED, Is::Leaf(Str, D, Z)),
    (0, "RootSpanName", REQUIRED, Is::Leaf(Str, D, Z)),
    (0, "ServiceStats", REPEATED, Group),
    (1, "ServiceName", REQUIRED, Is::Leaf(Str, D, Z)),
    (1, "SpanCount", REQUIRED, Is::Leaf(U32, B, Z)),
    (1, "ErrorCount", REQUIRED, Is::Leaf(U32, B, Z)),
    (0, "rs", REPEATED, Group),
    (1, "Resource", REQUIRED, Group),
    (2, "ServiceName", REQUIRED, Is::Leaf(Str, D, Z)),
    (2, "Attrs", REPEATED, Attributes),
    (2, "DroppedAttributesCount", REQUIRED, Is::Leaf(I32, B, Z)),
    (2, "DedicatedAttributes", REQUIRED, Dedicated(DedicatedScope::Resource)),
    (1, "ss", REPEATED, Group),
    (2, "Scope", REQUIRED, Group),
    (3, "Name", REQUIRED, Is::Leaf(Str, D, Z)),
    (3, "Version", REQUIRED, Is::Leaf(Str, D, Z)),
    (3, "Attrs", REPEATED, Attributes),
    (3, "DroppedAttributesCount", REQUIRED, Is::Leaf(I32, B, Z)),
    (2, "Spans", REPEATED, Group),
    (3, "SpanID", REQUIRED, Is::Leaf(Bin, L, LEVELS)),
    (3, "ParentSpanID", REQUIRED, Is::Leaf(Bin, L, Z)),
    (3, "ParentID", REQUIRED, Is::Leaf(I32, B, Z)),
    (3, "NestedSetLeft", REQUIRED, Is::Leaf(I32, B, Z)),
    (3, "NestedSetRight", REQUIRED, Is::Leaf(I32, B, Z)),
    (3, "ChildCount", REQUIRED, Is::Leaf(I32, B, Z)),
    (3, "Name", REQUIRED, Is::Leaf(Str, D, Z)),
    (3, "Kind", REQUIRED, Is::Leaf(I64, B, Z)),
    (3, "TraceState", REQUIRED, Is::Leaf(Str, L, Z)),
    (3, "StartTimeUnixNano", REQUIRED, Is::Leaf(U64, B, LEVELS)),
    (3, "DurationNano", REQUIRED, Is::Leaf(U64, B, LEVELS)),
    (3, "StatusCode", REQUIRED, Is::Leaf(I64, B, Z)),
    (3, "StatusMessage", REQUIRED, Is::Leaf(Str, L, Z)),
    (3, "Attrs", REPEATED, Attributes),
    (3, "DroppedAttributesCount", REQUIRED, Is::Leaf(I32, B, Z)),
    (3, "Events", REPEATED, Group),
    (4, "TimeSinceStartNano", REQUIRED, Is::Leaf(U64, B, Z)),
    (4, "Name", REQUIRED, Is::Leaf(Str, D, Z)),
    (4, "Attrs", REPEATED, Attributes),
    (4, "DroppedAttributesCount", REQUIRED, Is::Leaf(I32, B, Z)),
    (4, "DedicatedAttributes", REQUIRED, Dedicated(DedicatedScope::Event)),
    (3, "DroppedEventsCount", REQUIRED, Is::Leaf(I32, P, Z)),
    (3, "Links", REPEATED, Group),
    (4, "TraceID", REQUIRED, Is::Leaf(Bin, L, Z)),
    (4, "SpanID", REQUIRED, Is::Leaf(Bin, L, Z)),
    (4, "TraceState", REQUIRED, Is::Leaf(Str, L, Z)),
    (4, "Attrs", REPEATED, Attributes),
    (4, "DroppedAttributesCount", REQUIRED, Is::Leaf(I32, B, Z)),
    (3, "DroppedLinksCount", REQUIRED, Is::Leaf(I32, P, Z)),
    (3, "DedicatedAttributes", REQUIRED, Dedicated(DedicatedScope::Span)),
    (3, "StartTimeRounded15", REQUIRED, Is::Leaf(U32, B, Z)),
    (3, "StartTimeRounded60", REQUIRED, Is::Leaf(U32, B, Z)),
    (3, "StartTimeRounded300", REQUIRED, Is::Leaf(U32, B, Z)),
    (3, "StartTimeRounded3600", REQUIRED, Is::Leaf(U32, B, Z)),
    (2, "SpanCount", REQUIRED, Is::Leaf(I32, B, Z)),
];

/// What is below every `Attrs`, one deeper.
const ATTRIBUTE: &[(&str, Repetition, LeafType, LeafEncoding)] = &[
    ("Key", REQUIRED, Str, D),
    ("IsArray", REQUIRED, Bool, P),
    ("Value", REPEATED, Str, D),
    ("ValueInt", REPEATED, I64, D),
    ("ValueDouble", REPEATED, F64, D),
    ("ValueBool", REPEATED, Bool, P),
    ("ValueUnsupported", OPTIONAL, Str, L),
];

/// A node after expansion: every group is plain, every leaf complete.
struct Expanded {
    depth: usize,
    name: String,
    repetition: Repetition,
    leaf: Option<(LeafType, LeafEncoding, LeafCompression)>,
    dedicated: Option<usize>,
}

fn expand(dedicated: &[DedicatedColumn]) -> Vec<Expanded> {
    let mut nodes = Vec::new();
    for &(depth, name, repetition, is) in V5 {
        let group = Expanded { depth, name: name.into(), repetition, leaf: None, dedicated: None };
        match is {
            Group => nodes.push(group),
            Is::Leaf(kind, encoding, compression) => {
                nodes.push(Expanded { leaf: Some((kind, encoding, compression)), ..group });
            }
            Attributes => {
                nodes.push(group);
                nodes.extend(ATTRIBUTE.iter().map(|attribute| attribute_leaf(depth, attribute)));
            }
            Dedicated(scope) => {
                let columns = assign(dedicated, scope);
                if !columns.is_empty() {
                    nodes.push(group);
                    nodes.extend(columns.into_iter().map(|column| dedicated_leaf(depth, column)));
                }
            }
        }
    }
    nodes
}

fn attribute_leaf(
    depth: usize,
    &(name, repetition, kind, encoding): &(&str, Repetition, LeafType, LeafEncoding),
) -> Expanded {
    let leaf = Some((kind, encoding, Z));
    Expanded { depth: depth + 1, name: name.into(), repetition, leaf, dedicated: None }
}

fn dedicated_leaf(depth: usize, column: Assigned) -> Expanded {
    let leaf = match (column.kind, column.blob) {
        (DedicatedType::String, true) => (Str, L, Z),
        (DedicatedType::String, false) => (Str, D, Z),
        (DedicatedType::Int, _) => (I64, D, Z),
    };
    Expanded {
        depth: depth + 1,
        name: column.column,
        repetition: REPEATED,
        leaf: Some(leaf),
        dedicated: Some(column.entry),
    }
}

/// Builds types and leaves from the expanded nodes.
struct Tree {
    nodes: Vec<Expanded>,
    at: usize,
    leaves: Vec<Leaf>,
}

impl Tree {
    /// The fields at `depth` from here on.
    fn fields(
        &mut self,
        depth: usize,
        parent: &str,
        def: i16,
        rep: i16,
    ) -> Result<Vec<TypePtr>, ParquetError> {
        let mut fields = Vec::new();
        while self.nodes.get(self.at).is_some_and(|node| node.depth == depth) {
            fields.push(Arc::new(self.field(depth, parent, def, rep)?));
        }
        Ok(fields)
    }

    fn field(
        &mut self,
        depth: usize,
        parent: &str,
        def: i16,
        rep: i16,
    ) -> Result<Type, ParquetError> {
        let node = &self.nodes[self.at];
        self.at += 1;
        let (name, repetition) = (node.name.clone(), node.repetition);
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        let max_def = def + i16::from(repetition != REQUIRED);
        let max_rep = rep + i16::from(repetition == REPEATED);
        match node.leaf {
            Some((kind, encoding, compression)) => {
                let dedicated = node.dedicated;
                #[rustfmt::skip]
                let leaf = Leaf {
                    path, kind, repetition, encoding, compression, max_def, max_rep, dedicated,
                };
                self.leaves.push(leaf);
                leaf_type(&name, kind, repetition)
            }
            None => {
                let fields = self.fields(depth + 1, &path, max_def, max_rep)?;
                let group = Type::group_type_builder(&name).with_fields(fields);
                group.with_repetition(repetition).build()
            }
        }
    }
}

fn leaf_type(name: &str, kind: LeafType, repetition: Repetition) -> Result<Type, ParquetError> {
    let (physical, logical) = match kind {
        Bin => (Physical::BYTE_ARRAY, None),
        Str => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        I32 => (Physical::INT32, Some(LogicalType::integer(32, true))),
        U32 => (Physical::INT32, Some(LogicalType::integer(32, false))),
        I64 => (Physical::INT64, Some(LogicalType::integer(64, true))),
        U64 => (Physical::INT64, Some(LogicalType::integer(64, false))),
        F64 => (Physical::DOUBLE, None),
        Bool => (Physical::BOOLEAN, None),
    };
    let builder = Type::primitive_type_builder(name, physical).with_repetition(repetition);
    builder.with_logical_type(logical).build()
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
