//! Names and values on the spans of a block that a plan finds.

use std::sync::Arc;

use stringendo_block::scan::ScanBatch;
use stringendo_block::tags::{DistinctValues, MatchedSpans, TagNamesFound, TagScope};
use stringendo_ring::yield_if_due;
use stringendo_traceql::{Field, SearchPlan, SpanSet};

use super::blocks::{Growing, read};
use super::fields::add_span;
use super::gather::Gathered;
use super::others::{self, Others};
use super::part::{TagsJob, What};
use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, Reads, StoreError};
use crate::error::QueryError;
use crate::limits::TAG_VALUES_BYTES_MAX;
use crate::query::SearchRequest;
use crate::query::block_columns::{BlockColumns, FieldMap};
use crate::query::block_read;
use crate::query::touch::{may_be_taken, needs_of_pieces};
use crate::shard::Shard;

/// Adds what the job asks for.
///
/// # Errors
/// The block could not be read, or there is no memory.
pub(super) async fn add(
    shard: &Shard,
    block: &BlockEntry,
    job: &TagsJob,
    plan: &Arc<SearchPlan>,
    others: &mut Others<'_>,
    gathered: &mut Gathered,
) -> Result<(), StoreError> {
    let mut others = plan.judges_whole_trace().then_some(others);
    match &job.what {
        What::Values(_) => {
            let mut found = DistinctValues::new(job.bytes_max().min(TAG_VALUES_BYTES_MAX));
            read_values(shard, block, job, plan, others, gathered, &mut found).await?;
            gathered.add_values(&found.sorted())?;
        }
        What::Names(scopes) => {
            let open = block_read::open(shard, block, &mut gathered.read.reads).await?;
            let mut found = TagNamesFound::default();
            for row_group in 0..open.reader().row_groups() {
                let mut matched = Vec::new();
                let mut pass = Pass { shard, block, job, plan, others: others.as_deref_mut() };
                pass.scan(&open, row_group, gathered, &mut matched).await?;
                if !matched.is_empty() {
                    names(shard, &open, row_group, scopes, &matched, gathered, &mut found).await?;
                }
                let held_bytes: u64 = matched.iter().map(matched_bytes).sum();
                gathered.memory().shrink(held_bytes);
            }
            gathered.add_names(&found.sorted())?;
        }
    }
    Ok(())
}

/// What a scan does with the spans that a plan finds in one trace.
trait Taker {
    fn take(
        &mut self,
        batch: &ScanBatch,
        trace: usize,
        columns: &BlockColumns<'_>,
        spans: &[SpanSet],
        gathered: &mut Gathered,
    ) -> Result<(), QueryError>;

    /// Whether more would be of no use.
    fn is_full(&self) -> bool {
        false
    }
}

/// Notes which spans they are.
impl Taker for Vec<MatchedSpans> {
    fn take(
        &mut self,
        batch: &ScanBatch,
        trace: usize,
        _columns: &BlockColumns<'_>,
        sets: &[SpanSet],
        gathered: &mut Gathered,
    ) -> Result<(), QueryError> {
        let mut spans: Vec<u32> = sets.iter().flat_map(|set| set.spans.iter().copied()).collect();
        spans.sort_unstable();
        spans.dedup();
        let matched = MatchedSpans { trace_id: batch.traces[trace].trace_id, spans };
        gathered.memory().grow(matched_bytes(&matched))?;
        self.push(matched);
        Ok(())
    }
}

fn matched_bytes(matched: &MatchedSpans) -> u64 {
    // A list that doubles holds up to twice its entries.
    (2 * size_of::<MatchedSpans>() + 4 * matched.spans.capacity()) as u64
}

/// Adds the values of fields.
struct Values<'a> {
    fields: Vec<(usize, &'a Field)>,
    found: &'a mut DistinctValues,
    held: Growing,
}

