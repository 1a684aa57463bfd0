//! Repetition and definition levels, derived from how many children every parent has.
//!
//! Shredding only counts children; levels exist once per list and page, shared by all columns of
//! the list. See [`Lists`] for the lists of the tree.

use std::ops::Range;

use super::EncodeError;
use super::compress::{Frames, LEVEL_OF_LEVELS};
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

/// Levels of some rows, one after the other.
#[derive(Clone, Copy)]
struct Slice<'l> {
    rep: &'l [u8],
    def: &'l [u8],
    /// Level of an element that exists.
    max: u8,
    /// Which entry each existing element is, counted from the beginning of the page.
    entries: &'l [u32],
    first_entry: u32,
    first_element: u32,
}

impl Slice<'_> {
    /// Where the entry of an element is in the slice.
    #[inline]
    fn entry(&self, element: u32) -> usize {
        (self.entries[(element - self.first_element) as usize] - self.first_entry) as usize
    }
}

/// Rows that a column writes as one page. Lists of attributes have so many entries for the rows
/// that are gathered that a page of all of them would be long to decode for a trace.
#[derive(Clone, Debug, Default)]
struct Part {
    rows: usize,
    entries: Range<usize>,
    elements: Range<u32>,
}

/// Entries of a page at most, about: a page ends with a row. Measured with
/// `benches/src/bin/block_scan.rs`, per span and per trace by id: all in one page 70.8 bytes,
/// 1.7 ms; 65,536 → 71.7, 1.1 ms; 32,768 → 72.9, 0.8 ms; 16,384 → 74.4, 0.7 ms;
/// 8,192 → 79.1, 0.5 ms. Scans of all pages take as long, those that want few rows less.
const PART_ENTRIES: usize = 32 << 10;

impl List {
    /// All but the rows, parents first.
    pub const NESTED: [Self; TREE.len()] = {
        let (mut all, mut at) = ([Self::Rows; TREE.len()], 0);
        while at < TREE.len() {
            all[at] = TREE[at].0;
            at += 1;
        }
        all
    };

    /// What it is a list in.
    pub fn parent(self) -> Self {
        TREE.iter().find(|(list, ..)| *list == self).map_or(Self::Rows, |(_, parent, _)| *parent)
    }

    /// Level of its elements.
    pub fn level(self) -> u8 {
        TREE.iter().find(|(list, ..)| *list == self).map_or(0, |(.., level)| *level)
    }
}

impl Levels {
    fn clear(&mut self, max: u8) {
        self.rep.clear();
        self.def.clear();
        self.entries.clear();
        self.max = max;
    }

