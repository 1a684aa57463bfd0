//! Which scope a span has once it is stored: within one entry of a request, scopes of one name and
//! version are the first of them (contract blocks.md §14).

use std::collections::HashMap;

use stringendo_proto::wire::{Fields, Value};

/// Follows the spans of a trace in the order in which they were sent.
#[derive(Default)]
pub struct SentScopes<'a> {
    /// Body of the resource of the entry under way, and of its first scope. Where they lie tells
    /// them apart from equal ones.
    entry: Option<(&'a [u8], &'a [u8])>,
    /// Scopes of the entry by name and version, if it has several.
    by_names: HashMap<(&'a [u8], &'a [u8]), &'a [u8]>,
}

impl<'a> SentScopes<'a> {
    /// The body of the scope that stands for `scope`, which was sent below `resource`.
    pub fn stand_in(&mut self, resource: &'a [u8], scope: &'a [u8]) -> &'a [u8] {
        match self.entry {
            Some((known, first)) if std::ptr::eq(known, resource) => {
                if std::ptr::eq(first, scope) {
                    return first;
                }
                self.by_names.entry(names(first)).or_insert(first);
                self.by_names.entry(names(scope)).or_insert(scope)
            }
            _ => {
                self.entry = Some((resource, scope));
                self.by_names.clear();
                scope
            }
        }
    }
}

fn names(scope: &[u8]) -> (&[u8], &[u8]) {
    let (mut name, mut version): (&[u8], &[u8]) = (&[], &[]);
    for field in Fields::new(scope) {
        match field {
            Ok((1, Value::Bytes(text))) => name = text,
            Ok((2, Value::Bytes(text))) => version = text,
            _ => {}
        }
    }
    (name, version)
}

#[cfg(test)]
#[path = "scopes_tests.rs"]
mod tests;
