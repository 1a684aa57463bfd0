//! Where else a trace may have pieces: in which other blocks, and in live data.
//!
//! From: searches, which ask before they judge a trace by what one place holds of it. To:
//! [`super::whole`], which reads the traces whose pieces are in several places. The answer may be
//! yes without reason, and never no.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::try_join_all;
use stringendo_block::id_filter::{self, IdFilter};
use stringendo_proto::TraceId;
use stringendo_ring::CoreId;
use uuid::Uuid;

use super::collect::SearchCost;
use super::damage::Damaged;
use super::trace::share;
use crate::block_list::BlockEntry;
use crate::error::QueryError;
use crate::limits::TRACE_PIECES_GAP_NANOS;
use crate::message::Message;
use crate::node::Node;
use crate::tenant::TenantId;

/// The live data of one core: when it is, and whose.
#[derive(Clone, Copy, Debug)]
pub struct LiveTimes {
    /// The core.
    pub core: CoreId,
    /// Earliest start of a span; `u64::MAX` if there is none.
    pub start_unix_nanos: u64,
    /// Latest end.
    pub end_unix_nanos: u64,
    /// Whether there are traces that other cores own (after a restart on another number of cores).
    pub has_stray: bool,
}

impl LiveTimes {
    /// Of a core without live data.
    pub fn none(core: CoreId) -> Self {
        Self { core, start_unix_nanos: u64::MAX, end_unix_nanos: 0, has_stray: false }
    }

    /// Takes in a span or a trace.
    pub fn add(&mut self, start_unix_nanos: u64, end_unix_nanos: u64) {
        self.start_unix_nanos = self.start_unix_nanos.min(start_unix_nanos);
        self.end_unix_nanos = self.end_unix_nanos.max(end_unix_nanos);
    }

    fn is_near(&self, piece: &Piece) -> bool {
        self.start_unix_nanos != u64::MAX
            && piece.end_unix_nanos.saturating_add(TRACE_PIECES_GAP_NANOS) >= self.start_unix_nanos
            && piece.start_unix_nanos.saturating_sub(TRACE_PIECES_GAP_NANOS) <= self.end_unix_nanos
    }
}

/// The places that are asked.
#[derive(Clone, Debug)]
pub struct Places {
    tenant: TenantId,
    /// What is searched, nanoseconds since the Unix epoch, both inclusive.
    bounds_unix_nanos: (u64, u64),
    /// Blocks that may hold pieces of what is searched.
    blocks: Vec<Arc<BlockEntry>>,
    /// Blocks that nobody can ask.
    unlisted: Damaged,
    /// Version of the list that they are from.
    version: u64,
    live: Vec<LiveTimes>,
}

impl Places {
    /// The blocks of `tenant` that this core knows, as far as pieces of traces in the given time
    /// may be there, and the live data of these cores.
    pub fn of(
        node: &Node,
        tenant: &TenantId,
        bounds_unix_nanos: (u64, u64),
        live: Vec<LiveTimes>,
    ) -> Self {
        let list = Arc::clone(&node.shard().blocks.borrow());
        let is_near = |block: &&Arc<BlockEntry>| near(block, bounds_unix_nanos);
        let blocks = list.of(tenant).iter().filter(is_near).cloned().collect();
        let (version, unlisted) = (list.version(), *list.unlisted_of(tenant));
        Self { tenant: tenant.clone(), bounds_unix_nanos, blocks, unlisted, version, live }
    }

    /// What an answer lacks that only looks at [`Places::blocks`]: blocks that are not listed.
    pub fn lacking(&self) -> SearchCost {
        SearchCost { damaged: self.unlisted, ..SearchCost::default() }
    }

    /// Blocks that may hold pieces of what is searched, newest first.
    pub fn blocks(&self) -> &[Arc<BlockEntry>] {
        &self.blocks
    }

    /// Takes in blocks that came to this core's list since; whether there are any.
    fn refresh(&mut self, node: &Node) -> bool {
        if node.shard().blocks.borrow().version() == self.version {
            return false;
        }
        let now = Self::of(node, &self.tenant, self.bounds_unix_nanos, Vec::new());
        self.version = now.version;
        let known: HashSet<Uuid> = self.blocks.iter().map(|block| block.meta.block_id).collect();
        let before = self.blocks.len();
        let is_new = |block: &Arc<BlockEntry>| !known.contains(&block.meta.block_id);
        self.blocks.extend(now.blocks.into_iter().filter(is_new));
        self.blocks.len() > before
    }
}

