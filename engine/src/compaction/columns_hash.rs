//! The hash of a block's dedicated columns: only blocks of the same columns are merged (contract
//! blocks.md §20).

use std::hash::Hasher;

use stringendo_block::DedicatedColumn;
use stringendo_block::meta::{DedicatedOption, DedicatedScope, DedicatedType};
use twox_hash::XxHash64;

/// Between the parts of an entry. UTF-8 has no such byte.
const SEPARATOR: u8 = 0xff;

/// The hash; 0 of no columns. Order matters, since it assigns the spare columns.
pub fn columns_hash(columns: &[DedicatedColumn]) -> u64 {
    if columns.is_empty() {
        return 0;
    }
    let mut hasher = XxHash64::with_seed(0);
    for column in columns {
        hasher.write(scope(column.scope).as_bytes());
        for part in [column.name.as_str(), kind(column.kind)] {
            hasher.write(&[SEPARATOR]);
            hasher.write(part.as_bytes());
        }
        for name in column.options.iter().copied().map(option) {
            hasher.write(&[SEPARATOR]);
            hasher.write(name.as_bytes());
        }
    }
    hasher.finish()
}

fn scope(scope: DedicatedScope) -> &'static str {
    match scope {
        DedicatedScope::Resource => "resource",
        DedicatedScope::Span => "span",
        DedicatedScope::Event => "event",
    }
}

fn kind(kind: DedicatedType) -> &'static str {
    match kind {
        DedicatedType::String => "string",
        DedicatedType::Int => "int",
    }
}

fn option(option: DedicatedOption) -> &'static str {
    match option {
        DedicatedOption::Array => "array",
        DedicatedOption::Blob => "blob",
    }
}

#[cfg(test)]
#[path = "columns_hash_tests.rs"]
mod tests;
