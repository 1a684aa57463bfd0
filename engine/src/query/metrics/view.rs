//! The live segments of a core as a metrics query sees them: the same from its first look to its
//! last, although segments are sealed, stored and let go meanwhile.

use std::rc::Rc;

use stringendo_proto::TraceId;
use uuid::Uuid;

use crate::encode_job::block_id;
use crate::live::LiveSegment;
use crate::live::columns;
use crate::live::span::SpanView;
use crate::node::Node;
use crate::query::elsewhere::LiveTimes;
use crate::shard::Shard;
use crate::tenant::TenantId;

/// Segments that were there when the query began.
pub struct LiveView {
    sealed: Vec<Rc<LiveSegment>>,
    /// The one that was written then, as long as it still is.
    active: Option<Uuid>,
}

/// The segment that was active has been stored and let go between two looks: what was looked at of
/// it cannot be completed.
#[derive(Debug)]
pub struct SegmentGone;

impl LiveView {
    /// What is there now.
    pub fn of(shard: &Shard) -> Self {
        let active = shard.active.borrow();
        let active = (!active.is_empty()).then_some(active.id);
        Self { sealed: shard.live_segments(), active }
    }

    /// Follows the active segment if it was sealed since the last look.
    ///
    /// # Errors
    /// It is gone; the query has to begin again, and will find its block.
    pub fn follow(&mut self, shard: &Shard) -> Result<(), SegmentGone> {
        let Some(id) = self.active.filter(|id| *id != shard.active.borrow().id) else {
            return Ok(());
        };
        let sealed = shard.live_segments().into_iter().find(|segment| segment.id == id);
        self.sealed.push(sealed.ok_or(SegmentGone)?);
        self.active = None;
        Ok(())
    }

    /// Calls `look` with each segment. To be called right after [`LiveView::follow`].
    fn each<T>(&self, shard: &Shard, look: impl FnOnce(&[&LiveSegment]) -> T) -> T {
        let active = shard.active.borrow();
        let active = self.active.is_some().then_some(&*active);
        let segments: Vec<_> = self.sealed.iter().map(Rc::as_ref).chain(active).collect();
        look(&segments)
    }

    /// Traces with a span that starts between the two times, both inclusive, in order of their ids.
    pub fn traces(
        &self,
        shard: &Shard,
        tenant: &TenantId,
        (first, last): (u64, u64),
    ) -> Vec<TraceId> {
        self.each(shard, |segments| {
            let mut ids = Vec::new();
            for index in segments.iter().filter_map(|segment| segment.tenant(tenant)) {
                ids.extend(index.trace_ids().filter(|id| {
                    let mut starts = index.spans_of(id).map(|(span, _)| span.start_unix_nano);
                    starts.any(|start| start >= first && start <= last)
                }));
            }
            ids.sort_unstable();
            ids.dedup();
            ids
        })
    }

    /// When all of it is, and whether others own some of it.
    pub fn times(&self, node: &Node, tenant: &TenantId) -> LiveTimes {
        let (shard, owners) = (node.shard(), node.owners());
        self.each(shard, |segments| {
            let mut times = LiveTimes::none(shard.core);
            for index in segments.iter().filter_map(|segment| segment.tenant(tenant)) {
                for (span, _) in index.spans_from(0) {
                    times.add(span.start_unix_nano, span.end_unix_nano);
                }
                times.has_stray |= index.trace_ids().any(|id| owners.of(&id.0) != shard.core);
            }
            times
        })
    }

    /// How many traces there are at most.
    pub fn traces_max(&self, shard: &Shard, tenant: &TenantId) -> u64 {
        self.each(shard, |segments| {
            let indexes = segments.iter().filter_map(|segment| segment.tenant(tenant));
            indexes.map(|index| index.traces() as u64).sum()
        })
    }

    /// Number of spans of a trace, before doubles are left out.
    pub fn spans_max(&self, shard: &Shard, tenant: &TenantId, id: &TraceId) -> usize {
        self.each(shard, |segments| {
            let indexes = segments.iter().filter_map(|segment| segment.tenant(tenant));
            indexes.map(|index| index.spans_of(id).count()).sum()
        })
    }

    /// Calls `look` with the spans of a trace.
    pub fn spans<T>(
        &self,
        shard: &Shard,
        tenant: &TenantId,
        id: &TraceId,
        look: impl FnOnce(&[SpanView<'_>]) -> T,
    ) -> T {
        self.each(shard, |segments| {
            let parts =
                segments.iter().filter_map(|segment| Some((segment, segment.tenant(tenant)?)));
            let parts = parts.flat_map(|(segment, index)| {
                index.spans_of(id).map(move |(_, part)| (segment.chunks(), part))
            });
            look(&columns::spans(parts))
        })
    }

    /// The blocks that the segments become.
    pub fn blocks(&self, tenant: &TenantId) -> Vec<Uuid> {
        let sealed = self.sealed.iter().map(|segment| segment.id);
        sealed.chain(self.active).map(|segment| block_id(&segment, tenant)).collect()
    }
}