fn near(block: &BlockEntry, (start_unix_nanos, end_unix_nanos): (u64, u64)) -> bool {
    block.overlaps(
        start_unix_nanos.saturating_sub(TRACE_PIECES_GAP_NANOS),
        end_unix_nanos.saturating_add(TRACE_PIECES_GAP_NANOS),
    )
}

/// What one place holds of a trace.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// Of which trace.
    pub trace_id: TraceId,
    /// Earliest start there.
    pub start_unix_nanos: u64,
    /// Latest end there.
    pub end_unix_nanos: u64,
}

/// Times of some pieces, to tell whether a block is near to all or to none of them. Both are a
/// start and an end, unix nanoseconds.
struct Times {
    /// From the first start to the last end: a block that is not near is near to no piece.
    of_any: (u64, u64),
    /// From the last start to the first end, which may be before: a block that is near is near to
    /// every piece.
    of_each: (u64, u64),
}

impl Times {
    fn of(pieces: &[Piece]) -> Self {
        let starts = || pieces.iter().map(|piece| piece.start_unix_nanos);
        let ends = || pieces.iter().map(|piece| piece.end_unix_nanos);
        let (first_start, last_start) = (starts().min(), starts().max());
        let (first_end, last_end) = (ends().min(), ends().max());
        Self {
            of_any: (first_start.unwrap_or(u64::MAX), last_end.unwrap_or(0)),
            of_each: (last_start.unwrap_or(u64::MAX), first_end.unwrap_or(0)),
        }
    }
}

/// Knows other places, as far as it was asked for.
pub struct Elsewhere<'a> {
    node: &'a Node,
    places: Places,
    filters: Vec<Option<Arc<IdFilter>>>,
    cost: SearchCost,
}

impl<'a> Elsewhere<'a> {
    /// Nothing is known at first.
    pub fn new(node: &'a Node, places: Places) -> Self {
        let filters = vec![None; places.blocks.len()];
        Self { node, places, filters, cost: SearchCost::default() }
    }

    /// What learning cost so far.
    pub fn cost(&self) -> &SearchCost {
        &self.cost
    }

    /// Takes in blocks that were listed since; whether there are any.
    pub fn refresh(&mut self) -> bool {
        let has_new = self.places.refresh(self.node);
        self.filters.resize(self.places.blocks.len(), None);
        has_new
    }

    fn unknown(&self, start: u64, end: u64) -> impl Iterator<Item = usize> {
        let unknown = self.filters.iter().zip(&self.places.blocks).enumerate();
        unknown
            .filter(move |(_, (filter, block))| filter.is_none() && near(block, (start, end)))
            .map(|(at, _)| at)
    }

    /// Whether the filters of all blocks near this time are known.
    pub fn knows(&self, start_unix_nanos: u64, end_unix_nanos: u64) -> bool {
        self.unknown(start_unix_nanos, end_unix_nanos).next().is_none()
    }

    /// Lets go of the filters of blocks that are not near this time: who goes from block to block
    /// does not need them any more.
    pub fn forget_far(&mut self, start_unix_nanos: u64, end_unix_nanos: u64) {
        for (block, filter) in self.places.blocks.iter().zip(&mut self.filters) {
            if !near(block, (start_unix_nanos, end_unix_nanos)) {
                *filter = None;
            }
        }
    }

    /// Gets the filters of all blocks near this time. Must not be called with memory to read with.
    ///
    /// # Errors
    /// A block could not be read, or there is no memory, or the process is going down.
    pub async fn learn(
        &mut self,
        start_unix_nanos: u64,
        end_unix_nanos: u64,
    ) -> Result<(), QueryError> {
        let places: Vec<usize> = self.unknown(start_unix_nanos, end_unix_nanos).collect();
        if places.is_empty() {
            return Ok(());
        }
        let blocks: Vec<_> = places.iter().map(|at| Arc::clone(&self.places.blocks[*at])).collect();
        let (node, cores) = (self.node, self.node.mesh().cores());
        let shares = node.cores().map(|core| (core, share(&blocks, core, cores)));
        let asked = shares.filter(|(_, share)| !share.is_empty()).map(|(core, share)| async move {
            let wanted = share.clone();
            let answer = node.ask(core, move |answer| Message::IdFilters(wanted, answer)).await;
            Ok::<_, QueryError>((share, answer.ok_or(QueryError::Stopping)??))
        });
        for (share, found) in try_join_all(asked).await? {
            self.cost.reads.merge(found.reads);
            self.cost.damaged.merge(&found.damaged);
            for (block, filter) in share.iter().zip(found.filters) {
                let at = self.places.blocks.iter().position(|known| Arc::ptr_eq(known, block));
                if let Some(at) = at {
                    self.filters[at] = Some(filter);
                }
            }
        }
        Ok(())
    }

