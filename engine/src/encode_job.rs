//! From a sealed segment to durable blocks, one tenant after the other; then the segment's memory
//! and file are given back.
//!
//! From: [`crate::commit`] and [`crate::recovery`] (sealed segments). To: the backend, then the
//! block list of every core; only then is the log's file released ([`crate::wal_dir`]).
//!
//! A block's id follows from the segment's id and the tenant. So whatever the moment of a crash,
//! the same segment makes the same block, and a segment whose block is there already is not encoded
//! again: no span is lost and none is stored twice.

use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use stringendo_block::id_filter::IdFilter;
use stringendo_block::{
    BlockEncoder, BlockMeta, EncodeError, EncodeOptions, FinishedBlock, SpanPart,
};
use stringendo_proto::TraceId;
use stringendo_ring::{CoreId, sleep, yield_if_due};
use uuid::Uuid;

use crate::affinity::core_of;
use crate::backend::listing::META_BYTES_MAX;
use crate::backend::{Backend, object};
use crate::block_list::{BlockEntry, cache_id};
use crate::budget::{Charge, Use};
use crate::limits::FLUSH_RETRY;
use crate::live::LiveSegment;
use crate::live::index::TenantIndex;
use crate::message::Message;
use crate::metrics::families as family;
use crate::node::Node;
use crate::shard::Shard;
use crate::tenant::TenantId;

/// Traces whose spans are found together: each waits for memory once a span, all at the same time.
const TRACES_AT_ONCE: usize = 16;

/// Part of the memory of merging that a page is made of. Two blocks are merged in memory of which
/// 3/8 are for pages: one of each column and block, decoded, which is twice as large as spans are
/// sent.
const PAGES_IN_MERGE_MEMORY: u64 = 16;

/// Encodes sealed segments, oldest first, until the end of the process.
pub async fn run(node: Node) {
    let shard = Rc::clone(node.shard());
    loop {
        shard.encode_work.wait().await;
        answer_flushes(&shard);
        loop {
            let Some(segment) = shard.sealed.borrow().front().cloned() else { break };
            count_queue(&shard);
            store(&node, &segment).await;
            shard.sealed.borrow_mut().pop_front();
            release(&shard, segment).await;
            segment_done(&shard);
        }
        count_queue(&shard);
    }
}

fn count_queue(shard: &Shard) {
    shard.metrics.set(&family::FLUSH_QUEUE, &[], shard.sealed.borrow().len() as f64);
}

fn segment_done(shard: &Shard) {
    for request in shard.flushes.borrow_mut().iter_mut() {
        request.segments_ahead = request.segments_ahead.map(|ahead| ahead.saturating_sub(1));
    }
    shard.metrics.add(&family::BLOCKS_CLEARED, &[], 1.0);
    answer_flushes(shard);
}

/// Answers the flush requests that wait for nothing any more.
fn answer_flushes(shard: &Shard) {
    let mut flushes = shard.flushes.borrow_mut();
    for request in flushes.extract_if(.., |request| request.segments_ahead == Some(0)) {
        // Whoever asked may have gone away.
        let _ = request.done.send(true);
    }
}

/// Gives back first the memory, as far as no query reads it, then the file.
async fn release(shard: &Shard, segment: Rc<LiveSegment>) {
    let (id, path) = (segment.id, segment.path.clone());
    drop(segment);
    let image = shard.images.borrow_mut().take_back(&id);
    image.for_each(|buf| shard.budget.keep_spare(buf));
    if let Err(error) = shard.wal.release(&path).await {
        tracing::warn!(%error, "WAL segment could not be recycled");
    }
}

