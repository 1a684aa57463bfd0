//! A metrics query over the live data of one core.
//!
//! All live pieces of a trace on this core are put together before a plan sees them. Where a plan
//! judges whole traces, one that may have pieces elsewhere is noted instead.

use stringendo_proto::TraceId;
use stringendo_ring::{CoreId, yield_if_due};

use super::observe::{Observer, Seen};
use super::view::{LiveView, SegmentGone};
use super::{MetricsFindings, MetricsRequest, SplitPiece};
use crate::budget::Charge;
use crate::error::QueryError;
use crate::live::span::SpanView;
use crate::node::Node;
use crate::query::collect::LiveCover;
use crate::query::elsewhere::{Elsewhere, LiveTimes, Places};
use crate::query::memory::{Charged, grow};
use crate::query::split::{LiveSplit, held_by_strays};
use crate::tenant::TenantId;

/// A metrics query over live data.
#[derive(Clone, Debug)]
pub struct LiveMetricsJob {
    /// Whose data.
    pub tenant: TenantId,
    /// What for.
    pub request: MetricsRequest,
    /// Cores with live traces that others own.
    pub strays: Vec<CoreId>,
}

/// Memory for the columns of a trace; more is asked for when a trace needs more.
const TRACE_BYTES: u64 = 64 << 10;

/// Memory of an id in a list that is being doubled, and in a set.
const IDS_BYTES: u64 = 6 * size_of::<TraceId>() as u64;

/// Runs the job on this core.
///
/// # Errors
/// The query cannot be evaluated, or there is no memory.
pub async fn run(
    node: &Node,
    job: &LiveMetricsJob,
) -> Result<Charged<MetricsFindings>, QueryError> {
    let bounds = job.request.axis.bounds_unix_nanos();
    // This is the live data.
    let places = Places::of(node, &job.tenant, bounds, Vec::new());
    let mut elsewhere = Elsewhere::new(node, places);
    loop {
        match attempt(node, job, &mut elsewhere).await? {
            Attempt::Done(findings) => return Ok(*findings),
            // All memory to read with was given back.
            Attempt::MustLearn(times) => {
                elsewhere.learn(times.start_unix_nanos, times.end_unix_nanos).await?;
            }
            // What went away is in a block now.
            Attempt::Again => {}
        }
    }
}

/// How far a query came.
enum Attempt {
    Done(Box<Charged<MetricsFindings>>),
    /// What blocks of this time hold must be known.
    MustLearn(LiveTimes),
    Again,
}

impl From<SegmentGone> for Attempt {
    fn from(_: SegmentGone) -> Self {
        Self::Again
    }
}

async fn attempt(
    node: &Node,
    job: &LiveMetricsJob,
    elsewhere: &mut Elsewhere<'_>,
) -> Result<Attempt, QueryError> {
    let (shard, tenant) = (node.shard(), &job.tenant);
    let ids_bytes = LiveView::of(shard).traces_max(shard, tenant) * IDS_BYTES;
    let memory = shard.memory_to_read(ids_bytes + TRACE_BYTES).await?;
    // Without a pause between them, every span of this core is in the view or in a listed block.
    let mut view = LiveView::of(shard);
    elsewhere.refresh();
    let ids = view.traces(shard, tenant, job.request.axis.bounds_unix_nanos());
    let own = view.blocks(tenant);
    let times = match job.request.judges_whole_traces() {
        true => view.times(node, tenant),
        false => LiveTimes::none(shard.core),
    };
    let astray = held_by_strays(node, tenant, &job.strays, &ids).await?;
    if elsewhere.refresh() {
        // Blocks came while others were asked: what they were asked for may be in there.
        return Ok(Attempt::Again);
    }
    let split = LiveSplit::new(node, elsewhere, &own, times, astray);
    let form = shard.stored_form(tenant);
    let observer = Observer::new(shard, form, &job.request);
    let mut live = LiveMetrics::new(observer, memory, times);
    for id in ids {
        if let Err(gone) = view.follow(shard) {
            return Ok(gone.into());
        }
        live.make_room(view.spans_max(shard, tenant, &id), 0)?;
        let look = |spans: &[SpanView<'_>]| live.take(&id, spans, || split.of(&id));
        if let Seen::Unknown = view.spans(shard, tenant, &id, look)? {
            return Ok(Attempt::MustLearn(times));
        }
        yield_if_due().await;
    }
    let cover = LiveCover { blocks: own, times };
    Ok(Attempt::Done(Box::new(live.into_findings(cover, elsewhere))))
}

struct LiveMetrics<'a> {
    observer: Observer<'a>,
    /// Memory for the columns of the trace at hand, and how much of it that is.
    to_read: (Charge, u64),
    split: Vec<SplitPiece>,
    times: LiveTimes,
}

impl<'a> LiveMetrics<'a> {
    fn new(observer: Observer<'a>, to_read: Charge, times: LiveTimes) -> Self {
        Self { observer, to_read: (to_read, TRACE_BYTES), split: Vec::new(), times }
    }

    fn make_room(&mut self, spans: usize, columns_bytes: u64) -> Result<(), QueryError> {
        make_room(&mut self.to_read, spans, columns_bytes)
    }

    fn take(
        &mut self,
        id: &TraceId,
        spans: &[SpanView<'_>],
        is_split: impl Fn() -> Option<bool>,
    ) -> Result<Seen, QueryError> {
        let Self { observer, to_read, split, times } = self;
        observer.begin(spans);
        for leg in 0..observer.legs() {
            let room = |bytes| make_room(to_read, spans.len(), bytes);
            match observer.take(leg, (id, spans), room, &is_split)? {
                Seen::Done => {}
                Seen::Split => {
                    observer.memory().grow(SplitPiece::MEMORY_BYTES)?;
                    let times = (times.start_unix_nanos, times.end_unix_nanos);
                    split.push(SplitPiece { leg: leg as u32, trace_id: *id, times });
                }
                Seen::Unknown => return Ok(Seen::Unknown),
            }
        }
        Ok(Seen::Done)
    }

    fn into_findings(self, live: LiveCover, elsewhere: &Elsewhere<'_>) -> Charged<MetricsFindings> {
        let (accumulators, mut cost, memory) = self.observer.finish();
        cost.add(elsewhere.cost());
        let (live, split) = (Some(live), self.split);
        Charged { value: MetricsFindings { accumulators, cost, live, split }, memory }
    }
}

/// Grows without waiting, since this is memory to read with.
fn make_room(
    (memory, held_bytes): &mut (Charge, u64),
    spans: usize,
    columns_bytes: u64,
) -> Result<(), QueryError> {
    // A view of a span, its start, and its place in a set of those seen and in the tree.
    let span_bytes = size_of::<SpanView<'_>>() + 72;
    let needed = (spans * span_bytes) as u64 + columns_bytes;
    let more = needed.saturating_sub(*held_bytes);
    grow(memory, more)?;
    *held_bytes += more;
    Ok(())
}
