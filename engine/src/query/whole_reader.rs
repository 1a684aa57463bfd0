//! Reads many traces from all places that hold pieces of them: live data trace by trace, blocks in
//! one pass each over all the traces at hand ([`super::block_traces`]).
//!
//! From: [`super::whole`], [`super::metrics::whole`] and [`super::tags`], with the ids. To: the
//! same, as [`Pieces`], trace by trace.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use stringendo_block::{Names, RowContent};
use stringendo_proto::TraceId;
use stringendo_ring::{CoreId, yield_if_due};
use stringendo_traceql::{AttributeScope, Field, Intrinsic};

use super::allowance::{Allowance, Meter};
use super::block_traces::{BlockTracesJob, Missing};
use super::collect::SearchCost;
use super::elsewhere::{Elsewhere, Places};
use super::memory::{Held, Kept};
use super::whole::Pieces;
use crate::affinity::core_of;
use crate::block_list::BlockEntry;
use crate::block_store::Reads;
use crate::error::QueryError;
use crate::message::Message;
use crate::node::Node;
use crate::tenant::TenantId;

/// Blocks, and which traces each may hold, by number.
type Holders = Vec<(Arc<BlockEntry>, Vec<u32>)>;
/// A trace, and near which times its pieces are looked for, both inclusive.
type Wanted = (TraceId, (u64, u64));

/// Traces that did not fit into memory together are read again, so many at a time, then alone.
const FEW: usize = 8;

/// What of spans these fields are made of.
pub fn content_of<'f>(fields: impl Iterator<Item = &'f Field>) -> RowContent {
    let (mut names, mut events) = (Vec::new(), false);
    for field in fields {
        match field {
            Field::Attribute { scope: AttributeScope::Span | AttributeScope::Unscoped, name } => {
                names.push(Bytes::copy_from_slice(name.as_bytes()));
            }
            Field::Attribute { scope: AttributeScope::Event, .. }
            | Field::Intrinsic(Intrinsic::EventName | Intrinsic::EventTimeSinceStart) => {
                events = true;
            }
            _ => {}
        }
    }
    RowContent { span_attributes: Names::These(names), events, details: false }
}

/// Reads traces from all places that may hold pieces of them.
pub struct WholeReader<'a> {
    node: &'a Node,
    tenant: &'a TenantId,
    elsewhere: Elsewhere<'a>,
    content: Arc<RowContent>,
    allowance: Arc<Allowance>,
    /// Of what it reads itself.
    meter: Meter,
    cost: SearchCost,
}

impl<'a> WholeReader<'a> {
    /// A reader of so much of what may be found in the given time, nanoseconds since the Unix
    /// epoch, for a query that may read `allowance`.
    pub fn new(
        node: &'a Node,
        tenant: &'a TenantId,
        bounds_unix_nanos: (u64, u64),
        content: RowContent,
        allowance: &Arc<Allowance>,
    ) -> Self {
        let places = Places::of(node, tenant, bounds_unix_nanos, Vec::new());
        Self {
            node,
            tenant,
            elsewhere: Elsewhere::new(node, places),
            content: Arc::new(content),
            allowance: Arc::clone(allowance),
            meter: Meter::new(allowance),
            cost: SearchCost::default(),
        }
    }

    /// Gives to `take` what all places near the given times hold of each trace, by its number, in
    /// no order. Traces for which there is no memory together come alone; those that the query may
    /// not read any more do not come. Must not be called with memory to read with.
    ///
    /// # Errors
    /// Those of `take`; or a block could not be read, or there is no memory.
    pub async fn each(
        &mut self,
        traces: &[Wanted],
        mut take: impl FnMut(usize, Pieces) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let is_live = self.live(traces).await?;
        let (mut live, mut stored): (Vec<usize>, Vec<usize>) =
            (0..traces.len()).partition(|number| is_live[*number]);
        let all = stored.len().max(1);
        let rounds = [all, FEW, 1].into_iter().filter(|at_a_time| *at_a_time <= all);
        for at_a_time in rounds {
            self.round(traces, &mut stored, at_a_time, false, &mut take).await?;
        }
        // Pieces of live data hold memory while others wait for it.
        for at_a_time in [FEW, 1] {
            self.round(traces, &mut live, at_a_time, true, &mut take).await?;
        }
        Ok(())
    }

    /// Which of the traces have live spans. Asked before the list of blocks is looked at: what is
    /// not live any more is in a block by then.
    async fn live(&self, traces: &[Wanted]) -> Result<Vec<bool>, QueryError> {
        let ids: Vec<TraceId> = traces.iter().map(|(id, _)| *id).collect();
        let mut live = vec![false; ids.len()];
        let asked = self.node.cores().map(|core| {
            let (tenant, ids) = (self.tenant.clone(), ids.clone());
            self.node.ask(core, move |answer| Message::LiveHas(tenant, ids, answer))
        });
        for held in join_all(asked).await {
            let held = held.ok_or(QueryError::Stopping)?;
            live.iter_mut().zip(held).for_each(|(live, held)| *live |= held);
        }
        Ok(live)
    }