/// Makes the blocks of all tenants of a segment. Does not give up: the data is in the log and in
/// memory, and refusing new spans is all that happens meanwhile.
async fn store(node: &Node, segment: &LiveSegment) {
    for (tenant, index) in segment.tenants() {
        let mut pause = FLUSH_RETRY.0;
        while let Err(reason) = store_tenant(node, segment, tenant, index).await {
            let metrics = node.counters();
            tracing::error!(%tenant, reason, "block was not written; will try again");
            let counters = [&family::FAILED_FLUSHES, &family::FLUSH_FAILURES_ALIAS];
            counters.iter().for_each(|counter| metrics.add(counter, &[], 1.0));
            if pause > FLUSH_RETRY.0 {
                metrics.add(&family::FLUSH_FAILED_RETRIES, &[], 1.0);
            }
            sleep(pause).await;
            pause = (pause * 2).min(FLUSH_RETRY.1);
            metrics.add(&family::FLUSH_RETRIES, &[], 1.0);
        }
    }
}

async fn store_tenant(
    node: &Node,
    segment: &LiveSegment,
    tenant: &TenantId,
    index: &TenantIndex,
) -> Result<(), String> {
    let shard = node.shard();
    let block_id = block_id(&segment.id, tenant);
    match stored(shard.store.backend(), tenant, &block_id).await {
        Ok(None) => {}
        // Whoever superseded it has not marked it yet; on the list it would be live again.
        Ok(Some(Stored::Live(_))) if shard.blocks.borrow().knows(tenant, &block_id) => {
            return Ok(());
        }
        // An earlier try, or process, may have ended before it was listed.
        Ok(Some(Stored::Live(meta))) => return list_everywhere(node, tenant, *meta).await,
        Ok(Some(Stored::Compacted)) => return Ok(()),
        Err(error) => return Err(error.to_string()),
    }
    let begun = shard.now();
    let mut charge = shard.budget.charge(Use::Encode, 0);
    let job = EncodeJob { shard, segment, index };
    let block = job.encode(tenant, block_id, &mut charge).await;
    let block = block.map_err(|error| error.to_string())?;
    shard.store.backend().write_block(&block).await.map_err(|error| error.to_string())?;
    count_flush(shard, &block, shard.now().saturating_sub(begun));
    keep_id_filter(node, &block).await;
    list_everywhere(node, tenant, block.meta).await
}

/// A block that is in the store already.
enum Stored {
    Live(Box<BlockMeta>),
    Compacted,
}

/// Looks whether the block is there. One whose meta cannot be read is as good as none: it is
/// written again.
async fn stored(backend: &Backend, tenant: &TenantId, id: &Uuid) -> io::Result<Option<Stored>> {
    match backend.read_object(tenant, id, object::META, META_BYTES_MAX).await {
        Ok(json) => {
            let meta = BlockMeta::parse(&json).ok().filter(|meta| meta.block_id == *id);
            Ok(meta.map(|meta| Stored::Live(Box::new(meta))))
        }
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let name = object::META_COMPACTED;
            match backend.read_object(tenant, id, name, META_BYTES_MAX).await {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                outcome => outcome.map(|_| Some(Stored::Compacted)),
            }
        }
        Err(error) => Err(error),
    }
}

fn count_flush(shard: &Shard, block: &FinishedBlock, took: Duration) {
    let meta = &block.meta;
    shard.metrics.add(&family::BLOCKS_FLUSHED, &[], 1.0);
    shard.metrics.observe(&family::FLUSH_SIZE, &[], meta.size as f64);
    shard.metrics.observe(&family::FLUSH_DURATION, &[], took.as_secs_f64());
    tracing::info!(
        tenant = meta.tenant_id, block = %meta.block_id, traces = meta.total_objects,
        bytes = meta.size, took_ms = took.as_millis() as u64, "block flushed"
    );
}

/// Has the core that reads the block keep the filter over its trace ids, so that it need not be
/// read.
async fn keep_id_filter(node: &Node, block: &FinishedBlock) {
    let block_id = block.meta.block_id;
    let Ok(tenant) = TenantId::parse(&block.meta.tenant_id) else { return };
    let Some(filter) = IdFilter::of_object(&block.filters, &block_id) else { return };
    let reader = core_of(&block_id, node.mesh().cores());
    // A core that has ended needs none.
    let known_by = cache_id(&tenant, &block_id);
    let _ = node.mesh().send(reader, Message::KeepIdFilter(known_by, Arc::new(filter))).await;
}

