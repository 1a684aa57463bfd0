//! What cores say to each other.

use std::sync::Arc;

use stringendo_block::id_filter::IdFilter;
use stringendo_proto::TraceId;
use stringendo_proto::cut::SubBatch;
use stringendo_ring::{CoreId, oneshot};
use uuid::Uuid;

use crate::block_list::{BlockChange, BlockEntry, BlockList};
use crate::compaction::fresh::LiveNow;
use crate::compaction::job::{Compacted, CompactionJob, FailedJob};
use crate::damaged_blocks::DamageReport;
use crate::error::{IngestError, QueryError};
use crate::metrics::Series;
use crate::query::block_search::BlockSearchJob;
use crate::query::block_traces::{BlockTraces, BlockTracesJob};
use crate::query::collect::Findings;
use crate::query::id_filters::IdFilters;
use crate::query::live_search::LiveSearchJob;
use crate::query::memory::PartAnswer;
use crate::query::metrics::MetricsFindings;
use crate::query::metrics::blocks::BlockMetricsJob;
use crate::query::metrics::live::LiveMetricsJob;
use crate::query::metrics::whole::WholeMetricsJob;
use crate::query::tags::part::{BlockTagsJob, LiveTagsJob, TagsFound};
use crate::query::trace::TracePieces;
use crate::tenant::TenantId;
use crate::tenant_limits::Limits;
use crate::user_limits::{UserLimitsCall, UserLimitsOutcome};

/// A message to another core. Answers come through the oneshot inside.
pub enum Message {
    /// Spans for their owner.
    Ingest(IngestPart),
    /// The live pieces of a trace.
    LiveTrace(TenantId, TraceId, PartAnswer<TracePieces>),
    /// The pieces of a trace in some blocks.
    BlockTrace(Vec<Arc<BlockEntry>>, TraceId, PartAnswer<TracePieces>),
    /// The pieces of many traces in some blocks.
    BlockTraces(BlockTracesJob, PartAnswer<BlockTraces>),
    /// A search of live data.
    LiveSearch(LiveSearchJob, PartAnswer<Findings>),
    /// A search of some blocks.
    BlockSearch(BlockSearchJob, PartAnswer<Findings>),
    /// A metrics query over live data.
    LiveMetrics(LiveMetricsJob, PartAnswer<MetricsFindings>),
    /// A metrics query over some blocks.
    BlockMetrics(BlockMetricsJob, PartAnswer<MetricsFindings>),
    /// A metrics query over traces that are in several places.
    WholeMetrics(WholeMetricsJob, PartAnswer<MetricsFindings>),
    /// The filters over the trace ids of some blocks, in the same order.
    IdFilters(Vec<Arc<BlockEntry>>, Answer<Result<IdFilters, QueryError>>),
    /// The filter of a new block, for the core that reads the block, and what caches know it by.
    KeepIdFilter(Uuid, Arc<IdFilter>),
    /// Which of some traces have live spans on the core.
    LiveHas(TenantId, Vec<TraceId>, Answer<Vec<bool>>),
    /// Names or values of tags in live data.
    LiveTags(LiveTagsJob, PartAnswer<TagsFound>),
    /// Names or values of tags in some blocks.
    BlockTags(BlockTagsJob, PartAnswer<TagsFound>),
    /// To core 0: a block is durable; list it everywhere, then answer.
    AddBlock(Arc<BlockEntry>, Answer<()>),
    /// To core 0: make these changes of the list everywhere, all in one step, then answer.
    ChangeBlocks(Vec<BlockChange>, Answer<()>),
    /// To core 0: a block was found to be damaged.
    Damaged(DamageReport),
    /// A block, by what caches of the process know it by, was found to be damaged: what is kept of
    /// it is not to be used, since it may be mended.
    Doubt(Uuid, Answer<()>),
    /// From core 0: the block list from now on.
    SetBlocks(Arc<BlockList>, Answer<()>),
    /// To the core where the tenant's rate is counted: take so many tokens, and some more to lease.
    /// Answered with how many were taken.
    TakeRate(TenantId, u64, Answer<u64>),
    /// From any core: how many live traces it has of these tenants.
    LiveCounts(CoreId, Arc<Vec<(TenantId, u32)>>),
    /// To core 0: read or change what a tenant has set for itself.
    UserLimits(TenantId, UserLimitsCall, Answer<UserLimitsOutcome>),
    /// From core 0: the limits of tenants from now on.
    SetLimits(Arc<Limits>, Answer<()>),
    /// Merge some blocks.
    Compact(CompactionJob, Answer<Result<Compacted, FailedJob>>),
    /// Which segments are live, and who may still hold to what it has seen live.
    LiveNow(Answer<LiveNow>),
    /// Seal, encode and flush what is live now, then answer.
    Flush(Option<TenantId>, Answer<bool>),
    /// The core's counters.
    Metrics(Answer<Vec<Series>>),
    /// Are you there, and ready?
    Heartbeat(Answer<bool>),
    /// The process is going down: refuse ingest from now on.
    Stop(Answer<()>),
}

/// Where an answer goes.
pub type Answer<T> = oneshot::Sender<T>;

/// The part of a batch that one core owns.
pub struct IngestPart {
    /// Whose.
    pub tenant: TenantId,
    /// When the request was received, nanoseconds since the Unix epoch.
    pub received_unix_nanos: u64,
    /// Bytes and positions.
    pub batch: SubBatch,
    /// The acknowledgement.
    pub done: Answer<Result<(), IngestError>>,
}