    /// Reads the traces of these numbers, so many at a time; leaves the numbers of those for which
    /// there was no memory, if there were several at a time.
    async fn round(
        &mut self,
        traces: &[Wanted],
        numbers: &mut Vec<usize>,
        at_a_time: usize,
        is_live: bool,
        take: &mut impl FnMut(usize, Pieces) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let mut again = Vec::new();
        for numbers in numbers.chunks(at_a_time) {
            if !self.meter.has_left(&self.elsewhere.cost().reads) {
                self.cost.cut_parts = 1;
                return Ok(());
            }
            let wanted: Vec<Wanted> = numbers.iter().map(|number| traces[*number]).collect();
            let (pieces, _kept) = self.read(&wanted, is_live).await?;
            for (number, pieces) in numbers.iter().zip(pieces) {
                match pieces {
                    Some(pieces) if pieces.error.is_some() && at_a_time > 1 => again.push(*number),
                    Some(pieces) => take(*number, pieces)?,
                    None => self.cost.cut_parts = 1,
                }
                yield_if_due().await;
            }
        }
        *numbers = again;
        Ok(())
    }

    /// Reads traces together. Those that the query may not read any more are missing. The second is
    /// to be dropped not before the pieces.
    async fn read(
        &mut self,
        wanted: &[Wanted],
        is_live: bool,
    ) -> Result<(Vec<Option<Pieces>>, Kept), QueryError> {
        let mut pieces = Vec::with_capacity(wanted.len());
        pieces.resize_with(wanted.len(), || Some(Pieces::default()));
        if is_live {
            let asked = wanted.iter().map(|(id, _)| self.node.live_pieces(self.tenant, *id));
            for (pieces, found) in pieces.iter_mut().flatten().zip(join_all(asked).await) {
                pieces.add_live(found)?;
            }
        }
        self.elsewhere.refresh();
        let times = wanted.iter().fold((u64::MAX, 0), |all: (u64, u64), (_, times)| {
            (all.0.min(times.0), all.1.max(times.1))
        });
        self.elsewhere.learn(times.0, times.1).await?;
        let kept = self.stored(wanted, &mut pieces).await?;
        Ok((pieces, kept))
    }

    /// Adds what blocks hold.
    async fn stored(
        &mut self,
        wanted: &[Wanted],
        pieces: &mut [Option<Pieces>],
    ) -> Result<Kept, QueryError> {
        let ids = Arc::new(wanted.iter().map(|(id, _)| *id).collect::<Vec<TraceId>>());
        let (node, cores) = (self.node, self.node.mesh().cores());
        let mut shares: BTreeMap<CoreId, Holders> = BTreeMap::new();
        for (block, numbers) in self.elsewhere.holders(wanted) {
            let core = core_of(&block.meta.block_id, cores);
            shares.entry(core).or_default().push((block, numbers));
        }
        let asked = shares.into_iter().map(|(core, blocks)| {
            let (content, allowance) = (Arc::clone(&self.content), Arc::clone(&self.allowance));
            let job = BlockTracesJob { blocks, ids: Arc::clone(&ids), content, allowance };
            node.ask(core, move |answer| Message::BlockTraces(job, answer))
        });
        let mut all_kept = Kept::default();
        for answer in join_all(asked).await {
            let Held { value: found, kept } = answer.ok_or(QueryError::Stopping)??;
            all_kept.merge(kept);
            self.cost.bytes += found.cost.inspected_bytes;
            self.cost.gone_blocks += found.cost.gone_blocks;
            self.cost.damaged.merge(&found.cost.damaged);
            let (count, bytes) = (found.cost.backend_reads, found.cost.backend_bytes);
            self.cost.reads.merge(Reads { count, bytes, ..Reads::default() });
            for (number, piece) in found.pieces {
                let pieces = pieces[number as usize].as_mut();
                if let Some(pieces) = pieces {
                    pieces.stored.push(piece);
                }
            }
            for (number, missing) in found.missing {
                match (missing, &mut pieces[number as usize]) {
                    (Missing::NotAllowed, pieces) => *pieces = None,
                    (Missing::NoMemory(error), Some(pieces)) => pieces.error = Some(error),
                    (Missing::NoMemory(_), None) => {}
                }
            }
        }
        Ok(all_kept)
    }

    /// Whether the query has read what it may, and traces were left out.
    pub fn is_cut(&self) -> bool {
        self.cost.cut_parts > 0
    }

    /// What reading blocks cost, and finding the places.
    pub fn cost(&self) -> SearchCost {
        let mut cost = self.cost;
        cost.add(self.elsewhere.cost());
        cost
    }
}
