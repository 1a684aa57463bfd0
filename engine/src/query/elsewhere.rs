//! Where else a trace may have pieces: in which other blocks, and in live data.
//!
//! From: searches, which ask before they judge a trace by what one place holds of it. To:
//! [`super::whole`], which reads the traces whose pieces are in several places. The answer may be
//! yes without reason, and never no.

use std::sync::Arc;

use futures_util::future::try_join_all;
use stringendo_block::id_filter::IdFilter;
use stringendo_proto::TraceId;
use stringendo_ring::CoreId;
use uuid::Uuid;

use super::collect::SearchCost;
use super::trace::share;
use crate::block_list::BlockEntry;
use crate::error::QueryError;
use crate::limits::TRACE_PIECES_GAP_NANOS;
use crate::message::Message;
use crate::node::Node;
use crate::tenant::TenantId;

/// The places that are asked.
#[derive(Clone, Debug)]
pub struct Places {
    /// Whose.
    pub tenant: TenantId,
    /// Blocks that may hold pieces of what is searched.
    pub blocks: Vec<Arc<BlockEntry>>,
    /// Start of the earliest live span; `u64::MAX` if there is none.
    pub live_start_unix_nanos: u64,
    /// Cores with live traces that others own (after a restart on another number of cores).
    pub strays: Vec<CoreId>,
}

impl Places {
    /// The blocks of `tenant` that this core knows, as far as pieces of traces in the given time
    /// may be there.
    pub fn blocks_near(
        node: &Node,
        tenant: &TenantId,
        start_unix_nanos: u64,
        end_unix_nanos: u64,
    ) -> Vec<Arc<BlockEntry>> {
        let list = Arc::clone(&node.shard().blocks.borrow());
        let is_near = |block: &&Arc<BlockEntry>| near(block, start_unix_nanos, end_unix_nanos);
        list.of(tenant).iter().filter(is_near).cloned().collect()
    }
}

fn near(block: &BlockEntry, start_unix_nanos: u64, end_unix_nanos: u64) -> bool {
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

/// Knows other places, as far as it was asked for.
pub struct Elsewhere<'a> {
    node: &'a Node,
    places: &'a Places,
    filters: Vec<Option<Arc<IdFilter>>>,
    cost: SearchCost,
}

impl<'a> Elsewhere<'a> {
    /// Nothing is known at first.
    pub fn new(node: &'a Node, places: &'a Places) -> Self {
        let filters = vec![None; places.blocks.len()];
        Self { node, places, filters, cost: SearchCost::default() }
    }

    /// What learning cost so far.
    pub fn cost(&self) -> &SearchCost {
        &self.cost
    }

    fn unknown(&self, start: u64, end: u64) -> impl Iterator<Item = usize> {
        let unknown = self.filters.iter().zip(&self.places.blocks).enumerate();
        unknown
            .filter(move |(_, (filter, block))| filter.is_none() && near(block, start, end))
            .map(|(at, _)| at)
    }

    /// Whether the filters of all blocks near this time are known.
    pub fn knows(&self, start_unix_nanos: u64, end_unix_nanos: u64) -> bool {
        self.unknown(start_unix_nanos, end_unix_nanos).next().is_none()
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
            let (filters, reads) = answer.ok_or(QueryError::Stopping)??;
            Ok::<_, QueryError>((share, filters, reads))
        });
        for (share, filters, reads) in try_join_all(asked).await? {
            self.cost.reads.merge(reads);
            for (block, filter) in share.iter().zip(filters) {
                let at = self.places.blocks.iter().position(|known| Arc::ptr_eq(known, block));
                if let Some(at) = at {
                    self.filters[at] = Some(filter);
                }
            }
        }
        Ok(())
    }

    /// The other blocks that may hold the trace.
    pub fn blocks_of(&self, id: &TraceId) -> Vec<Arc<BlockEntry>> {
        let blocks = self.places.blocks.iter().zip(&self.filters);
        let holders = blocks.filter(|(_, filter)| may_hold(filter.as_deref(), id));
        holders.map(|(block, _)| Arc::clone(block)).collect()
    }

    /// Whether blocks other than `own` may hold a piece beside this one.
    pub fn in_blocks(&self, piece: &Piece, own: &[Uuid]) -> bool {
        let mut blocks = self.places.blocks.iter().zip(&self.filters);
        blocks.any(|(block, filter)| {
            near(block, piece.start_unix_nanos, piece.end_unix_nanos)
                && !own.contains(&block.meta.block_id)
                && may_hold(filter.as_deref(), &piece.trace_id)
        })
    }

    /// Which of these traces are live, too. Does not wait for memory.
    ///
    /// # Errors
    /// The process is going down.
    pub async fn live(&self, pieces: &[Piece]) -> Result<Vec<bool>, QueryError> {
        let mut live = vec![false; pieces.len()];
        let from = self.places.live_start_unix_nanos.saturating_sub(TRACE_PIECES_GAP_NANOS);
        let near: Vec<usize> =
            (0..pieces.len()).filter(|at| pieces[*at].end_unix_nanos >= from).collect();
        if near.is_empty() || self.places.live_start_unix_nanos == u64::MAX {
            return Ok(live);
        }
        let owners = self.node.owners();
        let asked = self.node.cores().map(|core| {
            let is_stray = self.places.strays.contains(&core);
            let may_be_at = |at: &&usize| is_stray || owners.of(&pieces[**at].trace_id.0) == core;
            (core, near.iter().filter(may_be_at).copied().collect::<Vec<usize>>())
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

/// What is not known may be there.
fn may_hold(filter: Option<&IdFilter>, id: &TraceId) -> bool {
    filter.is_none_or(|filter| filter.may_hold(id))
}
