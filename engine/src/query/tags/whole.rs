//! Names and values on the spans of traces that are in several places, each read whole once.

use std::collections::HashMap;
use std::sync::Arc;

use stringendo_block::RowContent;
use stringendo_block::StoredForm;
use stringendo_proto::TraceId;
use stringendo_traceql::SearchPlan;

use super::gather::Gathered;
use super::live_narrowed::Found;
use super::others::SPLIT_BYTES;
use super::part::TagsJob;
use super::progress::AtWork;
use crate::error::QueryError;
use crate::limits::WHOLE_TRACES_MAX;
use crate::live::columns::{LiveColumns, LiveFields};
use crate::node::Node;
use crate::query::allowance::Allowance;
use crate::query::whole::Pieces;
use crate::query::whole_reader::WholeReader;
use crate::tenant::TenantId;

impl Node {
    /// Adds what the traces hold that were noted to be split.
    ///
    /// # Errors
    /// A block could not be read, or there is no memory.
    pub(super) async fn whole_tags(
        &self,
        tenant: &TenantId,
        job: &TagsJob,
        allowance: &Arc<Allowance>,
        at_work: &AtWork<'_>,
    ) -> Result<(), QueryError> {
        let Some(plan) = job.plan.as_deref() else { return Ok(()) };
        let traces = at_work.change(take_split);
        if traces.is_empty() {
            return Ok(());
        }
        at_work.change(|gathered| gathered.cost.add_jobs(1));
        let bounds = (job.start_unix_nanos, job.end_unix_nanos);
        let content = RowContent::ALL;
        let form = self.shard().stored_form(tenant);
        let mut reader = WholeReader::new(self, tenant, bounds, content, allowance);
        for traces in traces.chunks(WHOLE_TRACES_MAX) {
            if at_work.change(|gathered| gathered.is_enough()) {
                break;
            }
            let take = |at: usize, pieces| {
                let id = &traces[at].0;
                let add = |gathered: &mut Gathered| {
                    match self.add_whole((job, plan, &form), id, pieces, gathered) {
                        // Such answers may lack something (contract http-api.md §5).
                        Err(QueryError::NeedsTooMuch { .. } | QueryError::Overloaded) => {
                            gathered.read.not_whole += 1;
                            Ok(())
                        }
                        outcome => outcome,
                    }
                };
                at_work.change(add)
            };
            reader.each(traces, take).await?;
            if reader.is_cut() {
                break;
            }
        }
        at_work.change(|gathered| {
            let mut read = std::mem::take(&mut gathered.read);
            read.add(&reader.cost());
            gathered.cost.add_part(&read);
        });
        Ok(())
    }

    fn add_whole(
        &self,
        (job, plan, form): (&TagsJob, &SearchPlan, &StoredForm),
        id: &TraceId,
        pieces: Pieces,
        gathered: &mut Gathered,
    ) -> Result<(), QueryError> {
        let mut work = self.charge_answer(0)?;
        let whole = pieces.together(&mut work, &mut gathered.read)?;
        let spans = whole.views();
        let start = spans.iter().map(|span| span.start_unix_nanos).min();
        let end = spans.iter().map(|span| span.end_unix_nanos).max();
        let is_in_time = start.is_some_and(|start| start <= job.end_unix_nanos)
            && end.is_some_and(|end| end >= job.start_unix_nanos);
        if !is_in_time {
            return Ok(());
        }
        gathered.read.traces += 1;
        gathered.read.spans += spans.len() as u64;
        let fields = LiveFields::of(plan, form);
        work.grow(fields.memory_bytes(&spans))?;
        let columns = LiveColumns::read(id, &spans, &fields);
        let mut sets = Vec::new();
        plan.spansets(&columns, &mut sets)?;
        let mut found = Found::new(job, plan);
        found.add(&columns, &spans, &sets);
        found.charge(gathered)?;
        found.give(gathered)
    }
}

/// Each trace once, with the time of all places that noted it.
fn take_split(gathered: &mut Gathered) -> Vec<(TraceId, (u64, u64))> {
    let noted = std::mem::take(&mut gathered.split);
    gathered.memory().shrink(noted.len() as u64 * SPLIT_BYTES);
    let mut traces: HashMap<TraceId, (u64, u64)> = HashMap::new();
    for (id, times) in noted {
        let known = traces.entry(id).or_insert(times);
        *known = (known.0.min(times.0), known.1.max(times.1));
    }
    let mut traces: Vec<_> = traces.into_iter().collect();
    // Those of the same time are in the same blocks.
    traces.sort_unstable_by_key(|(id, times)| (*times, *id));
    traces
}
