//! What a search found on one core: the newest traces up to the limit, and what finding them cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;
use stringendo_proto::TraceId;
use stringendo_proto::tempopb::{Span, SpanSet};
use uuid::Uuid;

use super::block_sift::Sifted;
use super::bound::SearchBound;
use super::damage::{Damaged, Missed};
use super::elsewhere::{LiveTimes, Piece};
use super::memory::{AnswerMemory, Charged};
use super::trace_memory::attributes_bytes;
use crate::block_list::BlockEntry;
use crate::block_store::Reads;
use crate::error::QueryError;

/// A trace that matches, as far as one place holds it.
#[derive(Clone, Debug, Default)]
pub struct FoundTrace {
    /// Id.
    pub trace_id: TraceId,
    /// Service of the root span, or empty.
    pub root_service: String,
    /// Name of the root span, or empty.
    pub root_name: String,
    /// Earliest start, nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// Latest end.
    pub end_unix_nanos: u64,
    /// Spans and errors per service, over all spans.
    pub services: BTreeMap<String, (u32, u32)>,
    /// Sets of matching spans, in the answer's form; empty where answers show none.
    pub sets: Vec<SpanSet>,
}

impl FoundTrace {
    /// Bytes held.
    pub fn memory_bytes(&self) -> u64 {
        // A node of the map holds up to 11 entries.
        let entry = 2 * size_of::<(String, (u32, u32))>();
        let services: usize = self.services.keys().map(|name| name.len() + entry).sum();
        let names = self.root_service.len() + self.root_name.len();
        (size_of::<Self>() + services + names) as u64 + self.sets_memory_bytes()
    }

    /// Of that, what its sets of spans hold.
    pub fn sets_memory_bytes(&self) -> u64 {
        let spans = |set: &SpanSet| set.spans.iter().map(span_memory_bytes).sum::<u64>();
        self.sets.iter().map(|set| set_memory_bytes(set) + spans(set)).sum()
    }
}

/// Bytes that a span of an answer holds.
pub fn span_memory_bytes(span: &Span) -> u64 {
    (size_of::<Span>() + attributes_bytes(&span.attributes) + span.encoded_len()) as u64
}

/// Bytes that a set of spans holds without its spans.
pub fn set_memory_bytes(set: &SpanSet) -> u64 {
    let texts: usize = set.attributes.iter().map(Message::encoded_len).sum();
    (size_of::<SpanSet>() + attributes_bytes(&set.attributes) + texts) as u64
}

/// What was found, and what it cost.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Newest first; no other place has pieces of them.
    pub traces: Vec<FoundTrace>,
    /// Traces that may match, of which other places may have pieces.
    pub split: Vec<SplitTrace>,
    /// Of a part that looked at live data: what it covered.
    pub live: Option<LiveCover>,
    /// Cost.
    pub cost: SearchCost,
}

/// A trace that has to be read whole before it is judged.
#[derive(Clone, Debug)]
pub struct SplitTrace {
    /// Id.
    pub trace_id: TraceId,
    /// Earliest start known; the whole trace may start before.
    pub start_unix_nanos: u64,
    /// What was found of it, in case that it is too large to be read whole. Kept of few.
    pub found: Option<Box<FoundTrace>>,
}

/// The live data that a core has looked at.
#[derive(Clone, Debug)]
pub struct LiveCover {
    /// Blocks that are or will be made of it.
    pub blocks: Vec<Uuid>,
    /// All of it.
    pub times: LiveTimes,
}

/// What a search cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct SearchCost {
    /// Traces looked at.
    pub traces: u64,
    /// Spans looked at.
    pub spans: u64,
    /// Bytes looked at.
    pub bytes: u64,
    /// Reads of the backend.
    pub reads: Reads,
    /// Row groups of which something was read.
    pub row_groups: u64,
    /// Row groups that turned out to hold nothing from their dictionaries or pages of single
    /// columns.
    pub row_groups_skipped: u64,
    /// Data pages that were decoded to find the rows that are worth reading.
    pub pages: u64,
    /// Data pages that were stepped over meanwhile.
    pub pages_skipped: u64,
    /// Parts that ended early, since the query has read what it may.
    pub cut_parts: u64,
    /// Traces in several places that did not fit into memory as a whole: judged by their pieces,
    /// or left out.
    pub not_whole: u64,
    /// Parts of blocks that could not be read, since the block was deleted meanwhile.
    pub gone_blocks: u64,
    /// Blocks that could not be read as a whole, since they are damaged.
    pub damaged: Damaged,
}

impl SearchCost {
    /// Adds another cost.
    pub fn add(&mut self, other: &SearchCost) {
        self.traces += other.traces;
        self.spans += other.spans;
        self.bytes += other.bytes;
        self.reads.merge(other.reads);
        self.row_groups += other.row_groups;
        self.row_groups_skipped += other.row_groups_skipped;
        self.pages += other.pages;
        self.pages_skipped += other.pages_skipped;
        self.cut_parts += other.cut_parts;
        self.not_whole += other.not_whole;
        self.gone_blocks += other.gone_blocks;
        self.damaged.merge(&other.damaged);
    }

    /// Notes that a block could not be read.
    pub fn miss(&mut self, missed: Missed, block: &BlockEntry) {
        match missed {
            Missed::Gone => self.gone_blocks += 1,
            Missed::Damaged => self.damaged.add(block.meta.block_id),
        }
    }

    /// Whether a part has looked at all that it was to look at.
    pub fn is_complete(&self) -> bool {
        self.cut_parts == 0 && self.gone_blocks == 0 && self.damaged.is_empty()
    }