impl Taker for Values<'_> {
    fn take(
        &mut self,
        _batch: &ScanBatch,
        _trace: usize,
        columns: &BlockColumns<'_>,
        sets: &[SpanSet],
        gathered: &mut Gathered,
    ) -> Result<(), QueryError> {
        for span in sets.iter().flat_map(|set| &set.spans) {
            add_span(columns, *span, &self.fields, self.found);
        }
        self.held.grow(gathered.memory(), self.found.memory_bytes())
    }

    fn is_full(&self) -> bool {
        self.found.is_full()
    }
}

/// The wanted fields with their numbers in the plan.
pub(super) fn numbered<'f>(plan: &SearchPlan, what: &'f What) -> Vec<(usize, &'f Field)> {
    let What::Values(fields) = what else { return Vec::new() };
    let number = |field| plan.fields().iter().position(|known| known == field);
    fields.iter().filter_map(|field| Some((number(field)?, field))).collect()
}

/// Adds the values of the job's fields on the spans that the plan finds. With `others`, traces that
/// may have pieces there are noted instead.
///
/// # Errors
/// The block could not be read, or there is no memory.
pub(super) async fn read_values(
    shard: &Shard,
    block: &BlockEntry,
    job: &TagsJob,
    plan: &Arc<SearchPlan>,
    mut others: Option<&mut Others<'_>>,
    gathered: &mut Gathered,
    found: &mut DistinctValues,
) -> Result<(), StoreError> {
    let open = block_read::open(shard, block, &mut gathered.read.reads).await?;
    let fields = numbered(plan, &job.what);
    let mut values = Values { fields, found, held: Growing::default() };
    for row_group in 0..open.reader().row_groups() {
        if values.is_full() {
            break;
        }
        let mut pass = Pass { shard, block, job, plan, others: others.as_deref_mut() };
        pass.scan(&open, row_group, gathered, &mut values).await?;
    }
    values.held.give_back(gathered.memory());
    Ok(())
}

/// A plan over a block.
struct Pass<'a, 'n> {
    shard: &'a Shard,
    block: &'a BlockEntry,
    job: &'a TagsJob,
    plan: &'a Arc<SearchPlan>,
    /// Given if the plan judges whole traces.
    others: Option<&'a mut Others<'n>>,
}

/// How a scan ended.
enum Scanned {
    All,
    /// Other places must be known before it goes on.
    Some,
}

impl Pass<'_, '_> {
    async fn scan(
        &mut self,
        open: &OpenBlock,
        row_group: usize,
        gathered: &mut Gathered,
        taker: &mut impl Taker,
    ) -> Result<(), StoreError> {
        let request = SearchRequest {
            plan: Arc::clone(self.plan),
            start_unix_nanos: self.job.start_unix_nanos,
            end_unix_nanos: self.job.end_unix_nanos,
            limit: usize::MAX,
            spans_per_span_set: 0,
        };
        let fields = FieldMap::of(&request).needing(needs_of_pieces(self.plan));
        let mut row = 0;
        loop {
            if let Some(others) = self.others.as_mut().filter(|others| others.learns) {
                others.learn(self.block).await?;
            }
            match self.rows(open, row_group, &fields, &mut row, gathered, taker).await? {
                Scanned::All => return Ok(()),
                // What is held to read with is given back.
                Scanned::Some => self.others.iter_mut().for_each(|others| others.learns = true),
            }
        }
    }

