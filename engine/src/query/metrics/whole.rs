//! A metrics query over traces that have pieces in several places, each read whole once, on the
//! core that owns them.

use std::sync::Arc;

use stringendo_block::RowContent;
use stringendo_proto::TraceId;

use super::observe::Observer;
use super::{MetricsFindings, MetricsRequest};
use crate::error::QueryError;
use crate::limits::WHOLE_TRACES_MAX;
use crate::node::Node;
use crate::query::allowance::Allowance;
use crate::query::memory::Charged;
use crate::query::whole::Pieces;
use crate::query::whole_reader::{WholeReader, content_of};
use crate::tenant::TenantId;

/// A trace that was found to be in several places.
#[derive(Clone, Debug)]
pub struct SplitTrace {
    /// Id.
    pub trace_id: TraceId,
    /// Times of the places that found it, both inclusive: its pieces are near them.
    pub times: (u64, u64),
    /// Which legs it matters to, each once.
    pub legs: Vec<u32>,
}

/// A metrics query over whole traces.
#[derive(Clone, Debug)]
pub struct WholeMetricsJob {
    /// Whose data.
    pub tenant: TenantId,
    /// What for.
    pub request: MetricsRequest,
    /// Which.
    pub traces: Vec<SplitTrace>,
    /// What the query may read.
    pub allowance: Arc<Allowance>,
}

/// Runs the job on this core.
///
/// # Errors
/// A block could not be read, the query cannot be evaluated, or there is no memory.
pub async fn run(
    node: &Node,
    job: &WholeMetricsJob,
) -> Result<Charged<MetricsFindings>, QueryError> {
    let form = node.shard().stored_form(&job.tenant);
    let mut observer = Observer::new(node.shard(), form, &job.request);
    let (bounds, content) = (job.request.axis.bounds_unix_nanos(), content(&job.request));
    let mut reader = WholeReader::new(node, &job.tenant, bounds, content, &job.allowance);
    // Traces of the same time are in the same blocks.
    let mut traces: Vec<&SplitTrace> = job.traces.iter().collect();
    traces.sort_unstable_by_key(|trace| (trace.times, trace.trace_id));
    for traces in traces.chunks(WHOLE_TRACES_MAX) {
        let ids: Vec<_> = traces.iter().map(|trace| (trace.trace_id, trace.times)).collect();
        let take = |at: usize, pieces| {
            let fits = take(node, &mut observer, traces[at], pieces)?;
            observer.cost.not_whole += u64::from(!fits);
            Ok(())
        };
        reader.each(&ids, take).await?;
        if reader.is_cut() {
            break;
        }
    }
    let (accumulators, mut cost, memory) = observer.finish();
    cost.add(&reader.cost());
    let value = MetricsFindings { accumulators, cost, live: None, split: Vec::new() };
    Ok(Charged { value, memory })
}

/// What the legs look at.
fn content(request: &MetricsRequest) -> RowContent {
    let legs = request.plan.legs();
    match legs.iter().any(|leg| leg.compares_attributes()) {
        true => RowContent::ALL,
        false => content_of(legs.iter().flat_map(|leg| leg.search().fields())),
    }
}

/// Takes a trace in; `false` if there is no memory for the whole of it.
fn take(
    node: &Node,
    observer: &mut Observer<'_>,
    trace: &SplitTrace,
    pieces: Pieces,
) -> Result<bool, QueryError> {
    let mut work = node.charge_answer(0)?;
    let whole = match pieces.together(&mut work, &mut observer.cost) {
        Err(QueryError::NeedsTooMuch { .. } | QueryError::Overloaded) => return Ok(false),
        whole => whole?,
    };
    let spans = whole.views();
    observer.begin(&spans);
    let mut fits = true;
    for leg in &trace.legs {
        let mut columns = node.charge_answer(0)?;
        let mut is_too_large = false;
        let room = |bytes| {
            let outcome = columns.grow(bytes);
            is_too_large = outcome.is_err();
            outcome
        };
        let taken = observer.take(*leg as usize, (&trace.trace_id, &spans), room, || Some(false));
        match taken {
            Err(_) if is_too_large => fits = false,
            outcome => drop(outcome?),
        }
    }
    Ok(fits)
}
