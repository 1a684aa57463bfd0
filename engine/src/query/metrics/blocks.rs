//! A metrics query over some blocks, on the core that reads them.
//!
//! Where a plan judges whole traces, those that may have pieces elsewhere are noted instead. As in
//! searches, what other blocks hold is learned once a trace matters, and never with memory to read
//! with.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use stringendo_block::ReadError;
use stringendo_block::scan::{RowGroupScan, ScanBatch, ScannedTrace};
use stringendo_block::tags::{TagNames, TagScope};
use stringendo_proto::TraceId;
use stringendo_ring::yield_if_due;
use stringendo_traceql::metrics::{Accumulator, BatchSpans, KnownGroups, Leg, TraceSpans};
use stringendo_traceql::{AttributeScope, EvalError, Field, FilterMasks, SpanMask, SpanSet};

use super::codes::{Former, SpanCodes};
use super::observe::sets_bytes;
use super::{MetricsFindings, MetricsRequest, SplitPiece};
use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, StoreError};
use crate::error::QueryError;
use crate::node::Node;
use crate::query::allowance::{Allowance, Meter};
use crate::query::block_columns::{BlockColumns, FieldMap};
use crate::query::block_denial::Denial;
use crate::query::block_masks;
use crate::query::block_read::{self, BlockRead, Decoding};
use crate::query::block_sift::{self, Sifted};
use crate::query::collect::SearchCost;
use crate::query::damage;
use crate::query::elsewhere::{Elsewhere, Piece, Places};
use crate::query::memory::{AnswerMemory, Charged};
use crate::query::split::piece_in;
use crate::query::tags;
use crate::query::touch::{may_be_taken, needs_of_pieces};
use crate::shard::Shard;

/// A metrics query over some blocks.
#[derive(Clone, Debug)]
pub struct BlockMetricsJob {
    /// Which.
    pub blocks: Vec<Arc<BlockEntry>>,
    /// What for.
    pub request: MetricsRequest,
    /// Where else traces may have pieces.
    pub places: Arc<Places>,
    /// What the query may read.
    pub allowance: Arc<Allowance>,
}

/// Runs the job on this core.
///
/// # Errors
/// When the store fails, the query cannot be evaluated, or there is no memory. Blocks that are gone
/// meanwhile are skipped; of damaged ones counts what can be read.
pub async fn run(
    node: &Node,
    job: &BlockMetricsJob,
) -> Result<Charged<MetricsFindings>, QueryError> {
    let mut accumulators = job.request.accumulators();
    let mut found = Found {
        elsewhere: Elsewhere::new(node, Places::clone(&job.places)),
        learns: false,
        meter: Meter::new(&job.allowance),
        split: Vec::new(),
        memory: node.shard().answer_memory(),
        cost: SearchCost::default(),
    };
    let legs = job.request.plan.legs();
    for block in &job.blocks {
        if found.cost.cut_parts > 0 {
            break;
        }
        for (number, sum) in accumulators.iter_mut().enumerate() {
            let leg = (number as u32, &*legs[number]);
            let mut scan = BlockMetrics::new(leg, &job.request, block, sum, &mut found);
            let outcome = match legs[number].compares_attributes() {
                true => scan.compare(node.shard()).await,
                false => scan.block(node.shard()).await,
            };
            if let Err(error) = outcome {
                let missed = damage::missed(node, block, error).await?;
                found.cost.miss(missed, block);
            }
        }
    }
    let Found { elsewhere, split, memory, mut cost, .. } = found;
    cost.add(elsewhere.cost());
    let value = MetricsFindings { accumulators, cost, live: None, split };
    Ok(Charged { value, memory })
}

/// What the blocks have come to beside the accumulators.
struct Found<'n> {
    elsewhere: Elsewhere<'n>,
    /// Some trace mattered, so other places have to be known.
    learns: bool,
    meter: Meter,
    split: Vec<SplitPiece>,
    memory: AnswerMemory,
    cost: SearchCost,
}

/// Attributes that are compared in one go over a block: as many columns are held at a time.
const COMPARED_AT_ONCE: usize = 64;

/// One leg over one block.
struct BlockMetrics<'a, 'n> {
    leg_number: u32,
    leg: &'a Leg,
    block: &'a BlockEntry,
    bounds_unix_nanos: (u64, u64),
    fields: FieldMap,
    denial: Denial,
    /// Attributes that are compared, behind the columns of the plan.
    attributes: Vec<Field>,
    /// Whether the block was looked at before with other attributes.
    again: bool,
    /// Traces that were noted to be split when the block was looked at first.
    split_here: HashSet<TraceId>,
    sum: &'a mut Accumulator,
    found: &'a mut Found<'n>,
    sets: Vec<SpanSet>,
    codes: SpanCodes,
    /// Groups by those codes.
    known: KnownGroups,
}

