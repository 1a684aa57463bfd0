//! Traces whose pieces are in several places: read whole, as a trace by id is, and judged then.
//!
//! From: [`super::search`], with the ids of traces of which more than one place may hold pieces;
//! their pieces from [`super::whole_reader`]. To: [`super::judge`].

use std::ops::Range;
use std::sync::Arc;

use prost::Message as _;
use stringendo_block::combine::combine;
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{InstrumentationScope, Resource, TracesData};
use stringendo_ring::yield_if_due;

use super::SearchRequest;
use super::allowance::Allowance;
use super::collect::{FoundTrace, SearchCost, SplitTrace};
use super::judge::Judge;
use super::memory::{AnswerMemory, Held};
use super::progress::SearchProgress;
use super::trace::{TracePieces, take_all};
use super::whole_reader::{WholeReader, content_of};
use crate::error::QueryError;
use crate::limits::{WHOLE_TRACES_MAX, WHOLE_TRACES_MIN};
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

/// What one core holds live of a trace; `None` if it has ended.
type LivePieces = Option<Result<Held<TracePieces>, QueryError>>;

/// What all places hold of a trace, not yet put together.
#[derive(Default)]
pub struct Pieces {
    /// In live data, with what keeps their memory.
    pub(super) live: Held<TracePieces>,
    /// In blocks; others keep their memory.
    pub(super) stored: Vec<TracesData>,
    /// Why one is missing.
    pub(super) error: Option<QueryError>,
}

impl Pieces {
    /// Adds what cores hold live.
    ///
    /// # Errors
    /// One of them could not be read; for want of memory only when they are put together.
    pub(super) fn add_live(&mut self, found: Vec<LivePieces>) -> Result<(), QueryError> {
        match take_all(&mut self.live, found) {
            Err(error @ (QueryError::NeedsTooMuch { .. } | QueryError::Overloaded)) => {
                self.error = Some(error);
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Puts them together, charged to `memory`; adds to `cost` what reading live ones cost. Memory
    /// of the pieces is given back.
    ///
    /// # Errors
    /// A place could not be read, or there is no memory.
    pub fn together(
        self,
        memory: &mut AnswerMemory,
        cost: &mut SearchCost,
    ) -> Result<WholeTrace, QueryError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let Held { value: TracePieces { mut pieces, cost: read }, kept: _kept } = self.live;
        cost.bytes += read.inspected_bytes;
        pieces.extend(self.stored);
        WholeTrace::of(&combine(pieces), memory)
    }
}

/// Finds among traces that were read whole, and what reading them cost.
pub type WholeTraces = (Vec<FoundTrace>, SearchCost);

impl Node {
    /// Reads the traces that `progress` knows to be in several places, newest first and as long as
    /// they may be among the newest, and judges them.
    pub(super) async fn search_whole(
        &self,
        tenant: &TenantId,
        request: &SearchRequest,
        allowance: &Arc<Allowance>,
        progress: &SearchProgress,
    ) -> Result<(), QueryError> {
        let mut judge = Judge::new(request, &self.shard().stored_form(tenant));
        let bounds = (request.start_unix_nanos, request.end_unix_nanos);
        let content = content_of(request.plan.fields().iter());
        let mut reader = WholeReader::new(self, tenant, bounds, content, allowance);
        let split = progress.take_split();
        let (mut left, mut count) = (split.as_slice(), WHOLE_TRACES_MIN);
        while let Some(newest) = left.first() {
            // Whole traces start no later than their pieces.
            if newest.start_unix_nanos < progress.bound(request.limit) {
                break;
            }
            let (traces, rest) = left.split_at(count.min(left.len()));
            let found = self.read_whole(&mut reader, request, traces, &mut judge).await?;
            progress.take_whole(found);
            // The first few mostly suffice; if not, the more at a time the better.
            (left, count) = (rest, (count * 4).min(WHOLE_TRACES_MAX));
            yield_if_due().await;
            if reader.is_cut() {
                break;
            }
        }
        progress.add_cost(&reader.cost());
        Ok(())
    }

    async fn read_whole(
        &self,
        reader: &mut WholeReader<'_>,
        request: &SearchRequest,
        traces: &[SplitTrace],
        judge: &mut Judge<'_>,
    ) -> Result<Held<WholeTraces>, QueryError> {
        let ids: Vec<_> = traces.iter().map(|trace| (trace.trace_id, (0, u64::MAX))).collect();
        let (start, end) = (request.start_unix_nanos, request.end_unix_nanos);
        let mut memory = self.charge_answer(0)?;
        let (mut finds, mut cost) = (Vec::new(), SearchCost::default());
        let in_time =
            |found: &FoundTrace| found.start_unix_nanos <= end && found.end_unix_nanos >= start;
        let take = |at: usize, pieces| {
            let trace: &SplitTrace = &traces[at];
            let found = self.judge_whole(&trace.trace_id, pieces, judge, &mut memory, &mut cost);
            let found = match found {
                // What is known of its pieces is better than no answer at all.
                Err(QueryError::NeedsTooMuch { .. } | QueryError::Overloaded) => {
                    cost.not_whole += 1;
                    trace.found.as_deref().cloned()
                }
                found => found?,
            };
            finds.extend(found.filter(in_time));
            Ok(())
        };
        reader.each(&ids, take).await?;
        Ok(Held { value: (finds, cost), kept: memory.keep() })
    }

    /// Puts the pieces together and judges the trace.
    fn judge_whole(
        &self,
        id: &TraceId,
        pieces: Pieces,
        judge: &mut Judge<'_>,
        memory: &mut AnswerMemory,
        cost: &mut SearchCost,
    ) -> Result<Option<FoundTrace>, QueryError> {
        let mut work = self.charge_answer(0)?;
        let whole = pieces.together(&mut work, cost)?;
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
