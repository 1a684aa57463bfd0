//! The columns of a block, by version (contract blocks.md §7, §8, §9).
//!
//! From: the version and the dedicated columns of a block's meta, and the tables in `trees`. To:
//! [`crate::encode`], which takes the Parquet type, the leaf numbers and each leaf's encoding from
//! here, and [`crate::read`], which finds columns by name. A column has the same name in every
//! version, wherever it lies in the file. This module does not know spans.

use std::sync::Arc;

use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{Type, TypePtr};

use self::LeafCompression::Zstd as Z;
use self::LeafEncoding::{DeltaLength as L, Dictionary as D};
use self::LeafType::{Bin, Bool, F64, I32, I64, Str, U32, U64};
use self::spare::strings_max;
use self::trees::{Is, Node, OPTIONAL, REPEATED, REQUIRED};
use crate::meta::{DedicatedColumn, DedicatedScope, DedicatedType};
use crate::version::Version;

mod spare;
mod trees;

pub use spare::{Assigned, assign};

/// What `created_by` of our files begins with.
pub const CREATED_BY: &str = "stringendo version ";

/// Spare string columns per scope.
pub const DEDICATED_STRINGS_MAX: usize = 20;
/// The same in vParquet3 and vParquet4.
pub const DEDICATED_STRINGS_MAX_V4: usize = 10;
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
    /// Name, such as `rs.ss.Spans.Attrs.Key`: the dotted path without what lists add to it.
    pub name: String,
    /// Dotted path below the root, as the file has it.
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
    /// The tree of a version with the dedicated columns in use.
    ///
    /// # Errors
    /// None for these tables, whatever the columns: errors come from the type builders of
    /// `parquet`.
    pub fn new(version: Version, dedicated: &[DedicatedColumn]) -> Result<Self, ParquetError> {
        let nodes = trees::tree(version);
        let mut tree = Tree { version, dedicated, nodes, leaves: Vec::new() };
        let fields = tree.fields(0, &Place::default())?;
        let root = Type::group_type_builder("Trace").with_fields(fields).build()?;
        Ok(Self { leaves: tree.leaves, root: Arc::new(root) })
    }

    /// Number of the leaf with this name.
    pub fn leaf(&self, name: &str) -> Option<usize> {
        self.leaves.iter().position(|leaf| leaf.name == name)
    }
}

/// The name of a column in a file, from its path: without what lists add.
pub(crate) fn name_of(path: &str) -> String {
    path.replace(".list.element", "")
}

/// Where a node of the tree is.
#[derive(Clone, Debug, Default)]
struct Place {
    name: String,
    path: String,
    def: i16,
    rep: i16,
}

impl Place {
    /// The place of `part` below this one; `None` as its name adds nothing to the name.
    fn below(&self, part: &str, name: Option<&str>, repetition: Repetition) -> Self {
        Self {
            name: name.map_or_else(|| self.name.clone(), |name| dotted(&self.name, name)),
            path: dotted(&self.path, part),
            def: self.def + i16::from(repetition != REQUIRED),
            rep: self.rep + i16::from(repetition == REPEATED),
        }
    }
}

fn dotted(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

/// What a leaf is, wherever it is.
#[derive(Clone, Copy)]
struct LeafKind {
    kind: LeafType,
    encoding: LeafEncoding,
    compression: LeafCompression,
    dedicated: Option<usize>,
}

impl LeafKind {
    fn new(kind: LeafType, encoding: LeafEncoding, compression: LeafCompression) -> Self {
        Self { kind, encoding, compression, dedicated: None }
    }
}

/// How a file names a node and what it adds to the column's name.
#[derive(Clone, Copy)]
struct Named<'n> {
    part: &'n str,
    name: Option<&'n str>,
    repetition: Repetition,
}

impl<'n> Named<'n> {
    fn new(part: &'n str, repetition: Repetition) -> Self {
        Self { part, name: Some(part), repetition }
    }