    fn slice(&self, part: &Part) -> Slice<'_> {
        Slice {
            rep: &self.rep[part.entries.clone()],
            def: &self.def[part.entries.clone()],
            max: self.max,
            entries: &self.entries[part.elements.start as usize..part.elements.end as usize],
            first_entry: part.entries.start as u32,
            first_element: part.elements.start,
        }
    }

    /// Cuts the rows into parts of about the same size.
    fn cut(&self, rows: usize, parts: &mut Vec<Part>) {
        parts.clear();
        let all = self.rep.len();
        let step = all.div_ceil(all.div_ceil(PART_ENTRIES).max(1));
        let (mut first, mut element) = (0, 0);
        while first < all {
            // Each begins with a row.
            let behind = self.rep.get(first + step..).unwrap_or_default();
            let end = memchr::memchr(0, behind).map_or(all, |row| first + step + row);
            let elements = self.entries.partition_point(|entry| (*entry as usize) < end) as u32;
            let rows = match (first, end) {
                (0, end) if end == all => rows,
                _ => memchr::memchr_iter(0, &self.rep[first..end]).count(),
            };
            parts.push(Part { rows, entries: first..end, elements: element..elements });
            (first, element) = (end, elements);
        }
    }

    fn push(&mut self, rep: u8, def: u8) {
        self.rep.push(rep);
        self.def.push(def);
    }

    /// Levels of the elements: `counts` has one number per existing element of `parent`.
    fn derive(&mut self, parent: &Levels, counts: &[u32]) {
        self.clear(parent.max + 1);
        self.rep.reserve(parent.rep.len());
        self.def.reserve(parent.def.len());
        let mut counts = counts.iter();
        for (&rep, &def) in parent.rep.iter().zip(&parent.def) {
            let children = if def == parent.max { counts.next().copied() } else { None };
            match children.unwrap_or(0) {
                0 => self.push(rep, def),
                1 => {
                    self.entries.push(self.rep.len() as u32);
                    self.push(rep, self.max);
                }
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

/// Repetition or definition levels as a page has them: their length and the levels, compressed.
#[derive(Default)]
pub struct LevelFrame {
    /// One frame; empty where there are no levels.
    pub frame: Vec<u8>,
    /// Bytes before compression.
    pub plain_bytes: usize,
}

impl LevelFrame {
    fn encode(&mut self, levels: &[u8], max: u8, tools: &mut Tools) -> Result<(), EncodeError> {
        const LENGTH: [u8; 4] = [0; 4];
        self.frame.clear();
        self.plain_bytes = 0;
        if max == 0 {
            return Ok(());
        }
        let plain = &mut tools.plain;
        plain.clear();
        plain.extend_from_slice(&LENGTH);
        rle::encode_levels(levels, rle::bits_for(max.into()), plain);
        let length = (plain.len() - LENGTH.len()) as u32;
        plain[..LENGTH.len()].copy_from_slice(&length.to_le_bytes());
        self.plain_bytes = plain.len();
        tools.frames.put(plain, &mut self.frame)
    }
}

/// Levels of a column's page, most of them shared with other columns.
#[derive(Clone, Copy)]
pub struct PageLevels<'l> {
    /// Repetition levels.
    pub rep: &'l LevelFrame,
    /// Definition levels.
    pub def: &'l LevelFrame,
    /// How many of each.
    pub entries: usize,
    /// How many rows.
    pub rows: usize,
}

impl PageLevels<'_> {
    /// Bytes before compression.
    pub fn plain_bytes(&self) -> usize {
        self.rep.plain_bytes + self.def.plain_bytes
    }
}

/// Encoded levels of a part of a list.
#[derive(Default)]
struct Shared {
    rep: LevelFrame,
    def: LevelFrame,
    /// The same for columns one level deeper, where that takes more bits: made when one comes.
    deeper: Option<Box<(LevelFrame, LevelFrame)>>,
    /// Whether `deeper` is of this page.
    is_deeper_ready: bool,
}

struct Tools {
    frames: Frames,
    plain: Vec<u8>,
}

impl Default for Tools {
    fn default() -> Self {
        Self { frames: Frames::new(LEVEL_OF_LEVELS), plain: Vec::new() }
    }
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
    parts: [Vec<Part>; 12],
    /// For each part; there may be more from the page before.
    shared: [Vec<Shared>; 12],
    /// Memory that `shared` holds.
    shared_bytes: usize,
    /// Scratch for a column of its own shape.
    own: Levels,
    /// Scratch for its definition levels, were each value the only one of its element.
    single: Vec<u8>,
    own_rep: LevelFrame,
    own_def: LevelFrame,
    tools: Tools,
}

impl Lists {
    /// The next parent has `count` elements in `list`.
    #[inline]
    pub fn push(&mut self, list: List, count: u32) {
        self.counts[list as usize].push(count);
    }

    /// The next parents have so many elements each in `list`.
    pub fn extend(&mut self, list: List, counts: &[u32]) {
        self.counts[list as usize].extend_from_slice(counts);
    }

    /// Computes all levels of the page.
    ///
    /// # Errors
    /// From compression.
    pub fn derive(&mut self) -> Result<(), EncodeError> {
        self.levels[0].clear(0);
        self.levels[0].rep.resize(self.rows, 0);
        self.levels[0].def.resize(self.rows, 0);
        self.levels[0].entries.extend(0..self.rows as u32);
        self.share(List::Rows)?;
        for (list, parent, max) in TREE {
            let (before, from) = self.levels.split_at_mut(list as usize);
            let levels = &mut from[0];
            levels.derive(&before[parent as usize], &self.counts[list as usize]);
            debug_assert_eq!(levels.max, max);
            self.share(list)?;
        }
        self.shared_bytes = self.shared.iter().flatten().map(Shared::memory_bytes).sum();
        Ok(())
    }

    /// Encodes what all columns of a list share.
    fn share(&mut self, list: List) -> Result<(), EncodeError> {
        let (list, tools) = (list as usize, &mut self.tools);
        let (levels, parts, shared) =
            (&self.levels[list], &mut self.parts[list], &mut self.shared[list]);
        levels.cut(self.rows, parts);
        if shared.len() < parts.len() {
            shared.resize_with(parts.len(), Shared::default);
        }
        for (part, shared) in parts.iter().zip(shared) {
            let slice = levels.slice(part);
            shared.rep.encode(slice.rep, slice.max, tools)?;
            shared.def.encode(slice.def, slice.max, tools)?;
            shared.is_deeper_ready = false;
        }
        Ok(())
    }

    /// Forgets the page.
    pub fn clear(&mut self) {
        self.rows = 0;
        self.counts.iter_mut().for_each(Vec::clear);
    }

    /// How many pages a column in `list` writes for the rows gathered.
    pub fn parts(&self, list: List) -> usize {
        self.parts[list as usize].len()
    }

    /// Which values of a column in `list` are in a part.
    pub fn values_in(&self, list: List, placement: &Placement, part: usize) -> Range<usize> {
        let Range { start, end } = self.parts[list as usize][part].elements;
        match placement {
            Placement::Required => start as usize..end as usize,
            Placement::Optional(elements) | Placement::Repeated(elements) => {
                let before = |of: u32| elements.partition_point(|element| *element < of);
                before(start)..before(end)
            }
        }
    }

    /// The encoded levels of a part of a column in `list`.
    ///
    /// # Errors
    /// From compression.
    pub fn encoded(
        &mut self,
        list: List,
        placement: &Placement,
        part: usize,
    ) -> Result<PageLevels<'_>, EncodeError> {
        let values = self.values_in(list, placement, part);
        let at = &self.parts[list as usize][part];
        let (parent, rows) = (self.levels[list as usize].slice(at), at.rows);
        let entries = parent.rep.len();
        let (max, tools) = (parent.max + 1, &mut self.tools);
        let shared = &mut self.shared[list as usize][part];
        let elements = match placement {
            Placement::Required => {
                return Ok(PageLevels { rep: &shared.rep, def: &shared.def, entries, rows });
            }
            Placement::Optional(elements) | Placement::Repeated(elements) => &elements[values],
        };
        if matches!(placement, Placement::Repeated(_)) && has_neighbours(elements) {
            repeat(&parent, elements, &mut self.single, &mut self.own);
            self.own_rep.encode(&self.own.rep, max, tools)?;
            self.own_def.encode(&self.own.def, max, tools)?;
            let entries = self.own.rep.len();
            return Ok(PageLevels { rep: &self.own_rep, def: &self.own_def, entries, rows });
        }
        let is_repeated = matches!(placement, Placement::Repeated(_));
        if is_repeated || elements.is_empty() {
            shared.prepare_deeper(&parent, tools)?;
        }
        // The repetition levels of a deeper list may take more bits.
        let rep = if is_repeated { shared.deeper().0 } else { &shared.rep };
        if elements.is_empty() {
            return Ok(PageLevels { rep, def: shared.deeper().1, entries, rows });
        }
        option(&parent, elements, &mut self.own.def);
        self.own_def.encode(&self.own.def, max, tools)?;
        Ok(PageLevels { rep, def: &self.own_def, entries, rows })
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let counts: usize = self.counts.iter().map(|counts| counts.capacity() * 4).sum();
        let levels = self.levels.iter();
        let levels = levels.map(|levels| levels.rep.capacity() * 2 + levels.entries.capacity() * 4);
        let levels: usize = levels.sum();
        let tools = self.tools.frames.memory_bytes() + self.tools.plain.capacity();
        let own = self.own.rep.capacity() * 2 + self.single.capacity();
        counts + levels + self.shared_bytes + own + tools
    }
}

