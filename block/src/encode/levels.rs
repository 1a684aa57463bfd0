//! Repetition and definition levels, derived from how many children every parent has.
//!
//! Shredding only counts children; levels exist once per list and page, shared by all columns of
//! the list. See [`Lists`] for the lists of the tree.

use super::rle;

/// A list of the tree, or the rows themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum List {
    /// Traces.
    Rows,
    /// `ServiceStats`
    Stats,
    /// `rs`
    Resources,
    /// `rs.Resource.Attrs`
    ResourceAttributes,
    /// `rs.ss`
    Scopes,
    /// `rs.ss.Scope.Attrs`
    ScopeAttributes,
    /// `rs.ss.Spans`
    Spans,
    /// `rs.ss.Spans.Attrs`
    SpanAttributes,
    /// `rs.ss.Spans.Events`
    Events,
    /// `rs.ss.Spans.Events.Attrs`
    EventAttributes,
    /// `rs.ss.Spans.Links`
    Links,
    /// `rs.ss.Spans.Links.Attrs`
    LinkAttributes,
}

/// Each list with what it is a list in, and its level; parents come first.
const TREE: [(List, List, u8); 11] = [
    (List::Stats, List::Rows, 1),
    (List::Resources, List::Rows, 1),
    (List::ResourceAttributes, List::Resources, 2),
    (List::Scopes, List::Resources, 2),
    (List::ScopeAttributes, List::Scopes, 3),
    (List::Spans, List::Scopes, 3),
    (List::SpanAttributes, List::Spans, 4),
    (List::Events, List::Spans, 4),
    (List::EventAttributes, List::Events, 5),
    (List::Links, List::Spans, 4),
    (List::LinkAttributes, List::Links, 5),
];

/// Levels of a column, one pair per entry.
#[derive(Default)]
pub struct Levels {
    /// Repetition levels.
    pub rep: Vec<u8>,
    /// Definition levels.
    pub def: Vec<u8>,
    /// Level of an element that exists.
    max: u8,
    /// Which entry each existing element is.
    entries: Vec<u32>,
}

impl Levels {
    fn clear(&mut self, max: u8) {
        self.rep.clear();
        self.def.clear();
        self.entries.clear();
        self.max = max;
    }

    fn push(&mut self, rep: u8, def: u8) {
        self.rep.push(rep);
        self.def.push(def);
    }

    /// Levels of the elements: `counts` has one number per existing element of `parent`.
    fn derive(&mut self, parent: &Levels, counts: &[u32]) {
        self.clear(parent.max + 1);
        let mut counts = counts.iter();
        for (&rep, &def) in parent.rep.iter().zip(&parent.def) {
            let children = if def == parent.max { counts.next().copied() } else { None };
            match children.unwrap_or(0) {
                0 => self.push(rep, def),
                children => {
                    let first = self.rep.len() as u32;
                    self.entries.extend(first..first + children);
                    self.push(rep, self.max);
                    let len = self.rep.len() + children as usize - 1;
                    self.rep.resize(len, self.max);
                    self.def.resize(len, self.max);
                }
            }
        }
    }
}

/// Encoded levels, ready for a page.
#[derive(Default)]
pub struct EncodedLevels {
    /// Repetition levels.
    pub rep: Vec<u8>,
    /// Definition levels.
    pub def: Vec<u8>,
    /// How many of each.
    pub entries: usize,
}

/// How a column's values lie in its list.
pub enum Placement {
    /// One per element.
    Required,
    /// Any number per element: the element's number for each value, ascending.
    Repeated(Vec<u32>),
    /// At most one per element: the element's number for each value, ascending.
    Optional(Vec<u32>),
}

/// The lists of the rows gathered for a page, and their levels once [`Lists::derive`] has run.
#[derive(Default)]
pub struct Lists {
    /// Rows gathered.
    pub rows: usize,
    counts: [Vec<u32>; 12],
    levels: [Levels; 12],
    encoded: [EncodedLevels; 12],
    /// Scratch for a column of its own shape.
    own: Levels,
    own_encoded: EncodedLevels,
}

