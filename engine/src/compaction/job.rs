//! A job on one core: blocks are read, merged and written, and the new one is published.
//!
//! From: [`super::conductor`]. To: the backend, `meta.json` last. What is on the list and what is
//! marked is the conductor's business. It runs in the lowest class, in steps of about a
//! millisecond, with memory that neither spans nor queries need.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use stringendo_block::BlockMeta;
use stringendo_block::id_filter::IdFilter;
use stringendo_block::merge::{
    Merge, MergeCounts, MergeError, MergeOptions, MergeStep, MergedBlock, Need,
};
use stringendo_ring::{sleep, yield_if_due};
use uuid::Uuid;

use super::keeper::Tenure;
use super::memory::{self, NoMemory};
use super::report;
use crate::affinity::core_of;
use crate::backend::listing::META_BYTES_MAX;
use crate::backend::{Backend, BlockData, DataUpload, object};
use crate::block_list::{BlockEntry, cache_id};
use crate::budget::{Charge, Use};
use crate::limits::FETCHES_MAX;
use crate::message::Message;
use crate::node::Node;
use crate::tenant::TenantId;

/// A pause is made of steps of this length, between which it may end early.
const PAUSE_STEP: Duration = Duration::from_millis(200);

/// What is to be merged.
#[derive(Clone, Debug)]
pub struct CompactionJob {
    /// Whose blocks.
    pub tenant: TenantId,
    /// Which ones.
    pub inputs: Vec<Arc<BlockEntry>>,
    /// The id of what comes out.
    pub output: Uuid,
    /// Bytes that it may read per second; 0 = no limit.
    pub bytes_per_second: u64,
    /// As long as it lasts, the output may be published.
    pub tenure: Tenure,
    /// Bytes of memory, if an earlier try has told how many it needs.
    pub memory_bytes_min: u64,
}

/// A published block.
#[derive(Clone, Debug)]
pub struct Compacted {
    /// Its meta.
    pub meta: BlockMeta,
    /// What was done.
    pub counts: MergeCounts,
    /// How long it took.
    pub took: Duration,
}

/// Why nothing was published. All inputs are as they were.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// An input is not live any more.
    #[error("block {0} is not live any more")]
    Gone(Uuid),
    /// An input has not as many bytes as its meta says.
    #[error("block {0}: data.parquet is cut short")]
    Cut(Uuid),
    /// Another server merges the blocks now.
    #[error("another server keeps the bucket now")]
    NotKeeper,
    /// A query needs the memory.
    #[error("a query needs the memory")]
    GaveWay,
    /// The process is going down.
    #[error("the process is going down")]
    Stopping,
    /// From the backend.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Merging failed.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// There is too little memory for what it needs.
    #[error(transparent)]
    Memory(#[from] NoMemory),
}

impl JobError {
    /// For the label of a metric.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Gone(_) => "gone",
            Self::GaveWay => "gave_way",
            Self::NotKeeper => "not_keeper",
            Self::Stopping => "stopping",
            Self::Io(error) if error.kind() == ErrorKind::StorageFull => "disk_full",
            Self::Io(_) => "backend",
            Self::Cut(_) | Self::Merge(MergeError::Input { .. }) => "unreadable_block",
            Self::Merge(MergeError::NeedsMemory { .. }) | Self::Memory(_) => "memory",
            Self::Merge(_) => "merge",
        }
    }

    /// Whether nothing is wrong: the job is to be forgotten, or done later.
    pub fn is_harmless(&self) -> bool {
        matches!(self, Self::Gone(_) | Self::GaveWay | Self::NotKeeper | Self::Stopping)
    }

    /// Memory that it needs, if that is what is missing.
    pub fn memory_needed(&self) -> Option<u64> {
        match self {
            Self::Merge(MergeError::NeedsMemory { bytes })
            | Self::Memory(NoMemory { bytes, .. }) => Some(*bytes),
            _ => None,
        }
    }

    /// The input that is to blame, if it is one.
    pub fn input(&self) -> Option<Uuid> {
        match self {
            Self::Gone(block) | Self::Cut(block) | Self::Merge(MergeError::Input { block, .. }) => {
                Some(*block)
            }
            _ => None,
        }
    }
}