impl Shared {
    fn memory_bytes(&self) -> usize {
        let deeper = self.deeper.as_deref().map_or(0, |(rep, def)| {
            size_of::<(LevelFrame, LevelFrame)>() + rep.frame.capacity() + def.frame.capacity()
        });
        size_of::<Self>() + self.rep.frame.capacity() + self.def.frame.capacity() + deeper
    }

    /// Encodes what [`Shared::deeper`] gives, unless that was done for this page.
    fn prepare_deeper(&mut self, levels: &Slice<'_>, tools: &mut Tools) -> Result<(), EncodeError> {
        let max = levels.max + 1;
        let is_same = rle::bits_for(max.into()) == rle::bits_for(levels.max.into());
        if is_same || self.is_deeper_ready {
            return Ok(());
        }
        let (rep, def) = &mut **self.deeper.get_or_insert_default();
        rep.encode(levels.rep, max, tools)?;
        def.encode(levels.def, max, tools)?;
        self.is_deeper_ready = true;
        Ok(())
    }

    /// Levels of a column one level deeper that has at most one value per element: repetition, and
    /// definition where it has none at all.
    fn deeper(&self) -> (&LevelFrame, &LevelFrame) {
        match self.deeper.as_deref().filter(|_| self.is_deeper_ready) {
            Some((rep, def)) => (rep, def),
            None => (&self.rep, &self.def),
        }
    }
}

/// Whether any two neighbours are equal; without a branch per pair, so many go at a time.
fn has_neighbours(elements: &[u32]) -> bool {
    let next = elements.get(1..).unwrap_or_default();
    elements.iter().zip(next).fold(false, |any, (a, b)| any | (a == b))
}

/// Levels of a repeated leaf whose values belong to `elements` of the parent list, some of them to
/// the same.
fn repeat(parent: &Slice<'_>, elements: &[u32], scratch: &mut Vec<u8>, out: &mut Levels) {
    option(parent, elements, scratch);
    out.clear(parent.max + 1);
    let (mut done, next) = (0, elements.get(1..).unwrap_or_default());
    for (&element, _) in elements.iter().zip(next).filter(|(element, next)| element == next) {
        // All up to and with the element, then one entry more for it.
        let behind = parent.entry(element) + 1;
        let from = std::mem::replace(&mut done, behind);
        out.rep.extend_from_slice(&parent.rep[from..behind]);
        out.def.extend_from_slice(&scratch[from..behind]);
        out.push(out.max, out.max);
    }
    out.rep.extend_from_slice(&parent.rep[done..]);
    out.def.extend_from_slice(&scratch[done..]);
}

/// Definition levels of a leaf with at most one value per element, which `elements` of the parent
/// list have. Repetition levels are the parent's.
fn option(parent: &Slice<'_>, elements: &[u32], def: &mut Vec<u8>) {
    def.clear();
    def.extend_from_slice(parent.def);
    for &element in elements {
        def[parent.entry(element)] = parent.max + 1;
    }
}

#[cfg(test)]
#[path = "levels_tests.rs"]
mod tests;
