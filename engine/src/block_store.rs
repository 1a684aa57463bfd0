//! Blocks in the backend as one core reads them: open files, footers and filters, cached up to a
//! limit in bytes.
//!
//! What is not cached is read into memory that the caller has charged. It does not know who asks,
//! and never waits for memory.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use stringendo_block::filters::{self as block_filters, Directory};
use stringendo_block::id_filter::IdFilter;
use stringendo_block::{BlockReader, Fetched, KnownDictionaries, PinnedDictionaries, ReadError};
use uuid::Uuid;

use crate::backend::{Backend, BlockData, coalesce, object};
use crate::block_list::BlockEntry;
use crate::budget::{Budget, Charge, Use};
use crate::damaged_blocks::Damage;
use crate::error::QueryError;
use crate::limits::{
    BLOCK_CACHE_BYTES, BLOOM_BYTES_LIKELY, DICTIONARY_CACHE_BYTES, FETCH_GAP_BYTES, FETCHES_MAX,
    FOOTER_MEMORY_FACTOR,
};
use crate::outer_cache::{CacheRole, Found, OuterCaches, Part, Wanted};
use crate::query::memory::grow;

pub mod cache;
mod dictionaries;
pub mod filters;

use cache::ByteCache;
use dictionaries::{BlockDictionaries, Dictionaries};
use filters::{FilterCache, Known};

/// Why an object of a block could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// From the backend.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// From the decoder.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no memory to read with.
    #[error(transparent)]
    Memory(#[from] QueryError),
}

impl StoreError {
    /// The object is not there (any more).
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// What is wrong with the block, if the block is to blame: not the store, not want of memory.
    pub fn damage(&self) -> Option<Damage> {
        match self {
            // What lies outside of what is there cannot be fetched.
            Self::Read(ReadError::Damaged(_) | ReadError::NotFetched(_)) => Some(Damage::Corrupt),
            Self::Read(ReadError::Unsupported(_)) => Some(Damage::Unsupported),
            Self::Io(error) if error.kind() == io::ErrorKind::InvalidData => Some(Damage::Corrupt),
            Self::Read(ReadError::NeedsMemory { .. }) | Self::Io(_) | Self::Memory(_) => None,
        }
    }

    /// As the reason why a query has no answer.
    pub fn of_block(self, block: &BlockEntry) -> QueryError {
        match self {
            Self::Memory(error) => error,
            error => QueryError::Storage(format!("block {}: {error}", block.meta.block_id)),
        }
    }
}

/// Reads that a query caused.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reads {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Footers and filters that were in memory.
    pub cache_hits: u64,
    /// Footers and filters that were not.
    pub cache_misses: u64,
    /// Bytes of those that were.
    pub cache_bytes: u64,
}

/// A block's footer, decoded, and its open file.
pub struct OpenBlock {
    reader: BlockReader,
    data: CachedData,
    dictionaries: Rc<BlockDictionaries>,
    fetch_gap_bytes: u64,
}

#[derive(Clone)]
enum Cached {
    Open(Rc<OpenBlock>),
    Bloom(Bytes),
}

/// Entries hold a file descriptor each at most, so their number is limited too.
const ENTRIES_MAX: usize = 512;

/// Which object of which block; `None` is the footer, a number a Bloom filter.
type Key = (Uuid, Option<u32>);

/// The blocks that this core reads.
pub struct BlockStore {
    backend: Backend,
    outer: Rc<OuterCaches>,
    cache: RefCell<ByteCache<Key, Cached>>,
    id_filters: RefCell<ByteCache<Uuid, Arc<IdFilter>>>,
    /// Filters beside blocks.
    pub filters: FilterCache,
    charge: RefCell<Charge>,
    dictionaries: Dictionaries,
}

