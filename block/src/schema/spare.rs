//! Which columns of their own attributes have (contract blocks.md §8, §11).
//!
//! From: the dedicated columns of a block's meta. To: [`super::Schema`], the encoder, the reader
//! and [`crate::stored_form`], which must agree.

use super::{DEDICATED_INTS_MAX, DEDICATED_STRINGS_MAX, DEDICATED_STRINGS_MAX_V4};
use crate::meta::{DedicatedColumn, DedicatedOption, DedicatedScope, DedicatedType};
use crate::version::Version;

/// A column of its own that an attribute has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// Index in the meta's list; `None` for a column that every block of the version has.
    pub entry: Option<usize>,
    /// The attribute's key.
    pub key: String,
    /// Path below the owner, such as `DedicatedAttributes.String01` or `HttpMethod`.
    pub column: String,
    /// Type.
    pub kind: DedicatedType,
    /// Whether it is stored as a blob.
    pub blob: bool,
}

/// The columns of their own that attributes of `scope` have: strings, then integers, each in the
/// order of the meta's list, then those that every block of the version has. Entries beyond the
/// limits, and those that the version has no column for, have none.
pub fn assign(
    version: Version,
    dedicated: &[DedicatedColumn],
    scope: DedicatedScope,
) -> Vec<Assigned> {
    let mut assigned = of_type(version, dedicated, scope, DedicatedType::String);
    assigned.extend(of_type(version, dedicated, scope, DedicatedType::Int));
    let fixed = fixed(version).iter().filter(|(of, ..)| *of == scope);
    assigned.extend(fixed.map(|&(_, key, column, kind)| Assigned {
        entry: None,
        key: key.to_owned(),
        column: column.to_owned(),
        kind,
        blob: false,
    }));
    assigned
}

fn of_type(
    version: Version,
    dedicated: &[DedicatedColumn],
    scope: DedicatedScope,
    kind: DedicatedType,
) -> Vec<Assigned> {
    let (prefix, max) = match kind {
        DedicatedType::String => ("String", strings_max(version)),
        DedicatedType::Int => ("Int", DEDICATED_INTS_MAX),
    };
    let entries = dedicated.iter().enumerate();
    let entries = entries.filter(|(_, column)| {
        column.scope == scope && column.kind == kind && may_have_column(version, column)
    });
    let numbered = entries.take(max).zip(1..);
    numbered
        .map(|((entry, column), number)| Assigned {
            entry: Some(entry),
            key: column.name.clone(),
            column: format!("DedicatedAttributes.{prefix}{number:02}"),
            kind,
            blob: column.options.contains(&DedicatedOption::Blob),
        })
        .collect()
}

/// Spare string columns per scope.
pub(super) const fn strings_max(version: Version) -> usize {
    match version {
        Version::V3 | Version::V4 => DEDICATED_STRINGS_MAX_V4,
        Version::V5 => DEDICATED_STRINGS_MAX,
    }
}

/// Whether the version has spare columns for such an attribute.
fn may_have_column(version: Version, column: &DedicatedColumn) -> bool {
    let is_fixed = |(scope, name, _, kind): &Fixed| {
        (*scope, *name, *kind) == (column.scope, column.name.as_str(), column.kind)
    };
    version == Version::V5
        || column.scope != DedicatedScope::Event
            && column.kind == DedicatedType::String
            && column.options.is_empty()
            && !fixed(version).iter().any(is_fixed)
}

/// Scope, key, column and type.
type Fixed = (DedicatedScope, &'static str, &'static str, DedicatedType);

/// Attributes that have a column in every block of the version; the service name, which every
/// version has, aside.
fn fixed(version: Version) -> &'static [Fixed] {
    match version {
        Version::V3 | Version::V4 => FIXED_V4,
        Version::V5 => &[],
    }
}

const FIXED_V4: &[Fixed] = &[
    (DedicatedScope::Resource, "cluster", "Cluster", DedicatedType::String),
    (DedicatedScope::Resource, "namespace", "Namespace", DedicatedType::String),
    (DedicatedScope::Resource, "pod", "Pod", DedicatedType::String),
    (DedicatedScope::Resource, "container", "Container", DedicatedType::String),
    (DedicatedScope::Resource, "k8s.cluster.name", "K8sClusterName", DedicatedType::String),
    (DedicatedScope::Resource, "k8s.namespace.name", "K8sNamespaceName", DedicatedType::String),
    (DedicatedScope::Resource, "k8s.pod.name", "K8sPodName", DedicatedType::String),
    (DedicatedScope::Resource, "k8s.container.name", "K8sContainerName", DedicatedType::String),
    (DedicatedScope::Span, "http.method", "HttpMethod", DedicatedType::String),
    (DedicatedScope::Span, "http.url", "HttpUrl", DedicatedType::String),
    (DedicatedScope::Span, "http.status_code", "HttpStatusCode", DedicatedType::Int),
];