impl Lists {
    /// The next parent has `count` elements in `list`.
    #[inline]
    pub fn push(&mut self, list: List, count: u32) {
        self.counts[list as usize].push(count);
    }

    /// Computes all levels of the page.
    pub fn derive(&mut self) {
        self.levels[0].clear(0);
        self.levels[0].rep.resize(self.rows, 0);
        self.levels[0].def.resize(self.rows, 0);
        self.levels[0].entries.extend(0..self.rows as u32);
        self.encoded[0].entries = self.rows;
        for (list, parent, max) in TREE {
            let (before, from) = self.levels.split_at_mut(list as usize);
            let levels = &mut from[0];
            levels.derive(&before[parent as usize], &self.counts[list as usize]);
            debug_assert_eq!(levels.max, max);
            encode(levels, max, max, &mut self.encoded[list as usize]);
        }
    }

    /// Forgets the page.
    pub fn clear(&mut self) {
        self.rows = 0;
        self.counts.iter_mut().for_each(Vec::clear);
    }

    /// The encoded levels of a column in `list`.
    pub fn encoded(&mut self, list: List, placement: &Placement) -> &EncodedLevels {
        let parent = &self.levels[list as usize];
        let max = parent.max + 1;
        match placement {
            Placement::Required => return &self.encoded[list as usize],
            Placement::Repeated(elements) => {
                let same_width = rle::bits_for(max.into()) == rle::bits_for(parent.max.into());
                if elements.is_empty() && same_width {
                    return &self.encoded[list as usize];
                }
                repeat(parent, elements, &mut self.own);
                encode(&self.own, max, max, &mut self.own_encoded);
            }
            Placement::Optional(elements) => {
                option(parent, elements, &mut self.own);
                encode(&self.own, max, parent.max, &mut self.own_encoded);
            }
        }
        &self.own_encoded
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let counts: usize = self.counts.iter().map(|counts| counts.capacity() * 4).sum();
        let levels = self.levels.iter();
        let levels = levels.map(|levels| levels.rep.capacity() * 2 + levels.entries.capacity() * 4);
        let levels: usize = levels.sum();
        counts + levels + self.own.rep.capacity() * 2
    }
}

/// Levels of a repeated leaf whose values belong to `elements` of the parent list.
fn repeat(parent: &Levels, elements: &[u32], out: &mut Levels) {
    if elements.windows(2).all(|pair| pair[0] != pair[1]) {
        return option(parent, elements, out);
    }
    out.clear(parent.max + 1);
    let (mut element, mut next) = (0, 0);
    for (&rep, &def) in parent.rep.iter().zip(&parent.def) {
        if def != parent.max {
            out.push(rep, def);
            continue;
        }
        let values = elements[next..].iter().take_while(|&&of| of == element).count();
        out.push(rep, if values > 0 { out.max } else { def });
        for _ in 1..values {
            out.push(out.max, out.max);
        }
        next += values;
        element += 1;
    }
}

/// Levels of an optional leaf whose values belong to `elements` of the parent list.
fn option(parent: &Levels, elements: &[u32], out: &mut Levels) {
    out.clear(parent.max + 1);
    out.rep.extend_from_slice(&parent.rep);
    out.def.extend_from_slice(&parent.def);
    for &element in elements {
        out.def[parent.entries[element as usize] as usize] = out.max;
    }
}

fn encode(levels: &Levels, max_def: u8, max_rep: u8, out: &mut EncodedLevels) {
    out.entries = levels.rep.len();
    out.rep.clear();
    out.def.clear();
    rle::encode(&levels.rep, rle::bits_for(max_rep.into()), &mut out.rep);
    rle::encode(&levels.def, rle::bits_for(max_def.into()), &mut out.def);
}

#[cfg(test)]
#[path = "levels_tests.rs"]
mod tests;