impl BlockStore {
    /// A store over `backend` with an empty cache, charged to `budget`. What is not in there is
    /// looked for in the caches outside first.
    pub fn new(backend: Backend, outer: Rc<OuterCaches>, budget: &Rc<Budget>) -> Self {
        // A small budget gets a small cache.
        let limit = BLOCK_CACHE_BYTES.min(budget.limit() as usize / 16);
        Self {
            backend,
            outer,
            cache: RefCell::new(ByteCache::new(limit, ENTRIES_MAX)),
            id_filters: RefCell::new(ByteCache::new(limit, usize::MAX)),
            filters: FilterCache::new(limit),
            charge: RefCell::new(budget.charge(Use::Cache, 0)),
            dictionaries: Dictionaries::new(DICTIONARY_CACHE_BYTES, budget),
        }
    }

    /// Where the blocks are.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Caches outside the process.
    pub fn outer(&self) -> &Rc<OuterCaches> {
        &self.outer
    }

    /// A Bloom filter object that is cached.
    pub fn cached_bloom(&self, block: &BlockEntry, shard: u32) -> Option<Bytes> {
        match self.cached(&(block.cache_id(), Some(shard))) {
            Some(Cached::Bloom(filter)) => Some(filter),
            _ => None,
        }
    }

    /// Memory to ask for before [`BlockStore::bloom`].
    pub fn bloom_memory_bytes(&self) -> u64 {
        BLOOM_BYTES_LIKELY
    }

    /// Reads a Bloom filter object.
    ///
    /// # Errors
    /// From the backend; or it is larger than `memory`, and there is no more room.
    pub async fn bloom(
        &self,
        block: &BlockEntry,
        shard: u32,
        memory: &mut Charge,
        reads: &mut Reads,
    ) -> Result<Bytes, StoreError> {
        let object = object::bloom(shard);
        let (role, part) = (CacheRole::Bloom, Part::Whole);
        let wanted = Wanted { role, block, object: &object, part };
        let found = self.outer.or_read(wanted, self.backend.read_bloom(block, shard)).await?;
        reads.took(&found);
        let filter = found.bytes;
        ensure(memory, filter.len() as u64)?;
        let key = (block.cache_id(), Some(shard));
        self.keep(key, Cached::Bloom(filter.clone()), filter.len());
        Ok(filter)
    }

    /// A block whose footer is cached.
    pub fn cached_open(&self, block: &BlockEntry) -> Option<Rc<OpenBlock>> {
        match self.cached(&(block.cache_id(), None)) {
            Some(Cached::Open(open)) => Some(open),
            _ => None,
        }
    }

    /// Memory to ask for before [`BlockStore::open`].
    pub fn open_memory_bytes(&self, block: &BlockEntry) -> u64 {
        footer_memory_bytes(&BlockReader::footer_range(&block.meta))
    }

    /// Opens a block: reads its footer.
    ///
    /// # Errors
    /// From the backend, or a damaged footer; or it is larger than `memory`, and there is no more
    /// room.
    pub async fn open(
        &self,
        block: &BlockEntry,
        memory: &mut Charge,
        reads: &mut Reads,
    ) -> Result<Rc<OpenBlock>, StoreError> {
        let data = self.backend.open_data(block).await?;
        let data = CachedData { data, block: block.clone(), outer: Rc::clone(&self.outer) };
        let reader = read_footer(block, &data, memory, reads).await?;
        // It holds two copies of what the list knows of the block.
        let bytes = reader.memory_bytes() + size_of::<OpenBlock>() + 2 * block.memory_bytes();
        let dictionaries = self.dictionaries.of(block.cache_id());
        let mut fetch_gap_bytes = self.backend.fetch_gap_bytes();
        if self.outer.has(CacheRole::ParquetPage) {
            fetch_gap_bytes = fetch_gap_bytes.max(FETCH_GAP_BYTES);
        }
        let open = Rc::new(OpenBlock { reader, data, dictionaries, fetch_gap_bytes });
        self.keep((block.cache_id(), None), Cached::Open(Rc::clone(&open)), bytes);
        Ok(open)
    }

