//! Nested sets: the tree of a trace as numbers (contract blocks.md §12).
//!
//! From: [`crate::encode`], spans in storage order. To: the columns ParentID, NestedSetLeft,
//! NestedSetRight and ChildCount. Does not know what a span holds beside ids and kind.

const KIND_SERVER: i32 = 2;
const KIND_CLIENT: i32 = 3;
/// No span.
const NONE: u32 = u32::MAX;

/// What places a span in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Span id, big-endian as a number.
    pub id: u64,
    /// Parent's id; `None` for a root.
    pub parent: Option<u64>,
    /// Kind, by OTLP's numbers.
    pub kind: i32,
}

/// The numbers of one span; all 0 if it cannot be reached from a root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Counted on the way down.
    pub left: i32,
    /// Counted on the way up.
    pub right: i32,
    /// The parent's `left`; −1 for a root.
    pub parent: i32,
    /// Direct children.
    pub children: i32,
}

/// Computes nested sets; keeps its buffers from trace to trace.
#[derive(Default)]
pub struct NestedSets {
    places: Vec<Place>,
    /// (id, number of span), sorted.
    by_id: Vec<(u64, u32)>,
    first_child: Vec<u32>,
    last_child: Vec<u32>,
    next_sibling: Vec<u32>,
    parent: Vec<u32>,
}

impl NestedSets {
    /// The places of `nodes`, in the same order.
    pub fn place(&mut self, nodes: &[Node]) -> &[Place] {
        self.places.clear();
        self.places.resize(nodes.len(), Place::default());
        let has_root = nodes.iter().any(|node| node.parent.is_none());
        if has_root && self.index_ids(nodes) {
            self.link(nodes);
            self.number(nodes);
        }
        &self.places
    }

    /// Sorts by id; false if an id is carried by three or more spans.
    fn index_ids(&mut self, nodes: &[Node]) -> bool {
        self.by_id.clear();
        self.by_id.extend(nodes.iter().zip(0..).map(|(node, at)| (node.id, at)));
        self.by_id.sort_unstable();
        self.by_id.windows(3).all(|three| three[0].0 != three[2].0)
    }

    /// The parent of a span that is no root.
    fn parent_of(&self, nodes: &[Node], node: &Node, parent_id: u64) -> u32 {
        let from = self.by_id.partition_point(|&(id, _)| id < parent_id);
        let rest = &self.by_id[from..];
        let holders = &rest[..rest.iter().take(2).take_while(|&&(id, _)| id == parent_id).count()];
        let wanted = if node.kind == KIND_SERVER { KIND_CLIENT } else { KIND_SERVER };
        match *holders {
            [(_, only)] => only,
            [(_, first), (_, _)] if nodes[first as usize].kind == wanted => first,
            [_, (_, second)] if nodes[second as usize].kind == wanted => second,
            _ => NONE,
        }
    }

    fn link(&mut self, nodes: &[Node]) {
        for links in [&mut self.first_child, &mut self.last_child, &mut self.next_sibling] {
            links.clear();
            links.resize(nodes.len(), NONE);
        }
        self.parent.clear();
        for (node, at) in nodes.iter().zip(0u32..) {
            let parent = node.parent.map_or(NONE, |id| self.parent_of(nodes, node, id));
            self.parent.push(parent);
            if parent == NONE {
                continue;
            }
            self.places[parent as usize].children += 1;
            match std::mem::replace(&mut self.last_child[parent as usize], at) {
                NONE => self.first_child[parent as usize] = at,
                elder => self.next_sibling[elder as usize] = at,
            }
        }
    }

    /// Walks down from every root; without recursion, since traces can be deep.
    fn number(&mut self, nodes: &[Node]) {
        let mut counter = 0;
        let mut next = || {
            counter += 1;
            counter
        };
        for (root, _) in nodes.iter().enumerate().filter(|(_, node)| node.parent.is_none()) {
            let mut at = root;
            self.places[at].left = next();
            self.places[at].parent = -1;
            loop {
                let child = self.first_child[at];
                if child != NONE {
                    let left = self.places[at].left;
                    at = child as usize;
                    self.places[at].left = next();
                    self.places[at].parent = left;
                    continue;
                }
                match self.climb(at, root, &mut next) {
                    Some(sibling) => at = sibling,
                    None => break,
                }
            }
        }
    }

    /// Closes spans on the way up until one has a sibling to go down into; `None` above the root.
    fn climb(
        &mut self,
        mut at: usize,
        root: usize,
        next: &mut impl FnMut() -> i32,
    ) -> Option<usize> {
        loop {
            self.places[at].right = next();
            if at == root {
                return None;
            }
            let parent = self.parent[at] as usize;
            let sibling = self.next_sibling[at];
            if sibling != NONE {
                let left = self.places[parent].left;
                let sibling = sibling as usize;
                self.places[sibling].left = next();
                self.places[sibling].parent = left;
                return Some(sibling);
            }
            at = parent;
        }
    }
}

#[cfg(test)]
#[path = "nested_set_tests.rs"]
mod tests;