/// A job that came to nothing.
#[derive(Debug)]
pub struct FailedJob {
    /// Why.
    pub error: JobError,
    /// Whether objects of its output may be there, even `meta.json`: [`settle`] finds out.
    pub in_doubt: bool,
}

impl FailedJob {
    fn without_output(error: impl Into<JobError>) -> Self {
        Self { error: error.into(), in_doubt: false }
    }
}

/// Does a job.
///
/// # Errors
/// See [`FailedJob`]. What was written is removed, unless it may have been published, or the
/// backend does not let it be.
pub async fn run(node: &Node, job: &CompactionJob) -> Result<Compacted, FailedJob> {
    let shard = node.shard();
    let begun = shard.now();
    let backend = shard.store.backend();
    check_live(backend, job).await.map_err(FailedJob::without_output)?;
    let charge = memory::wait_for(shard, job.inputs.len(), job.memory_bytes_min).await;
    let charge = charge.map_err(FailedJob::without_output)?;
    // What waits to be sent cannot be refused any more; it is counted.
    let _sending = shard.budget.charge(Use::Compact, backend.upload_memory_bytes());
    let work = Work { node, job, charge };
    let merged = match work.write().await {
        Ok(merged) => merged,
        Err(error) => {
            let removed = backend.delete_block(&job.tenant, &job.output).await;
            let told = |error: &io::Error| report::in_doubt(job, error);
            let in_doubt = removed.inspect_err(told).is_err();
            return Err(FailedJob { error, in_doubt });
        }
    };
    // A store may do what it says it could not do, and late. Others may have seen the new block,
    // and marked its inputs: it must not be removed as long as it may be live.
    if let Err(error) = backend.publish(&merged.meta).await {
        report::in_doubt(job, &error);
        return Err(FailedJob { error: error.into(), in_doubt: true });
    }
    keep_id_filter(node, &merged).await;
    let took = shard.now().saturating_sub(begun);
    Ok(Compacted { meta: merged.meta, counts: merged.counts, took })
}

/// Finds out what became of the output of a job that ended in doubt: its meta, if it is there and
/// has taken the place of the inputs; else nothing is left of it.
///
/// # Errors
/// From the backend; it is as unknown as before.
pub async fn settle(node: &Node, job: &CompactionJob) -> io::Result<Option<BlockMeta>> {
    let (backend, tenant, id) = (node.shard().store.backend(), &job.tenant, &job.output);
    match backend.read_object(tenant, id, object::META, META_BYTES_MAX).await {
        Ok(json) => BlockMeta::parse(&json).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            backend.delete_block(tenant, id).await.map(|()| None)
        }
        Err(error) => Err(error),
    }
}