    /// Forgets the open file of a block and what was read of it, and asks no cache outside for it
    /// any more: it is damaged, and may be mended.
    pub fn forget(&self, cache_id: &Uuid) {
        self.cache.borrow_mut().remove_where(|(of, _)| of == cache_id);
        self.dictionaries.forget(cache_id);
        self.outer.doubt(*cache_id);
        self.recharge();
    }

    /// The filter over a block's trace ids, if it is there.
    pub fn cached_id_filter(&self, block_id: &Uuid) -> Option<Arc<IdFilter>> {
        self.id_filters.borrow_mut().get(block_id)
    }

    /// Keeps the filter over a block's trace ids.
    pub fn keep_id_filter(&self, block_id: Uuid, filter: Arc<IdFilter>) {
        let bytes = filter.memory_bytes();
        self.id_filters.borrow_mut().insert(block_id, filter, bytes);
        self.recharge();
    }

    /// Keeps the directory of a block's filters.
    pub fn keep_filters(&self, block_id: &Uuid, directory: Directory) -> Rc<Directory> {
        let directory = Rc::new(directory);
        self.filters.keep(*block_id, Known::Stored(Rc::clone(&directory)));
        self.recharge();
        directory
    }

    /// Notes that a block has no filters that could be used.
    pub fn forget_filters(&self, block_id: &Uuid) {
        self.filters.keep(*block_id, Known::Missing);
        self.recharge();
    }

    /// Keeps a part of a block's filters.
    pub fn keep_filter_part(&self, block_id: &Uuid, part: block_filters::Part, bytes: Bytes) {
        self.filters.keep_part((*block_id, part), bytes);
        self.recharge();
    }

    fn cached(&self, key: &Key) -> Option<Cached> {
        self.cache.borrow_mut().get(key)
    }

    fn keep(&self, key: Key, value: Cached, bytes: usize) {
        self.cache.borrow_mut().insert(key, value, bytes);
        self.recharge();
    }

    fn recharge(&self) {
        let caches = self.cache.borrow().bytes() + self.id_filters.borrow().bytes();
        let bytes = caches + self.filters.bytes();
        self.charge.borrow_mut().resize(bytes as u64);
    }
}

fn footer_memory_bytes(range: &Range<u64>) -> u64 {
    (range.end - range.start).saturating_mul(FOOTER_MEMORY_FACTOR)
}

/// Makes sure that `memory` is at least `bytes`, without waiting.
fn ensure(memory: &mut Charge, bytes: u64) -> Result<(), QueryError> {
    let more = bytes.saturating_sub(memory.bytes());
    grow(memory, more)
}

async fn read_footer(
    block: &BlockEntry,
    data: &CachedData,
    memory: &mut Charge,
    reads: &mut Reads,
) -> Result<BlockReader, StoreError> {
    let mut range = BlockReader::footer_range(&block.meta);
    // A meta without the footer's size takes a second read.
    for _ in 0..2 {
        ensure(memory, footer_memory_bytes(&range))?;
        let footer = data.read_at(CacheRole::ParquetFooter, range.clone()).await?;
        reads.took(&footer);
        match BlockReader::open(block.meta.clone(), &footer.bytes) {
            Err(ReadError::NotFetched(wider)) => range = wider,
            outcome => return read_page_indexes(outcome?, range, data, memory, reads).await,
        }
    }
    Err(ReadError::Damaged("footer length does not agree with the file's end".into()).into())
}

/// The reader with the offset indexes that did not come along with the footer: one more read,
/// without which every trace by id would read whole columns.
async fn read_page_indexes(
    mut reader: BlockReader,
    footer: Range<u64>,
    data: &CachedData,
    memory: &mut Charge,
    reads: &mut Reads,
) -> Result<BlockReader, StoreError> {
    for row_group in 0..reader.row_groups() {
        let ranges = coalesce(reader.page_index_ranges(row_group), FETCH_GAP_BYTES);
        if ranges.is_empty() {
            continue;
        }
        let held = (reader.memory_bytes() as u64).max(footer_memory_bytes(&footer));
        let indexes: u64 = ranges.iter().map(footer_memory_bytes).sum();
        ensure(memory, held + indexes)?;
        let mut fetched = Fetched::default();
        for range in ranges {
            let found = data.read_at(CacheRole::ParquetOffsetIdx, range.clone()).await?;
            reads.took(&found);
            fetched.insert(range.start, found.bytes);
        }
        reader = reader.with_page_index(row_group, &fetched);
    }
    Ok(reader)
}

