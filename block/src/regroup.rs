//! Which spans of a trace share a resource and a scope (contract blocks.md §14).
//!
//! From: [`crate::encode`], per span the numbers of equal resources and scopes. To: the same, spans
//! in the order in which they are stored. Does not know what a resource is.

use hashbrown::HashMap;

/// A span's groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Its resource, counted in order of first appearance in the trace.
    pub resource: u32,
    /// Its scope entry, counted in order of first appearance in the trace.
    pub scope: u32,
    /// The span, counted in order of arrival.
    pub span: u32,
}

/// Groups spans of one trace; keeps its buffers from trace to trace.
#[derive(Default)]
pub struct Groups {
    /// After [`Groups::sort`]: spans in storage order.
    pub members: Vec<Member>,
    /// Scope entries of each resource.
    pub scopes_of_resource: Vec<u32>,
    resources: HashMap<u32, u32, foldhash::fast::RandomState>,
    scopes: HashMap<(u32, u32), u32, foldhash::fast::RandomState>,
    /// Identities of the span before, and its groups.
    last: Option<((u32, u32), (u32, u32))>,
}

impl Groups {
    /// Begins a trace.
    pub fn clear(&mut self) {
        self.members.clear();
        self.scopes_of_resource.clear();
        self.resources.clear();
        self.scopes.clear();
        self.last = None;
    }

    /// Adds the next span: numbers that are equal for equal resources, and for equal scopes.
    pub fn push(&mut self, resource: u32, scope: u32) {
        let span = self.members.len() as u32;
        let groups = match self.last {
            Some((identities, groups)) if identities == (resource, scope) => groups,
            _ => self.find(resource, scope),
        };
        self.last = Some(((resource, scope), groups));
        self.members.push(Member { resource: groups.0, scope: groups.1, span });
    }

    fn find(&mut self, resource: u32, scope: u32) -> (u32, u32) {
        let next = self.resources.len() as u32;
        let resource = *self.resources.entry(resource).or_insert(next);
        if resource == next {
            self.scopes_of_resource.push(0);
        }
        let next = self.scopes.len() as u32;
        let scope = *self.scopes.entry((resource, scope)).or_insert(next);
        if scope == next {
            self.scopes_of_resource[resource as usize] += 1;
        }
        (resource, scope)
    }

    /// Brings spans into storage order: by resource, by scope, by arrival.
    pub fn sort(&mut self) {
        if self.scopes.len() > 1 {
            self.members.sort_unstable();
        }
    }
}

/// Within one entry of a request, scopes of one name and version are the first of them: its
/// attributes and its dropped count stand for all (contract blocks.md §14).
#[derive(Default)]
pub struct SentScopes {
    /// The entry under way; the name and version of its first scope, and that scope.
    first: Option<((u32, u32), (u32, u32))>,
    /// Its other scopes, by name and version; mostly there are none.
    others: HashMap<u32, u32, foldhash::fast::RandomState>,
}

impl SentScopes {
    /// Begins a trace.
    pub fn clear(&mut self) {
        self.first = None;
        self.others.clear();
    }

    /// The scope that stands for `scope`, whose name and version have the number `naming`. Spans of
    /// one entry come one after the other.
    pub fn stand_in(&mut self, entry: (u32, u32), naming: u32, scope: u32) -> u32 {
        match self.first {
            Some((known, (first_naming, first))) if known == entry => {
                if naming == first_naming {
                    return first;
                }
                *self.others.entry(naming).or_insert(scope)
            }
            _ => {
                self.first = Some((entry, (naming, scope)));
                self.others.clear();
                scope
            }
        }
    }
}

#[cfg(test)]
#[path = "regroup_tests.rs"]
mod tests;
