//! The live data of a core as a query sees it while it runs: what was there when it began stays
//! visible to it, whatever is sealed and flushed meanwhile.

use std::rc::Rc;

use bytes::Bytes;
use stringendo_block::SpanPart;
use stringendo_proto::TraceId;
use uuid::Uuid;

use super::LiveSegment;
use crate::encode_job::block_id;
use crate::shard::Shard;
use crate::tenant::TenantId;

/// Sealed segments that are held, and the active one.
pub struct LiveView {
    sealed: Vec<Rc<LiveSegment>>,
    active: Uuid,
}

impl LiveView {
    /// What is live now.
    pub fn of(shard: &Shard) -> Self {
        Self { sealed: shard.live_segments(), active: shard.active.borrow().id }
    }

    /// To be called before every look, and at least once in every slice of time: takes in what was
    /// sealed since.
    pub fn refresh(&mut self, shard: &Shard) {
        let active = shard.active.borrow().id;
        if active == self.active {
            return;
        }
        self.active = active;
        for segment in shard.live_segments() {
            if !self.sealed.iter().any(|known| known.id == segment.id) {
                self.sealed.push(segment);
            }
        }
    }

    /// Ids of all segments.
    pub fn ids(&self) -> impl Iterator<Item = &Uuid> {
        self.sealed.iter().map(|segment| &segment.id).chain([&self.active])
    }

    /// The blocks that they are made into.
    pub fn blocks(&self, tenant: &TenantId) -> Vec<Uuid> {
        self.ids().map(|segment| block_id(segment, tenant)).collect()
    }

    /// All segments, oldest first; `active` is that of the core.
    pub fn segments<'a>(
        &'a self,
        active: &'a LiveSegment,
    ) -> impl Iterator<Item = &'a LiveSegment> + use<'a> {
        self.sealed.iter().map(Rc::as_ref).chain([active])
    }

    /// The spans of a trace, each with the chunks that it is in.
    pub fn parts<'a>(
        &'a self,
        active: &'a LiveSegment,
        tenant: &TenantId,
        id: &TraceId,
    ) -> impl Iterator<Item = (&'a [Bytes], SpanPart)> {
        let segments = self.segments(active);
        let indexes = segments.filter_map(move |segment| Some((segment, segment.tenant(tenant)?)));
        indexes.flat_map(move |(segment, index)| {
            index.spans_of(id).map(move |(_, part)| (segment.chunks(), part))
        })
    }
}