    /// Blocks with those of the traces that they may hold, by number; each trace comes with a time
    /// that its blocks are near.
    pub fn holders(&self, traces: &[(TraceId, (u64, u64))]) -> Vec<(Arc<BlockEntry>, Vec<u32>)> {
        let entries: Vec<u64> = traces.iter().map(|(id, _)| id_filter::entry(id)).collect();
        let blocks = self.places.blocks.iter().zip(&self.filters);
        let held = blocks.map(|(block, filter)| {
            let holds = |((_, times), entry): &(&(TraceId, (u64, u64)), &u64)| {
                near(block, *times) && may_hold(filter.as_deref(), **entry)
            };
            let traces = (0_u32..).zip(traces.iter().zip(&entries));
            let numbers = traces.filter(|(_, trace)| holds(trace)).map(|(number, _)| number);
            (Arc::clone(block), numbers.collect::<Vec<u32>>())
        });
        held.filter(|(_, numbers)| !numbers.is_empty()).collect()
    }

    /// Whether blocks other than `own` may hold a piece beside this one.
    pub fn in_blocks(&self, piece: &Piece, own: &[Uuid]) -> bool {
        let entry = id_filter::entry(&piece.trace_id);
        let mut blocks = self.places.blocks.iter().zip(&self.filters);
        blocks.any(|(block, filter)| {
            near(block, (piece.start_unix_nanos, piece.end_unix_nanos))
                && !own.contains(&block.meta.block_id)
                && may_hold(filter.as_deref(), entry)
        })
    }

    /// The same for each of some pieces: block by block, so that a filter is at hand for all.
    pub fn are_in_blocks(&self, pieces: &[Piece], own: &[Uuid]) -> Vec<bool> {
        let entries: Vec<u64> =
            pieces.iter().map(|piece| id_filter::entry(&piece.trace_id)).collect();
        let times = Times::of(pieces);
        let mut found = vec![false; pieces.len()];
        for (block, filter) in self.places.blocks.iter().zip(&self.filters) {
            if own.contains(&block.meta.block_id) || !near(block, times.of_any) {
                continue;
            }
            if let Some(filter) = filter.as_deref().filter(|_| near(block, times.of_each)) {
                filter.mark_entries(&entries, &mut found);
                continue;
            }
            for ((found, entry), piece) in found.iter_mut().zip(&entries).zip(pieces) {
                *found = *found
                    || near(block, (piece.start_unix_nanos, piece.end_unix_nanos))
                        && may_hold(filter.as_deref(), *entry);
            }
        }
        found
    }

    /// Whether traces with such a piece may be live, too.
    pub fn may_be_live(&self, piece: &Piece) -> bool {
        self.places.live.iter().any(|live| live.is_near(piece))
    }

    /// Which of these traces are live, too. Does not wait for memory.
    ///
    /// # Errors
    /// The process is going down.
    pub async fn live(&self, pieces: &[Piece]) -> Result<Vec<bool>, QueryError> {
        let mut live = vec![false; pieces.len()];
        let owners = self.node.owners();
        let asked = self.places.live.iter().map(|times| {
            let may_be_there = |piece: &Piece| {
                times.is_near(piece)
                    && (times.has_stray || owners.of(&piece.trace_id.0) == times.core)
            };
            let at = (0..pieces.len()).filter(|at| may_be_there(&pieces[*at]));
            (times.core, at.collect::<Vec<usize>>())
        });
        let asked = asked.filter(|(_, at)| !at.is_empty()).map(|(core, at)| async move {
            let ids = at.iter().map(|at| pieces[*at].trace_id).collect();
            let tenant = self.places.tenant.clone();
            let question = |answer| Message::LiveHas(tenant, ids, answer);
            let held = self.node.ask(core, question).await.ok_or(QueryError::Stopping)?;
            Ok::<_, QueryError>((at, held))
        });
        for (at, held) in try_join_all(asked).await? {
            at.iter().zip(held).for_each(|(at, held)| live[*at] |= held);
        }
        Ok(live)
    }
}

/// What is not known may be there. The entry is that of the trace's id.
fn may_hold(filter: Option<&IdFilter>, entry: u64) -> bool {
    filter.is_none_or(|filter| filter.may_hold_entry(entry))
}
