//! The tree of a trace: parents, nested sets, relations (contract §5.4, §6; blocks.md §12).

use stringendo_traceql::ast::Relation;

use crate::rows::{Span, Trace};

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

/// Where each span of a trace is in its tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Parent of each span; none for roots and orphans.
    parent: Vec<Option<usize>>,
    /// `nestedSetLeft`.
    pub left: Vec<i64>,
    /// `nestedSetRight`.
    pub right: Vec<i64>,
    /// `nestedSetParent`.
    pub nested_parent: Vec<i64>,
    /// `span:childCount`.
    pub children: Vec<i64>,
    /// Whether there is a root at all.
    pub has_root: bool,
}

impl Tree {
    /// The tree of these spans, which are in storage order.
    pub fn of(trace: &Trace) -> Self {
        let spans = &trace.spans;
        let zeros = || vec![0; spans.len()];
        let mut tree = Self {
            parent: vec![None; spans.len()],
            left: zeros(),
            right: zeros(),
            nested_parent: zeros(),
            children: zeros(),
            has_root: spans.iter().any(|span| span.parent == 0),
        };
        let holders = |id: u64| spans.iter().filter(|span| span.id == id).count();
        if !tree.has_root || spans.iter().any(|span| holders(span.id) > 2) {
            return tree;
        }
        tree.parent = spans.iter().map(|span| parent_of(spans, span)).collect();
        for span in 0..spans.len() {
            let is_child = |child: &usize| tree.parent[*child] == Some(span);
            tree.children[span] = (0..spans.len()).filter(is_child).count() as i64;
        }
        let mut counter = 0;
        for root in (0..spans.len()).filter(|span| spans[*span].parent == 0) {
            tree.number(root, -1, &mut counter);
        }
        tree
    }

    fn number(&mut self, span: usize, parent_left: i64, counter: &mut i64) {
        *counter += 1;
        (self.left[span], self.nested_parent[span]) = (*counter, parent_left);
        for child in 0..self.parent.len() {
            if self.parent[child] == Some(span) {
                self.number(child, self.left[span], counter);
            }
        }
        *counter += 1;
        self.right[span] = *counter;
    }

    /// Whether a span can be reached from a root.
    pub fn is_connected(&self, span: usize) -> bool {
        self.left[span] > 0
    }

    /// Whether `right` is the child, descendant … of `left`.
    pub fn related(&self, relation: Relation, left: usize, right: usize) -> bool {
        if left == right || !self.is_connected(left) || !self.is_connected(right) {
            return false;
        }
        match relation {
            Relation::Child => self.parent[right] == Some(left),
            Relation::Parent => self.parent[left] == Some(right),
            Relation::Descendant => self.has_ancestor(right, left),
            Relation::Ancestor => self.has_ancestor(left, right),
            Relation::Sibling => self.parent[left] == self.parent[right],
        }
    }

    fn has_ancestor(&self, span: usize, ancestor: usize) -> bool {
        let parent = self.parent[span];
        parent.is_some_and(|parent| parent == ancestor || self.has_ancestor(parent, ancestor))
    }
}

/// Of two spans with the parent's id, a server has the client as parent, others the server.
fn parent_of(spans: &[Span], span: &Span) -> Option<usize> {
    if span.parent == 0 {
        return None;
    }
    let holders: Vec<usize> =
        (0..spans.len()).filter(|holder| spans[*holder].id == span.parent).collect();
    if holders.len() < 2 {
        return holders.first().copied();
    }
    let wanted = if span.kind == SERVER { CLIENT } else { SERVER };
    holders.into_iter().find(|holder| spans[*holder].kind == wanted)
}
