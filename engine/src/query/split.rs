//! Which traces of one place have pieces in others, for queries that look at every trace once:
//! metrics, and tags that a query narrows.
//!
//! All places of a trace agree on it, since they ask each other by their own times and not by those
//! of the trace's pieces ([`super::elsewhere`]).

use std::collections::HashSet;

use stringendo_proto::TraceId;
use stringendo_ring::CoreId;
use uuid::Uuid;

use super::elsewhere::{Elsewhere, LiveTimes, Piece};
use crate::block_list::BlockEntry;
use crate::error::QueryError;
use crate::limits::PENDING_TRACES_MAX;
use crate::message::Message;
use crate::node::Node;
use crate::tenant::TenantId;

/// A block as a place of pieces of a trace. Metas hold whole seconds.
pub fn piece_in(block: &BlockEntry, trace_id: TraceId) -> Piece {
    Piece {
        trace_id,
        start_unix_nanos: block.start_unix_nanos,
        end_unix_nanos: block.end_unix_nanos.saturating_add(999_999_999),
    }
}

/// The live data of a core as a place of pieces.
pub struct LiveSplit<'e, 'n> {
    node: &'n Node,
    elsewhere: &'e Elsewhere<'n>,
    own: &'e [Uuid],
    times: LiveTimes,
    astray: HashSet<TraceId>,
    is_known: bool,
}

impl<'e, 'n> LiveSplit<'e, 'n> {
    /// Of live data at `times`, which is or becomes the blocks `own`. Other cores hold traces
    /// `astray`, which they do not own.
    pub fn new(
        node: &'n Node,
        elsewhere: &'e Elsewhere<'n>,
        own: &'e [Uuid],
        times: LiveTimes,
        astray: HashSet<TraceId>,
    ) -> Self {
        let is_known = elsewhere.knows(times.start_unix_nanos, times.end_unix_nanos);
        Self { node, elsewhere, own, times, astray, is_known }
    }

    /// Whether there may be pieces of the trace elsewhere; `None` if that has to be learned first.
    pub fn of(&self, trace_id: &TraceId) -> Option<bool> {
        let piece = Piece {
            trace_id: *trace_id,
            start_unix_nanos: self.times.start_unix_nanos,
            end_unix_nanos: self.times.end_unix_nanos,
        };
        let is_stray = || self.node.owners().of(&trace_id.0) != self.node.shard().core;
        self.is_known.then(|| {
            is_stray()
                || self.astray.contains(trace_id)
                || self.elsewhere.in_blocks(&piece, self.own)
        })
    }
}

/// Which of these traces are live on other cores, which do not own them.
///
/// # Errors
/// The process is going down.
pub async fn held_by_strays(
    node: &Node,
    tenant: &TenantId,
    strays: &[CoreId],
    ids: &[TraceId],
) -> Result<HashSet<TraceId>, QueryError> {
    let mut held = HashSet::new();
    for core in strays.iter().filter(|core| **core != node.shard().core) {
        for ids in ids.chunks(PENDING_TRACES_MAX) {
            let question = |answer| Message::LiveHas(tenant.clone(), ids.to_vec(), answer);
            let has = node.ask(*core, question).await.ok_or(QueryError::Stopping)?;
            held.extend(ids.iter().zip(has).filter(|(_, has)| *has).map(|(id, _)| *id));
        }
    }
    Ok(held)
}