/// A block's rows, of which caches outside may have parts.
struct CachedData {
    data: BlockData,
    block: BlockEntry,
    outer: Rc<OuterCaches>,
}

impl CachedData {
    async fn read_at(&self, role: CacheRole, range: Range<u64>) -> io::Result<Found> {
        let part = Part::Range(range.start, range.end);
        let wanted = Wanted { role, block: &self.block, object: object::DATA, part };
        self.outer.or_read(wanted, self.data.read_at(range)).await
    }

    /// Ranges of pages, which ascend, with some reads in flight.
    async fn read_pages(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Found>> {
        const ROLE: CacheRole = CacheRole::ParquetPage;
        if self.outer.has(ROLE) {
            let read = |range: &Range<u64>| self.read_at(ROLE, range.clone());
            return stream::iter(ranges.iter().map(read)).buffered(FETCHES_MAX).try_collect().await;
        }
        let parts = self.data.read_ranges(ranges).await?;
        Ok(parts.into_iter().map(|bytes| Found { bytes, is_cached: false }).collect())
    }
}

impl OpenBlock {
    /// The decoder.
    pub fn reader(&self) -> &BlockReader {
        &self.reader
    }

    /// The ranges as they are fetched: those that are close together as one.
    pub fn to_fetch(&self, ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
        coalesce(ranges, self.fetch_gap_bytes)
    }

    /// Dictionaries that were decoded before: what is found in there need not be fetched.
    pub fn dictionaries(&self) -> Rc<PinnedDictionaries> {
        Rc::new(PinnedDictionaries::new(self.dictionaries.clone()))
    }

    /// Fetches ranges (of [`OpenBlock::to_fetch`]) with some reads in flight. Their memory must be
    /// part of `memory`. `known` has the dictionaries that were left out.
    ///
    /// # Errors
    /// From the backend.
    pub async fn fetch(
        &self,
        ranges: &[Range<u64>],
        known: &Rc<PinnedDictionaries>,
        memory: &Charge,
        reads: &mut Reads,
    ) -> Result<Fetched, StoreError> {
        debug_assert!(bytes_of(ranges) <= memory.bytes(), "fetched without memory");
        let parts = self.data.read_pages(ranges).await?;
        let known: Rc<dyn KnownDictionaries> = known.clone();
        let mut fetched = Fetched::default().with_dictionaries(known);
        for (range, found) in ranges.iter().zip(parts) {
            reads.took(&found);
            fetched.insert(range.start, found.bytes);
        }
        Ok(fetched)
    }
}

/// Bytes of ranges that do not overlap.
pub fn bytes_of(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().fold(0, |sum, range| sum.saturating_add(range.end - range.start))
}

impl Reads {
    /// Adds what was found in a cache outside, or read.
    pub fn took(&mut self, found: &Found) {
        match found.is_cached {
            true => self.hit(found.bytes.len()),
            false => self.add(found.bytes.len()),
        }
    }

    /// Adds a read.
    pub fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes as u64;
    }

    /// Counts a footer or filter that was in memory.
    pub fn hit(&mut self, bytes: usize) {
        self.cache_hits += 1;
        self.cache_bytes += bytes as u64;
    }

    /// Counts a footer or filter that was not.
    pub fn miss(&mut self) {
        self.cache_misses += 1;
    }

    /// Adds other reads.
    pub fn merge(&mut self, other: Reads) {
        self.count += other.count;
        self.bytes += other.bytes;
        self.cache_hits += other.cache_hits;
        self.cache_misses += other.cache_misses;
        self.cache_bytes += other.cache_bytes;
    }
}