/// Others may have merged or deleted inputs.
async fn check_live(backend: &Backend, job: &CompactionJob) -> Result<(), JobError> {
    for input in &job.inputs {
        let id = &input.meta.block_id;
        match backend.read_object(&job.tenant, id, object::META, META_BYTES_MAX).await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(JobError::Gone(*id)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

struct Work<'a> {
    node: &'a Node,
    job: &'a CompactionJob,
    charge: Charge,
}

impl Work<'_> {
    fn backend(&self) -> &Backend {
        self.node.shard().store.backend()
    }

    async fn write(mut self) -> Result<MergedBlock, JobError> {
        let mut inputs = Vec::with_capacity(self.job.inputs.len());
        for input in &self.job.inputs {
            inputs.push(self.open(input).await?);
        }
        let mut upload = self.backend().begin_data(&self.job.tenant, &self.job.output).await?;
        match self.merge(&inputs, &mut upload).await {
            Ok(merged) => {
                upload.finish().await?;
                self.finish(merged).await
            }
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    async fn open(&self, input: &BlockEntry) -> Result<BlockData, JobError> {
        let id = input.meta.block_id;
        match self.backend().open_data(input).await {
            Ok(data) if data.len() < input.meta.size => Err(JobError::Cut(id)),
            Ok(data) => Ok(data),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(JobError::Gone(id)),
            Err(error) => Err(error.into()),
        }
    }

    async fn merge(
        &mut self,
        inputs: &[BlockData],
        upload: &mut DataUpload,
    ) -> Result<MergedBlock, JobError> {
        let metas = self.job.inputs.iter().map(|input| input.meta.clone()).collect();
        let mut merge = Merge::new(metas, self.options())?;
        loop {
            match merge.step()? {
                MergeStep::Working => {}
                MergeStep::Needs(needs) => {
                    let bytes: u64 =
                        needs.iter().map(|need| need.range.end - need.range.start).sum();
                    for (need, bytes) in self.fetch(inputs, needs).await? {
                        merge.supply(&need, bytes);
                    }
                    self.pause(bytes).await;
                }
                MergeStep::Made(bytes) => upload.append(bytes).await?,
                MergeStep::Finished(merged) => return Ok(*merged),
            }
            if self.node.shard().stopping.get() {
                return Err(JobError::Stopping);
            }
            if self.node.shard().budget.merging_is_in_the_way() {
                return Err(JobError::GaveWay);
            }
            let held = merge.memory_bytes();
            if held > self.charge.bytes() {
                // What is held is told as it is, so that others wait for it.
                self.charge.resize(held);
            }
            yield_if_due().await;
        }
    }

    /// Reads what is asked for.
    async fn fetch(
        &self,
        inputs: &[BlockData],
        needs: Vec<Need>,
    ) -> Result<Vec<(Need, Bytes)>, JobError> {
        let read = |need: Need| async move {
            let bytes = inputs[need.input].read_at(need.range.clone()).await?;
            if (bytes.len() as u64) < need.range.end - need.range.start {
                return Err(JobError::Cut(self.job.inputs[need.input].meta.block_id));
            }
            Ok((need, bytes))
        };
        stream::iter(needs.into_iter().map(read)).buffered(FETCHES_MAX).try_collect().await
    }

    fn options(&self) -> MergeOptions {
        let block = &self.node.settings().block;
        MergeOptions {
            block_id: self.job.output,
            bloom_false_positive: block.bloom_false_positive,
            bloom_shard_bytes: block.bloom_shard_bytes,
            row_group_bytes: block.row_group_bytes,
            trace_bytes_max: self.node.limits_of(&self.job.tenant).trace_bytes_max,
            memory_bytes_max: self.charge.bytes(),
        }
    }

    /// Keeps to the configured pace, as long as the process is not going down.
    async fn pause(&self, bytes: u64) {
        if self.job.bytes_per_second == 0 {
            return;
        }
        let seconds = bytes as f64 / self.job.bytes_per_second as f64;
        let mut left = Duration::from_secs_f64(seconds);
        while !left.is_zero() && !self.node.shard().stopping.get() {
            let step = left.min(PAUSE_STEP);
            sleep(step).await;
            left -= step;
        }
    }

    /// Writes what belongs to the block beside its rows, unless an input is not live any more. Only
    /// `meta.json` is missing then.
    async fn finish(&self, mut merged: MergedBlock) -> Result<MergedBlock, JobError> {
        let (backend, tenant, id) = (self.backend(), &self.job.tenant, &self.job.output);
        for (number, bloom) in merged.blooms.iter().enumerate() {
            let name = object::bloom(number as u32);
            backend.write_object(tenant, id, &name, bloom.clone()).await?;
        }
        backend.write_object(tenant, id, object::INDEX, merged.index.clone()).await?;
        backend.write_object(tenant, id, object::FILTERS, merged.filters.clone()).await?;
        check_live(backend, self.job).await?;
        if !self.job.tenure.lasts(self.node.shard().now()) {
            return Err(JobError::NotKeeper);
        }
        merged.meta.inputs = self.job.inputs.iter().map(|input| input.meta.block_id).collect();
        Ok(merged)
    }
}

/// Has the core that reads the new block keep the filter over its trace ids.
async fn keep_id_filter(node: &Node, merged: &MergedBlock) {
    let block_id = merged.meta.block_id;
    let Ok(tenant) = TenantId::parse(&merged.meta.tenant_id) else { return };
    let Some(filter) = IdFilter::of_object(&merged.filters, &block_id) else { return };
    let reader = core_of(&block_id, node.mesh().cores());
    // A core that has ended needs none.
    let known_by = cache_id(&tenant, &block_id);
    let _ = node.mesh().send(reader, Message::KeepIdFilter(known_by, Arc::new(filter))).await;
}