    /// A level that the file has and the name has not.
    fn unnamed(part: &'n str, repetition: Repetition) -> Self {
        Self { part, name: None, repetition }
    }
}

/// What a group is marked as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Nothing,
    List,
    Map,
}

/// Builds types and leaves from the nodes.
struct Tree<'d> {
    version: Version,
    dedicated: &'d [DedicatedColumn],
    nodes: &'static [Node],
    leaves: Vec<Leaf>,
}

type Built<T> = Result<T, ParquetError>;

impl Tree<'_> {
    /// The fields at `depth` from here on.
    fn fields(&mut self, depth: usize, at: &Place) -> Built<Vec<TypePtr>> {
        let mut fields = Vec::new();
        while let Some((&(found, name, repetition, is), rest)) = self.nodes.split_first() {
            if found != depth {
                break;
            }
            self.nodes = rest;
            fields.extend(self.field(depth, Named::new(name, repetition), is, at)?);
        }
        Ok(fields)
    }

    fn field(
        &mut self,
        depth: usize,
        named: Named<'_>,
        is: Is,
        at: &Place,
    ) -> Built<Option<TypePtr>> {
        let field = match is {
            Is::Leaf(kind, encoding, compression) => {
                self.leaf(named, LeafKind::new(kind, encoding, compression), at)?
            }
            Is::Group => self.group_or_list(named, at, |tree, at| tree.fields(depth + 1, at))?,
            Is::Attributes => self.group_or_list(named, at, Self::attribute)?,
            Is::Services => self.services(depth, named, at)?,
            Is::Dedicated(scope) => {
                let columns = self.spare_columns(scope);
                if columns.is_empty() {
                    return Ok(None);
                }
                self.group(named, Mark::Nothing, at, |tree, at| tree.spare(&columns, at))?
            }
        };
        Ok(Some(Arc::new(field)))
    }

    /// A group; a repeated one is a list as the version has them.
    fn group_or_list(
        &mut self,
        named: Named<'_>,
        at: &Place,
        fields: impl FnOnce(&mut Self, &Place) -> Built<Vec<TypePtr>>,
    ) -> Built<Type> {
        if !self.is_list(named) {
            return self.group(named, Mark::Nothing, at, fields);
        }
        self.list(named, at, |tree, element, at| tree.group(element, Mark::Nothing, at, fields))
    }

    /// vParquet5 has plain repeated fields, the others lists of three levels.
    fn is_list(&self, named: Named<'_>) -> bool {
        named.repetition == REPEATED && self.version != Version::V5
    }

    fn list(
        &mut self,
        named: Named<'_>,
        at: &Place,
        element: impl FnOnce(&mut Self, Named<'_>, &Place) -> Built<Type>,
    ) -> Built<Type> {
        let outer = Named { repetition: REQUIRED, ..named };
        self.group(outer, Mark::List, at, |tree, at| {
            let list = Named::unnamed("list", REPEATED);
            let list = tree.group(list, Mark::Nothing, at, |tree, at| {
                let element = element(tree, Named::unnamed("element", REQUIRED), at)?;
                Ok(vec![Arc::new(element)])
            })?;
            Ok(vec![Arc::new(list)])
        })
    }

    fn group(
        &mut self,
        named: Named<'_>,
        mark: Mark,
        at: &Place,
        fields: impl FnOnce(&mut Self, &Place) -> Built<Vec<TypePtr>>,
    ) -> Built<Type> {
        let here = at.below(named.part, named.name, named.repetition);
        let fields = fields(self, &here)?;
        let group = Type::group_type_builder(named.part).with_fields(fields);
        let group = match mark {
            Mark::Nothing => group,
            Mark::List => group
                .with_converted_type(ConvertedType::LIST)
                .with_logical_type(Some(LogicalType::List)),
            Mark::Map => group
                .with_converted_type(ConvertedType::MAP)
                .with_logical_type(Some(LogicalType::Map)),
        };
        group.with_repetition(named.repetition).build()
    }

    /// A map from the first column below to the others.
    fn services(&mut self, depth: usize, named: Named<'_>, at: &Place) -> Built<Type> {
        let outer = Named { repetition: REQUIRED, ..named };
        self.group(outer, Mark::Map, at, |tree, at| {
            let entry = Named::unnamed("key_value", REPEATED);
            let entry = tree.group(entry, Mark::Nothing, at, |tree, at| {
                let mut fields = Vec::new();
                if let Some((&(_, name, repetition, Is::Leaf(kind, encoding, compression)), rest)) =
                    tree.nodes.split_first()
                {
                    tree.nodes = rest;
                    let key = Named { part: "key", name: Some(name), repetition };
                    let kind = LeafKind::new(kind, encoding, compression);
                    fields.push(Arc::new(tree.leaf(key, kind, at)?));
                }
                let value = Named::unnamed("value", REQUIRED);
                let value =
                    tree.group(value, Mark::Nothing, at, |tree, at| tree.fields(depth + 1, at))?;
                fields.push(Arc::new(value));
                Ok(fields)
            })?;
            Ok(vec![Arc::new(entry)])
        })
    }

    fn attribute(&mut self, at: &Place) -> Built<Vec<TypePtr>> {
        let columns = trees::attribute(self.version);
        let leaf = |&(name, repetition, kind, encoding): &trees::Attribute| {
            let kind = LeafKind::new(kind, encoding, Z);
            self.leaf(Named::new(name, repetition), kind, at).map(Arc::new)
        };
        columns.iter().map(leaf).collect()
    }

    /// The spare columns of a scope that the file has, in its order: name and kind.
    fn spare_columns(&self, scope: DedicatedScope) -> Vec<(String, LeafKind)> {
        let assigned = assign(self.version, self.dedicated, scope);
        let mut columns: Vec<_> = assigned.iter().filter_map(spare_column).collect();
        if self.version != Version::V5 {
            // All of them are there, used or not.
            for number in columns.len() + 1..=strings_max(self.version) {
                columns.push((format!("String{number:02}"), LeafKind::new(Str, D, Z)));
            }
        }
        columns
    }

    fn spare(&mut self, columns: &[(String, LeafKind)], at: &Place) -> Built<Vec<TypePtr>> {
        let repetition = if self.version == Version::V5 { REPEATED } else { OPTIONAL };
        let leaf = |(name, kind): &(String, LeafKind)| {
            self.leaf(Named::new(name, repetition), *kind, at).map(Arc::new)
        };
        columns.iter().map(leaf).collect()
    }

    fn leaf(&mut self, named: Named<'_>, leaf: LeafKind, at: &Place) -> Built<Type> {
        if self.is_list(named) {
            return self.list(named, at, |tree, element, at| tree.leaf(element, leaf, at));
        }
        let Place { name, path, def, rep } = at.below(named.part, named.name, named.repetition);
        let LeafKind { kind, encoding, compression, dedicated } = leaf;
        let (repetition, max_def, max_rep) = (named.repetition, def, rep);
        #[rustfmt::skip]
        self.leaves.push(Leaf {
            name, path, kind, repetition, encoding, compression, max_def, max_rep, dedicated,
        });
        leaf_type(named.part, kind, repetition)
    }
}

/// The last part of the column's name, and its kind; `None` for one that is in another group.
fn spare_column(assigned: &Assigned) -> Option<(String, LeafKind)> {
    let entry = assigned.entry?;
    let (kind, encoding) = match (assigned.kind, assigned.blob) {
        (DedicatedType::String, true) => (Str, L),
        (DedicatedType::String, false) => (Str, D),
        (DedicatedType::Int, _) => (I64, D),
    };
    let (_, name) = assigned.column.rsplit_once('.')?;
    Some((name.to_owned(), LeafKind { dedicated: Some(entry), ..LeafKind::new(kind, encoding, Z) }))
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
