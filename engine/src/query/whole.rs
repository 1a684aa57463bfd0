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
use super::allowance::Meter;
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

/// What all places hold of a trace: live data, then blocks.
type Parts = Vec<Option<Result<Held<TracePieces>, QueryError>>>;
/// The same, not yet put together.
pub struct Pieces(Parts, Parts);

impl Pieces {
    /// Whether there was no memory for some of them when they were read.
    fn lack_memory(&self) -> bool {
        let Self(live, stored) = self;
        let mut errors = live.iter().chain(stored).flatten().filter_map(|part| part.as_ref().err());
        errors.any(|error| matches!(error, QueryError::Overloaded))
    }

    /// Puts them together, charged to `memory`; adds to `cost` what reading them cost. Memory of
    /// the pieces is given back.
    ///
    /// # Errors
    /// A place could not be read, or there is no memory.
    pub fn together(
        self,
        memory: &mut AnswerMemory,
        cost: &mut SearchCost,
    ) -> Result<WholeTrace, QueryError> {
        let mut found = Held::default();
        take_all(&mut found, self.0)?;
        take_all(&mut found, self.1)?;
        let Held { value: TracePieces { pieces, cost: read }, kept: _kept } = found;
        cost.bytes += read.inspected_bytes;
        let (count, bytes) = (read.backend_reads, read.backend_bytes);
        cost.reads.merge(Reads { count, bytes, ..Reads::default() });
        WholeTrace::of(&combine(pieces), memory)
    }
}

/// Reads traces from all places that may hold pieces of them.
pub struct WholeReader<'a> {
    node: &'a Node,
    tenant: &'a TenantId,
    elsewhere: Elsewhere<'a>,
}

impl<'a> WholeReader<'a> {
    /// A reader of what may be found in the given time, nanoseconds since the Unix epoch.
    pub fn new(node: &'a Node, tenant: &'a TenantId, bounds_unix_nanos: (u64, u64)) -> Self {
        let places = Places::of(node, tenant, bounds_unix_nanos, Vec::new());
        Self { node, tenant, elsewhere: Elsewhere::new(node, places) }
    }

    /// Gives to `take` what all places near the given times hold of each trace, by its number. A
    /// trace for which there is no memory beside the others comes alone. Must not be called with
    /// memory to read with.
    ///
    /// # Errors
    /// Those of `take`; or a block could not be read, or there is no memory.
    pub async fn each(
        &mut self,
        traces: &[(TraceId, (u64, u64))],
        mut take: impl FnMut(usize, Pieces) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let mut again = Vec::new();
        for (at, pieces) in self.read(traces).await?.into_iter().enumerate() {
            if pieces.lack_memory() {
                again.push(at);
            } else {
                take(at, pieces)?;
            }
            yield_if_due().await;
        }
        for at in again {
            let pieces = self.read(&traces[at..=at]).await?;
            pieces.into_iter().try_for_each(|pieces| take(at, pieces))?;
            yield_if_due().await;
        }
        Ok(())
    }

    async fn read(&mut self, traces: &[(TraceId, (u64, u64))]) -> Result<Vec<Pieces>, QueryError> {
        let (node, tenant) = (self.node, self.tenant);
        // Live data is asked before the list of blocks is looked at.
        let live = traces.iter().map(|(id, _)| node.live_pieces(tenant, *id));
        let live = join_all(live).await;
        self.elsewhere.refresh();
        let times = traces.iter().fold((u64::MAX, 0), |all: (u64, u64), (_, times)| {
            (all.0.min(times.0), all.1.max(times.1))
        });
        self.elsewhere.learn(times.0, times.1).await?;
        let elsewhere = &self.elsewhere;
        let stored = traces.iter().map(|(id, times)| async move {
            node.pieces_in(&elsewhere.blocks_of(id, *times), *id).await
        });
        let stored = join_all(stored).await;
        Ok(live.into_iter().zip(stored).map(|(live, stored)| Pieces(live, stored)).collect())
    }

    /// What finding the places cost.
    pub fn cost(&self) -> &SearchCost {
        self.elsewhere.cost()
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
        meter: &mut Meter,
        progress: &SearchProgress,
    ) -> Result<(), QueryError> {
        let dedicated = &self.settings().block.dedicated_columns;
        let mut judge = Judge::new(request, dedicated);
        let bounds = (request.start_unix_nanos, request.end_unix_nanos);
        let mut reader = WholeReader::new(self, tenant, bounds);
        let mut reads = Reads::default();
        for traces in progress.take_split().chunks(WHOLE_TRACES_MAX) {
            // Whole traces start no later than their pieces.
            if traces[0].start_unix_nanos < progress.bound(request.limit) {
                break;
            }
            if !meter.has_left(&reads) {
                progress.add_cost(&SearchCost { cut_parts: 1, ..SearchCost::default() });
                break;
            }
            let found = self.read_whole(&mut reader, request, traces, &mut judge).await?;
            reads.merge(found.value.1.reads);
            progress.take_whole(found);
            yield_if_due().await;
        }
        progress.add_cost(reader.cost());
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
