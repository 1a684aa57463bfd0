//! A trace by id: live pieces from every core, then pieces from blocks, combined.
//!
//! Live data is asked before the block list is looked at. A segment leaves live data only after its
//! block is on every core's list, so whatever was missed there is found here.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;
use stringendo_block::combine::{combine, split_shared_ids};
use stringendo_proto::TraceId;
use stringendo_proto::otlp::TracesData;
use stringendo_ring::CoreId;
use uuid::Uuid;

use super::TraceRequest;
use super::damage::{Damaged, Missed};
use super::memory::Held;
use crate::affinity::core_of;
use crate::block_list::BlockEntry;
use crate::error::QueryError;
use crate::message::Message;
use crate::node::Node;
use crate::tenant::TenantId;

/// Pieces of a trace from one place.
#[derive(Clone, Debug, Default)]
pub struct TracePieces {
    /// The pieces, oldest first.
    pub pieces: Vec<TracesData>,
    /// What finding them cost.
    pub cost: TraceCost,
}

/// What a lookup cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceCost {
    /// Bytes of spans looked at.
    pub inspected_bytes: u64,
    /// Reads of the backend.
    pub backend_reads: u64,
    /// Bytes of those reads.
    pub backend_bytes: u64,
    /// Blocks that were deleted before they could be read.
    pub gone_blocks: u64,
    /// Blocks that may hold more of it, and are damaged.
    pub damaged: Damaged,
    /// Blocks that are there and not listed: nobody knows what they hold.
    pub unlisted: Damaged,
}

impl TraceCost {
    /// Adds another cost.
    pub fn add(&mut self, other: TraceCost) {
        self.inspected_bytes += other.inspected_bytes;
        self.backend_reads += other.backend_reads;
        self.backend_bytes += other.backend_bytes;
        self.gone_blocks += other.gone_blocks;
        self.damaged.merge(&other.damaged);
        self.unlisted.merge(&other.unlisted);
    }

    /// Notes that a block could not be read.
    pub fn miss(&mut self, missed: Missed, block: &BlockEntry) {
        match missed {
            Missed::Gone => self.gone_blocks += 1,
            Missed::Damaged => self.damaged.add(block.meta.block_id),
        }
    }
}

/// A trace, if there is one.
#[derive(Clone, Debug, Default)]
pub struct TraceAnswer {
    /// The combined trace; `None` if no span was found.
    pub trace: Option<TracesData>,
    /// What answering cost.
    pub cost: TraceCost,
}

impl Node {
    /// Looks up a trace.
    ///
    /// # Errors
    /// When a place that may hold part of it could not be read, or there is no memory.
    pub async fn trace(
        &self,
        tenant: &TenantId,
        request: &TraceRequest,
    ) -> Result<Held<TraceAnswer>, QueryError> {
        let mut found = Held::default();
        if request.live {
            take_all(&mut found, self.live_pieces(tenant, request.trace_id).await)?;
        }
        self.add_block_pieces(&mut found, tenant, request).await?;
        let Held { value: TracePieces { pieces, cost }, kept } = found;
        if pieces.is_empty() {
            return Ok(Held { value: TraceAnswer { trace: None, cost }, kept });
        }
        let mut trace = combine(pieces);
        split_shared_ids(&mut trace);
        Ok(Held { value: TraceAnswer { trace: Some(trace), cost }, kept })
    }

    /// The live pieces on every core.
    pub(super) async fn live_pieces(
        &self,
        tenant: &TenantId,
        id: TraceId,
    ) -> Vec<Option<Result<Held<TracePieces>, QueryError>>> {
        self.ask_all(|answer| Message::LiveTrace(tenant.clone(), id, answer)).await
    }

    /// Adds the pieces in blocks. If some were deleted meanwhile, what takes their place is on the
    /// list by now, and is asked too.
    async fn add_block_pieces(
        &self,
        found: &mut Held<TracePieces>,
        tenant: &TenantId,
        request: &TraceRequest,
    ) -> Result<(), QueryError> {
        let mut asked: HashSet<Uuid> = HashSet::new();
        let mut blocks = self.candidates(tenant, request);
        if request.blocks.is_some() {
            found.value.cost.unlisted = *self.shard().blocks.borrow().unlisted_of(tenant);
        }
        loop {
            take_all(found, self.pieces_in(&blocks, request.trace_id).await)?;
            if found.value.cost.gone_blocks == 0 {
                return Ok(());
            }
            asked.extend(blocks.iter().map(|block| block.meta.block_id));
            blocks = self.candidates(tenant, request);
            blocks.retain(|block| !asked.contains(&block.meta.block_id));
            if blocks.is_empty() {
                return Ok(());
            }
            found.value.cost.gone_blocks = 0;
        }
    }

    /// The pieces in these blocks.
    pub(super) async fn pieces_in(
        &self,
        blocks: &[Arc<BlockEntry>],
        id: TraceId,
    ) -> Vec<Option<Result<Held<TracePieces>, QueryError>>> {
        let cores = self.mesh().cores();
        let shares = self.cores().map(|core| (core, share(blocks, core, cores)));
        let asked = shares.filter(|(_, share)| !share.is_empty()).map(|(core, share)| {
            self.ask(core, move |answer| Message::BlockTrace(share, id, answer))
        });
        join_all(asked).await
    }

    fn candidates(&self, tenant: &TenantId, request: &TraceRequest) -> Vec<Arc<BlockEntry>> {
        let Some((first, last)) = request.blocks else { return Vec::new() };
        let in_range = |id: &Uuid| *id >= first && *id <= last;
        let in_time = |block: &BlockEntry| {
            request.time_hint_unix_nanos.as_ref().is_none_or(|hint| {
                // The strict form for lookups, with the end rounded up (contract blocks.md §2).
                block.start_unix_nanos < hint.end
                    && block.end_unix_nanos.saturating_add(999_999_999) > hint.start
            })
        };
        let list = Arc::clone(&self.shard().blocks.borrow());
        let poll = self.settings().blocklist_poll.as_nanos() as u64;
        let since = self.clock().unix_nanos().saturating_sub(poll.saturating_mul(2));
        let blocks = list.with_pieces(tenant, since);
        blocks.filter(|block| in_range(&block.meta.block_id) && in_time(block)).cloned().collect()
    }
}

/// The blocks that `core` reads.
pub fn share(blocks: &[Arc<BlockEntry>], core: CoreId, cores: u16) -> Vec<Arc<BlockEntry>> {
    let mine = |block: &&Arc<BlockEntry>| core_of(&block.meta.block_id, cores) == core;
    blocks.iter().filter(mine).cloned().collect()
}

/// Gathers what all places hold.
///
/// # Errors
/// One of them could not be read, or there is no memory.
pub(super) fn take_all(
    found: &mut Held<TracePieces>,
    answers: Vec<Option<Result<Held<TracePieces>, QueryError>>>,
) -> Result<(), QueryError> {
    for answer in answers {
        let more = answer.ok_or(QueryError::Stopping)??;
        found.value.pieces.extend(more.value.pieces);
        found.value.cost.add(more.value.cost);
        found.kept.merge(more.kept);
    }
    Ok(())
}