    /// Scans from row number `row` on.
    async fn rows(
        &mut self,
        open: &OpenBlock,
        row_group: usize,
        fields: &FieldMap,
        row: &mut u64,
        gathered: &mut Gathered,
        taker: &mut impl Taker,
    ) -> Result<Scanned, StoreError> {
        let ranges = open.reader().scan_ranges(row_group, fields.request());
        if ranges.is_empty() {
            return Ok(Scanned::All);
        }
        let (mut reads, mut scanned) = (Reads::default(), Scanned::All);
        let shard = self.shard;
        let outcome = read(shard, open, ranges, &mut reads, async |fetched, decoded_bytes_max| {
            let scan = open.reader().scan(row_group, fields.request(), fetched)?;
            let mut scan = scan.within(*row, decoded_bytes_max);
            let outcome = loop {
                let batch = match scan.next_batch() {
                    Ok(Some(batch)) if !taker.is_full() => batch,
                    Ok(_) => break Ok(()),
                    Err(error) => break Err(error.into()),
                };
                if let Scanned::Some = self.batch(fields, &batch, gathered, taker).await? {
                    scanned = Scanned::Some;
                    break Ok(());
                }
                *row = scan.next_row();
                yield_if_due().await;
            };
            let (spans, bytes) = scan.inspected();
            gathered.read.spans += spans;
            gathered.read.bytes += bytes;
            outcome
        })
        .await;
        gathered.read.reads.merge(reads);
        outcome.map(|()| scanned)
    }

    /// Takes in a batch, or nothing of it if other places must be known first; never waits for
    /// memory.
    async fn batch(
        &mut self,
        fields: &FieldMap,
        batch: &ScanBatch,
        gathered: &mut Gathered,
        taker: &mut impl Taker,
    ) -> Result<Scanned, QueryError> {
        let mut matching = Vec::new();
        for (at, trace) in batch.traces.iter().enumerate() {
            let columns = BlockColumns::of(fields, batch, trace);
            let mut sets = Vec::new();
            let evaluated = self.plan.spansets(&columns, &mut sets);
            if self.others.is_none() {
                evaluated?;
                if !sets.is_empty() {
                    taker.take(batch, at, &columns, &sets, gathered)?;
                }
            } else if evaluated.is_err() || !sets.is_empty() || may_be_taken(self.plan, &columns) {
                matching.push((at, evaluated.map(|()| sets)));
            }
        }
        let ids: Vec<_> = matching.iter().map(|(at, _)| batch.traces[*at].trace_id).collect();
        let split = match self.others.as_mut().filter(|_| !ids.is_empty()) {
            None => Vec::new(),
            Some(others) => match others.split(self.block, &ids).await? {
                None => return Ok(Scanned::Some),
                Some(split) => split,
            },
        };
        for ((at, sets), is_split) in matching.into_iter().zip(split) {
            let trace = &batch.traces[at];
            if is_split {
                let times = (trace.start_unix_nanos, trace.end_unix_nanos);
                others::note(gathered, (trace.trace_id, times))?;
                continue;
            }
            let sets = sets?;
            if !sets.is_empty() {
                let columns = BlockColumns::of(fields, batch, trace);
                taker.take(batch, at, &columns, &sets, gathered)?;
            }
        }
        gathered.read.traces += batch.traces.len() as u64;
        Ok(Scanned::All)
    }
}

async fn names(
    shard: &Shard,
    open: &OpenBlock,
    row_group: usize,
    scopes: &[TagScope],
    matched: &[MatchedSpans],
    gathered: &mut Gathered,
    found: &mut TagNamesFound,
) -> Result<(), StoreError> {
    let ranges = open.reader().tag_names_of_spans_ranges(row_group, scopes);
    let mut reads = Reads::default();
    let outcome = read(shard, open, ranges, &mut reads, async |fetched, decoded_bytes_max| {
        let reader = open.reader();
        let mut scan = reader.tag_names_of_spans(row_group, scopes, fetched, decoded_bytes_max)?;
        let mut held = Growing::default();
        for spans in matched {
            scan.read(spans, found)?;
            held.grow(gathered.memory(), found.memory_bytes())?;
            yield_if_due().await;
        }
        gathered.read.bytes += scan.read_bytes();
        held.give_back(gathered.memory());
        Ok(())
    })
    .await;
    gathered.read.reads.merge(reads);
    outcome
}
