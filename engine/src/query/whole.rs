//! Traces whose pieces are in several places: read whole, as a trace by id is, and judged then.
//!
//! From: [`super::search`], with the ids of traces of which more than one place may hold pieces.
//! To: [`super::judge`].

use std::ops::Range;

use futures_util::future::join_all;
use prost::Message as _;
use stringendo_block::combine::combine;
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{InstrumentationScope, Resource, TracesData};
use stringendo_ring::yield_if_due;

use super::SearchRequest;
use super::collect::{FoundTrace, SearchCost, SplitTrace};
use super::elsewhere::{Elsewhere, Places};
use super::judge::Judge;
use super::memory::{AnswerMemory, Held};
use super::progress::SearchProgress;
use super::trace::{TracePieces, take_all};
use crate::block_store::Reads;
use crate::error::QueryError;
use crate::limits::WHOLE_TRACES_MAX;
use crate::live::span::{self, SpanView};
use crate::node::Node;
use crate::tenant::TenantId;

/// A trace as wire bytes, each span of it with its resource and its scope.
#[derive(Debug, Default)]
pub struct WholeTrace {
    bytes: Vec<u8>,
    spans: Vec<SpanPlace>,
}

/// Where messages are in the bytes.
#[derive(Debug)]
struct SpanPlace {
    resource: Range<usize>,
    scope: Range<usize>,
    span: Range<usize>,
}

impl WholeTrace {
    /// The wire bytes of `trace`, charged before they are made.
    ///
    /// # Errors
    /// There is no memory.
    pub fn of(trace: &TracesData, memory: &mut AnswerMemory) -> Result<Self, QueryError> {
        let spans = trace.resource_spans.iter().flat_map(|spans| &spans.scope_spans);
        let spans: usize = spans.map(|spans| spans.spans.len()).sum();
        let place_bytes = size_of::<SpanPlace>() + size_of::<SpanView<'_>>();
        let length = trace.encoded_len();
        memory.grow((length + spans * place_bytes) as u64)?;
        let mut whole =
            Self { bytes: Vec::with_capacity(length), spans: Vec::with_capacity(spans) };
        for resource_spans in &trace.resource_spans {
            let none = Resource::default();
            let resource = whole.put(resource_spans.resource.as_ref().unwrap_or(&none));
            for scope_spans in &resource_spans.scope_spans {
                let none = InstrumentationScope::default();
                let scope = whole.put(scope_spans.scope.as_ref().unwrap_or(&none));
                for span in &scope_spans.spans {
                    let (resource, scope) = (resource.clone(), scope.clone());
                    let span = whole.put(span);
                    whole.spans.push(SpanPlace { resource, scope, span });
                }
            }
        }
        Ok(whole)
    }

    fn put(&mut self, message: &impl prost::Message) -> Range<usize> {
        let start = self.bytes.len();
        // A vector takes everything.
        let _ = message.encode(&mut self.bytes);
        start..self.bytes.len()
    }

    /// Its spans.
    pub fn views(&self) -> Vec<SpanView<'_>> {
        let body = |range: &Range<usize>| &self.bytes[range.clone()];
        let view = |place: &SpanPlace| {
            span::view(body(&place.resource), body(&place.scope), body(&place.span)).ok()
        };
        self.spans.iter().filter_map(view).collect()
    }
}

/// Finds among traces that were read whole, and what reading them cost.
pub type WholeTraces = (Vec<FoundTrace>, SearchCost);
type Pieces = Vec<Option<Result<Held<TracePieces>, QueryError>>>;

impl Node {
    /// Reads the traces that `progress` knows to be in several places, newest first and as long as
    /// they may be among the newest, and judges them.
    pub(super) async fn search_whole(
        &self,
        tenant: &TenantId,
        request: &SearchRequest,
        progress: &SearchProgress,
    ) -> Result<(), QueryError> {
        let dedicated = &self.settings().block.dedicated_columns;
        let mut judge = Judge::new(request, dedicated);
        for traces in progress.take_split().chunks(WHOLE_TRACES_MAX) {
            // Whole traces start no later than their pieces.
            if traces[0].start_unix_nanos < progress.bound(request.limit) {
                break;
            }
            let found = self.read_whole(tenant, request, traces, &mut judge).await?;
            progress.take_whole(found);
            yield_if_due().await;
        }
        Ok(())
    }

    async fn read_whole(
        &self,
        tenant: &TenantId,
        request: &SearchRequest,
        traces: &[SplitTrace],
        judge: &mut Judge<'_>,
    ) -> Result<Held<WholeTraces>, QueryError> {
        // Live data is asked before the list of blocks is looked at.
        let live = traces.iter().map(|trace| self.live_pieces(tenant, trace.trace_id));
        let live = join_all(live).await;
        let (start, end) = (request.start_unix_nanos, request.end_unix_nanos);
        let places = Places {
            tenant: tenant.clone(),
            blocks: Places::blocks_near(self, tenant, start, end),
            live_start_unix_nanos: u64::MAX,
            strays: Vec::new(),
        };
        let mut elsewhere = Elsewhere::new(self, &places);
        elsewhere.learn(0, u64::MAX).await?;
        let stored = traces.iter().map(|trace| async {
            self.pieces_in(&elsewhere.blocks_of(&trace.trace_id), trace.trace_id).await
        });
        let stored = join_all(stored).await;
        let mut memory = self.charge_answer(0)?;
        let (mut finds, mut cost) = (Vec::new(), *elsewhere.cost());
        for (trace, pieces) in traces.iter().zip(live.into_iter().zip(stored)) {
            let found = self.judge_whole(&trace.trace_id, pieces, judge, &mut memory, &mut cost);
            let found = match found {
                // What is known of its pieces is better than no answer at all.
                Err(QueryError::NeedsTooMuch { .. }) => trace.found.as_deref().cloned(),
                found => found?,
            };
            let in_time =
                |found: &FoundTrace| found.start_unix_nanos <= end && found.end_unix_nanos >= start;
            finds.extend(found.filter(in_time));
            yield_if_due().await;
        }
        Ok(Held { value: (finds, cost), kept: memory.keep() })
    }

    /// Puts the pieces together and judges the trace.
    fn judge_whole(
        &self,
        id: &TraceId,
        (live, stored): (Pieces, Pieces),
        judge: &mut Judge<'_>,
        memory: &mut AnswerMemory,
        cost: &mut SearchCost,
    ) -> Result<Option<FoundTrace>, QueryError> {
        let mut found = Held::default();
        take_all(&mut found, live)?;
        take_all(&mut found, stored)?;
        // Memory of the pieces is given back at the end.
        let Held { value: TracePieces { pieces, cost: read }, kept: _kept } = found;
        cost.bytes += read.inspected_bytes;
        cost.reads.merge(Reads { count: read.backend_reads, bytes: read.backend_bytes });
        let mut work = self.charge_answer(0)?;
        let whole = WholeTrace::of(&combine(pieces), &mut work)?;
        let spans = whole.views();
        cost.spans += spans.len() as u64;
        work.grow(judge.memory_bytes(&spans))?;
        let found = judge.judge(id, &spans, memory)?.judged?;
        if let Some(found) = &found {
            memory.grow(found.memory_bytes() - found.sets_memory_bytes())?;
        }
        Ok(found)
    }
}