    /// Adds what finding the rows of a row group took that are worth reading.
    pub fn add_sifted(&mut self, sifted: &Sifted) {
        self.bytes += sifted.counts.bytes;
        self.pages += sifted.counts.pages;
        self.pages_skipped += sifted.counts.pages_skipped;
        match sifted.candidates.is_empty() {
            true => self.row_groups_skipped += 1,
            false => self.row_groups += 1,
        }
    }

    /// The figures that answers show by name (contract http-api.md §4.1), without zeros.
    pub fn additional(&self) -> BTreeMap<String, i64> {
        let figures = [
            ("cacheHits", self.reads.cache_hits),
            ("cacheMisses", self.reads.cache_misses),
            ("cacheBytes", self.reads.cache_bytes),
            ("rowGroupsInspected", self.row_groups),
            ("rowGroupsSkipped", self.row_groups_skipped),
            ("pagesInspected", self.pages),
            ("pagesSkipped", self.pages_skipped),
            // These are ours: what an answer may lack.
            ("readLimitReached", self.cut_parts),
            ("tracesNotWhole", self.not_whole),
            ("blocksGone", self.gone_blocks),
            ("blocksDamaged", self.damaged.count()),
        ];
        let figures = figures.into_iter().filter(|(_, figure)| *figure > 0);
        let shown = |figure| i64::try_from(figure).unwrap_or(i64::MAX);
        let figures = figures.map(|(name, figure)| (name.to_owned(), shown(figure)));
        // Answers have no other place for names.
        let names = self.damaged.ids().iter().map(|id| (format!("blockDamaged:{id}"), 1));
        figures.chain(names).collect()
    }
}

/// Keeps the newest `limit` traces, and their memory charged.
pub struct Newest {
    limit: usize,
    traces: Vec<FoundTrace>,
    split: Vec<SplitTrace>,
    memory: AnswerMemory,
    bound: Arc<SearchBound>,
}

impl Newest {
    /// Room for `limit` traces (at least 1) that are new enough for the whole search.
    pub fn new(limit: usize, memory: AnswerMemory, bound: Arc<SearchBound>) -> Self {
        let (traces, split) = (Vec::new(), Vec::new());
        Self { limit: limit.max(1), traces, split, memory, bound }
    }

    /// Whether a trace that starts then would be kept.
    pub fn wants(&self, start_unix_nanos: u64) -> bool {
        self.bound.start_unix_nanos() <= start_unix_nanos
            && (self.traces.len() < self.limit
                || self.traces.last().is_some_and(|last| last.start_unix_nanos <= start_unix_nanos))
    }

    /// Traces that start before this would not be kept.
    pub fn start_wanted(&self) -> u64 {
        let last = self.traces.last().filter(|_| self.traces.len() >= self.limit);
        self.bound.start_unix_nanos().max(last.map_or(0, |last| last.start_unix_nanos))
    }

    /// Where the spans of a trace are charged before it is added ([`super::echo::sets`]).
    pub fn memory(&mut self) -> &mut AnswerMemory {
        &mut self.memory
    }

    /// Adds a trace whose spans are charged already, if it is new enough.
    ///
    /// # Errors
    /// There is no memory for the rest of it.
    pub fn add(&mut self, trace: FoundTrace) -> Result<(), QueryError> {
        self.memory.grow(trace.memory_bytes() - trace.sets_memory_bytes())?;
        let key = order(&trace);
        let at = self.traces.partition_point(|other| order(other) < key);
        self.traces.insert(at, trace);
        while self.traces.len() > self.limit {
            let dropped = self.traces.pop().map_or(0, |trace| trace.memory_bytes());
            self.memory.shrink(dropped);
        }
        if let Some(last) = self.traces.last().filter(|_| self.traces.len() == self.limit) {
            self.bound.raise(last.start_unix_nanos);
        }
        Ok(())
    }

    /// Notes a trace that is to be read whole if it is new enough. What this place made of it is
    /// kept of few.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn add_split(&mut self, piece: Piece, found: Option<FoundTrace>) -> Result<(), QueryError> {
        let (kept, given_up) = match self.split.len() < self.limit {
            true => (found, None),
            false => (None, found),
        };
        self.memory.shrink(given_up.map_or(0, |found| found.sets_memory_bytes()));
        if !self.wants(piece.start_unix_nanos) {
            self.memory.shrink(kept.map_or(0, |found| found.sets_memory_bytes()));
            return Ok(());
        }
        let rest = |found: &FoundTrace| found.memory_bytes() - found.sets_memory_bytes();
        // A list doubles.
        self.memory.grow(2 * size_of::<SplitTrace>() as u64 + kept.as_ref().map_or(0, rest))?;
        let Piece { trace_id, start_unix_nanos, .. } = piece;
        let found = kept.map(Box::new);
        self.split.push(SplitTrace { trace_id, start_unix_nanos, found });
        Ok(())
    }

    /// The traces, newest first, and what finding them cost.
    pub fn into_findings(mut self, cost: SearchCost) -> Charged<Findings> {
        let split = std::mem::take(&mut self.split);
        let split = split.into_iter().filter(|trace| self.wants(trace.start_unix_nanos)).collect();
        let value = Findings { traces: self.traces, split, live: None, cost };
        Charged { value, memory: self.memory }
    }
}

/// Newest first, then by id, so that every run gives the same order.
pub fn order(trace: &FoundTrace) -> (std::cmp::Reverse<u64>, TraceId) {
    (std::cmp::Reverse(trace.start_unix_nanos), trace.trace_id)
}