/// Has core 0 put the block on every core's list. Until that is done the live segment stays, so a
/// query finds the spans in one place or in both, never in neither.
async fn list_everywhere(node: &Node, tenant: &TenantId, meta: BlockMeta) -> Result<(), String> {
    let entry = Arc::new(BlockEntry::new(tenant.clone(), meta));
    let listed = node.ask(CoreId(0), |answer| Message::AddBlock(entry, answer)).await;
    listed.ok_or_else(|| "core 0 has ended".to_owned())
}

struct EncodeJob<'a> {
    shard: &'a Shard,
    segment: &'a LiveSegment,
    index: &'a TenantIndex,
}

impl EncodeJob<'_> {
    async fn encode(
        &self,
        tenant: &TenantId,
        block_id: Uuid,
        charge: &mut Charge,
    ) -> Result<FinishedBlock, EncodeError> {
        let mut ids: Vec<TraceId> = self.index.trace_ids().copied().collect();
        ids.sort_unstable();
        let merging = self.shard.budget.limit_for(Use::Compact);
        let mut encoder = BlockEncoder::new(self.options(tenant, block_id, ids.len()))
            .with_pages_of(merging / PAGES_IN_MERGE_MEMORY);
        let mut parts = vec![Vec::new(); TRACES_AT_ONCE];
        for some in ids.chunks(TRACES_AT_ONCE) {
            self.gather(some, &mut parts);
            for (id, parts) in some.iter().zip(&parts) {
                encoder.add_trace(self.segment.chunks(), id, parts)?;
                charge.resize(encoder.memory_bytes() as u64);
                yield_if_due().await;
                while encoder.write_step()? {
                    yield_if_due().await;
                }
            }
        }
        // While the file is put together, parts of it are held twice.
        charge.resize(charge.bytes() / 4 * 5);
        let mut finishing = encoder.finish();
        loop {
            if let Some(block) = finishing.step()? {
                charge.resize(block.data.len() as u64);
                return Ok(block);
            }
            yield_if_due().await;
        }
    }

    /// The spans of some traces, one of each in turn.
    fn gather(&self, ids: &[TraceId], parts: &mut [Vec<SpanPart>]) {
        parts.iter_mut().for_each(Vec::clear);
        let spans_of = |(id, parts)| (self.index.spans_of(id), parts);
        let mut traces: Vec<_> = ids.iter().zip(parts).map(spans_of).collect();
        let mut more = true;
        while more {
            more = false;
            for (spans, parts) in &mut traces {
                let next = spans.next().map(|(_, part)| part);
                more |= next.is_some();
                parts.extend(next);
            }
        }
    }

    fn options(&self, tenant: &TenantId, block_id: Uuid, traces: usize) -> EncodeOptions {
        let block = &self.shard.settings.block;
        EncodeOptions {
            block_id,
            tenant: tenant.as_str().to_owned(),
            version: block.version,
            dedicated_columns: self.shard.dedicated_columns(tenant),
            bloom_false_positive: block.bloom_false_positive,
            bloom_shard_bytes: block.bloom_shard_bytes,
            row_group_bytes: block.row_group_bytes,
            traces,
        }
    }
}

/// The id of the block that a tenant's part of a segment becomes: random like the segment's, the
/// same on every try (FNV-1a over the tenant, folded into the segment's id).
pub fn block_id(segment: &Uuid, tenant: &TenantId) -> Uuid {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let bytes = tenant.as_str().bytes();
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    uuid::Builder::from_random_bytes((segment.as_u128() ^ hash).to_be_bytes()).into_uuid()
}

#[cfg(test)]
#[path = "encode_job_tests.rs"]
mod tests;