/// How a scan ended.
enum Scanned {
    All,
    /// Other places must be known before it goes on.
    Some,
}

/// A trace of a batch of which it is not known whether it is live, too, and what its spans here
/// are.
type Undecided = (usize, Result<Vec<SpanSet>, EvalError>);

impl<'a, 'n> BlockMetrics<'a, 'n> {
    fn new(
        (leg_number, leg): (u32, &'a Leg),
        request: &MetricsRequest,
        block: &'a BlockEntry,
        sum: &'a mut Accumulator,
        found: &'a mut Found<'n>,
    ) -> Self {
        let bounds_unix_nanos = request.axis.bounds_unix_nanos();
        Self {
            leg_number,
            leg,
            block,
            bounds_unix_nanos,
            fields: field_map(leg, &[], bounds_unix_nanos),
            denial: Denial::of(leg.search(), needs_of_pieces(leg.search())),
            attributes: Vec::new(),
            again: false,
            split_here: HashSet::new(),
            sum,
            found,
            sets: Vec::new(),
            codes: SpanCodes::default(),
            known: KnownGroups::default(),
        }
    }

    /// Looks at the block with all its attributes, some at a time.
    async fn compare(&mut self, shard: &Shard) -> Result<(), StoreError> {
        let names = tags::blocks::names_of(shard, self.block, &mut self.found.cost).await?;
        let attributes = attributes(&names);
        let mut chunks = attributes.chunks(COMPARED_AT_ONCE);
        // Without attributes, too, there are intrinsics.
        let first = chunks.next().unwrap_or_default();
        for chunk in std::iter::once(first).chain(chunks) {
            self.attributes = chunk.to_vec();
            self.fields = field_map(self.leg, chunk, self.bounds_unix_nanos);
            self.block(shard).await?;
            self.again = true;
        }
        Ok(())
    }

    async fn block(&mut self, shard: &Shard) -> Result<(), StoreError> {
        if self.denial.denies(shard, self.block, &mut self.found.cost.reads).await {
            return Ok(());
        }
        let open = block_read::open(shard, self.block, &mut self.found.cost.reads).await?;
        let piece = self.piece(TraceId::default());
        self.found.elsewhere.forget_far(piece.start_unix_nanos, piece.end_unix_nanos);
        for row_group in 0..open.reader().row_groups() {
            if !self.found.meter.has_left(&self.found.cost.reads) {
                self.found.cost.cut_parts = 1;
                break;
            }
            self.row_group(shard, &open, row_group).await?;
        }
        Ok(())
    }

    fn piece(&self, trace_id: TraceId) -> Piece {
        piece_in(self.block, trace_id)
    }

    fn knows_elsewhere(&self) -> bool {
        let piece = self.piece(TraceId::default());
        self.found.elsewhere.knows(piece.start_unix_nanos, piece.end_unix_nanos)
    }

    async fn learn(&mut self) -> Result<(), QueryError> {
        let piece = self.piece(TraceId::default());
        self.found.elsewhere.learn(piece.start_unix_nanos, piece.end_unix_nanos).await
    }

    async fn row_group(
        &mut self,
        shard: &Shard,
        open: &OpenBlock,
        row_group: usize,
    ) -> Result<(), StoreError> {
        let (request, reads) = (self.fields.request(), &mut self.found.cost.reads);
        let sifted = block_sift::sift(shard, open, row_group, request, reads).await?;
        self.found.cost.add_sifted(&sifted);
        let Sifted { candidates, .. } = sifted;
        let known = open.dictionaries();
        let ranges = open.reader().candidate_ranges(row_group, request, &candidates, &*known);
        if ranges.is_empty() {
            return Ok(());
        }
        let mut row = 0;
        loop {
            if self.leg.judges_whole_traces() && self.found.learns {
                self.learn().await?;
            }
            let (ranges, known) = (ranges.clone(), Rc::clone(&known));
            let (columns, reads) = ((Decoding::Columns, 0), &mut self.found.cost.reads);
            let mut read =
                BlockRead::fetch_knowing(shard, open, ranges, known, columns, reads).await?;
            let outcome = loop {
                let (request, fetched) = (self.fields.request(), read.fetched());
                let scan =
                    open.reader().scan_candidates(row_group, request, &candidates, fetched)?;
                let mut scan = scan.within(row, read.decoded_bytes_max());
                let outcome = self.scan(&mut scan, &mut row).await;
                drop(scan);
                match outcome {
                    Err(StoreError::Read(ReadError::NeedsMemory { bytes })) => {
                        read.make_room(bytes, &mut self.found.cost.reads).await?;
                    }
                    outcome => break outcome?,
                }
            };
            match outcome {
                Scanned::All => return Ok(()),
                // What is held to read with is given back first.
                Scanned::Some => self.found.learns = true,
            }
        }
    }

    /// Looks at what is left of the rows, and says in `row` where to go on; never waits for memory,
    /// since it holds memory to read with.
    async fn scan(
        &mut self,
        scan: &mut RowGroupScan,
        row: &mut u64,
    ) -> Result<Scanned, StoreError> {
        let outcome = loop {
            *row = scan.next_row();
            match scan.next_batch() {
                Ok(Some(batch)) => {
                    if let Scanned::Some = self.batch(&batch).await? {
                        break Ok(Scanned::Some);
                    }
                }
                Ok(None) => break Ok(Scanned::All),
                Err(error) => break Err(error.into()),
            }
            yield_if_due().await;
        };
        let (spans, bytes) = scan.inspected();
        self.found.cost.spans += spans;
        self.found.cost.bytes += bytes;
        self.forget_codes();
        outcome
    }

    /// Codes are those of dictionaries of the row group.
    fn forget_codes(&mut self) {
        self.codes = SpanCodes::default();
        self.found.memory.shrink(self.known.charged_bytes());
        self.known = KnownGroups::default();
    }

    /// Takes in a batch, or nothing of it if other places must be known first.
    async fn batch(&mut self, batch: &ScanBatch) -> Result<Scanned, QueryError> {
        let asks_live = self.leg.judges_whole_traces()
            && !self.again
            && self.found.elsewhere.may_be_live(&self.piece(TraceId::default()));
        let mut undecided: Vec<Undecided> = Vec::new();
        let masks = block_masks::judge(self.leg.search(), &self.fields, batch);
        if self.judges_spans()
            && let Some(matching) = self.leg.search().matching(&masks)
            && self.observe_all(batch, &matching)?
        {
            self.found.cost.traces += batch.traces.len() as u64;
            return Ok(Scanned::All);
        }
        for (at, trace) in batch.traces.iter().enumerate() {
            let evaluated = self.evaluate(batch, trace, &masks)?;
            let Some(evaluated) = evaluated else { continue };
            if !self.leg.judges_whole_traces() {
                self.observe(batch, trace, evaluated?)?;
            } else if self.again {
                if !self.split_here.contains(&trace.trace_id) {
                    self.observe(batch, trace, evaluated?)?;
                }
            } else if !self.knows_elsewhere() {
                // So nothing of the batch was observed.
                return Ok(Scanned::Some);
            } else if asks_live {
                self.found.memory.grow(sets_bytes(&evaluated))?;
                undecided.push((at, evaluated));
            } else {
                self.decide(batch, trace, evaluated, false)?;
            }
        }
        if let Scanned::Some = self.decide_all(batch, undecided).await? {
            return Ok(Scanned::Some);
        }
        self.found.cost.traces += batch.traces.len() as u64;
        Ok(Scanned::All)
    }

    /// Whether spans are judged one by one, and only what the plan names is looked at.
    fn judges_spans(&self) -> bool {
        !self.leg.judges_whole_traces() && !self.leg.compares_attributes()
    }

    /// Takes in all spans of a batch that match, if they can be looked at together.
    fn observe_all(&mut self, batch: &ScanBatch, matching: &SpanMask) -> Result<bool, QueryError> {
        let Some(columns) = BlockColumns::of_all(&self.fields, batch) else { return Ok(false) };
        let codes = self.codes.read(self.leg.label_fields(), &self.fields, batch);
        if codes.is_some_and(|(_, former)| former == Former::Void) {
            self.known.forget();
        }
        let spans = BatchSpans {
            columns: &columns,
            matching,
            start_unix_nanos: &batch.span_start_unix_nanos,
            codes: codes.map(|(codes, _)| codes),
        };
        let traces = batch.traces.iter().map(|trace| (trace.trace_id.0, trace.spans.clone()));
        let memory = &mut self.found.memory;
        self.sum.observe_batch(&spans, traces, &mut self.known, &mut |bytes| memory.grow(bytes))?;
        Ok(true)
    }

    /// The matching spans of a trace; `None` if it cannot matter.
    fn evaluate(
        &mut self,
        batch: &ScanBatch,
        trace: &ScannedTrace,
        masks: &FilterMasks,
    ) -> Result<Option<Result<Vec<SpanSet>, EvalError>>, QueryError> {
        let search = self.leg.search();
        if !self.leg.judges_whole_traces() && !search.may_match(masks, &trace.spans) {
            return Ok(None);
        }
        let columns = BlockColumns::judged(&self.fields, batch, trace, masks);
        let evaluated = search.spansets(&columns, &mut self.sets);
        let matters = evaluated.is_err() || !self.sets.is_empty() || may_be_taken(search, &columns);
        Ok(matters.then(|| evaluated.map(|()| std::mem::take(&mut self.sets))))
    }

    fn observe(
        &mut self,
        batch: &ScanBatch,
        trace: &ScannedTrace,
        sets: Vec<SpanSet>,
    ) -> Result<(), QueryError> {
        if sets.is_empty() {
            return Ok(());
        }
        let memory = &mut self.found.memory;
        let columns = BlockColumns::of(&self.fields, batch, trace);
        let spans = TraceSpans {
            columns: &columns,
            start_unix_nanos: &batch.span_start_unix_nanos[trace.spans.clone()],
            trace_id: trace.trace_id.0,
            attributes: &self.attributes,
            again: self.again,
        };
        self.sum.observe(&spans, &sets, &mut |bytes| memory.grow(bytes))
    }

    /// Takes in what is whole, and notes the rest.
    fn decide(
        &mut self,
        batch: &ScanBatch,
        trace: &ScannedTrace,
        evaluated: Result<Vec<SpanSet>, EvalError>,
        is_live: bool,
    ) -> Result<(), QueryError> {
        let piece = self.piece(trace.trace_id);
        let own = [self.block.meta.block_id];
        if !is_live && !self.found.elsewhere.in_blocks(&piece, &own) {
            return self.observe(batch, trace, evaluated?);
        }
        self.found.memory.grow(SplitPiece::MEMORY_BYTES)?;
        let times = (piece.start_unix_nanos, piece.end_unix_nanos);
        let trace_id = trace.trace_id;
        self.found.split.push(SplitPiece { leg: self.leg_number, trace_id, times });
        if self.leg.compares_attributes() {
            self.split_here.insert(trace_id);
        }
        Ok(())
    }

    /// The same with traces that may be live, too.
    async fn decide_all(
        &mut self,
        batch: &ScanBatch,
        undecided: Vec<Undecided>,
    ) -> Result<Scanned, QueryError> {
        if undecided.is_empty() {
            return Ok(Scanned::All);
        }
        let trace = |(at, _): &Undecided| &batch.traces[*at];
        let pieces: Vec<Piece> =
            undecided.iter().map(|one| self.piece(trace(one).trace_id)).collect();
        let live = self.found.elsewhere.live(&pieces).await?;
        // What is live no more is in a block that is listed by now.
        self.found.elsewhere.refresh();
        let held_bytes = undecided.iter().map(|(_, sets)| sets_bytes(sets)).sum();
        self.found.memory.shrink(held_bytes);
        if !self.knows_elsewhere() {
            return Ok(Scanned::Some);
        }
        for ((at, evaluated), is_live) in undecided.into_iter().zip(live) {
            self.decide(batch, &batch.traces[at], evaluated, is_live)?;
        }
        Ok(Scanned::All)
    }
}

fn field_map(leg: &Leg, attributes: &[Field], (start, end): (u64, u64)) -> FieldMap {
    let fields = [leg.search().fields(), attributes].concat();
    let map = FieldMap::of_fields(&fields, start, end).needing(needs_of_pieces(leg.search()));
    let map = map.with_span_starts();
    // Where spans are judged one by one, a piece must satisfy all that is needed.
    if leg.judges_whole_traces() { map } else { map.of_whole_traces() }
}

/// The keys of a block that `compare()` looks at.
fn attributes(names: &TagNames) -> Vec<Field> {
    let scopes = [
        (TagScope::Span, AttributeScope::Span),
        (TagScope::Resource, AttributeScope::Resource),
        (TagScope::Instrumentation, AttributeScope::Instrumentation),
    ];
    let of_scope = |(tag, scope): (TagScope, AttributeScope)| {
        // Queries cannot name other keys than texts.
        let keys = names.of(tag).iter().filter_map(|key| std::str::from_utf8(key).ok());
        keys.map(|key| Field::attribute(scope, key)).collect::<Vec<_>>()
    };
    scopes.into_iter().flat_map(of_scope).collect()
}
