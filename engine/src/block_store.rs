//! Blocks in the backend as one core reads them: open files, footers and filters, cached up to a
//! limit in bytes.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::try_join_all;
use stringendo_block::{BlockReader, Fetched, ReadError};
use stringendo_ring::file::BlockFile;
use uuid::Uuid;

use crate::backend::LocalBackend;
use crate::backend::local::coalesce;
use crate::block_list::BlockEntry;
use crate::budget::{Budget, Charge, Use};
use crate::limits::{BLOCK_CACHE_BYTES, FETCH_GAP_BYTES};

mod cache;
use cache::ByteCache;

/// Why an object of a block could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// From the backend.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// From the decoder.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl StoreError {
    /// The object is not there (any more).
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads that a query caused.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reads {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A block's footer, decoded, and its open file.
pub struct OpenBlock {
    reader: BlockReader,
    data: BlockFile,
}

#[derive(Clone)]
enum Cached {
    Open(Rc<OpenBlock>),
    Bloom(Bytes),
}

/// Which object of which block; `None` is the footer, a number a Bloom filter.
type Key = (Uuid, Option<u32>);

/// The blocks that this core reads.
pub struct BlockStore {
    backend: LocalBackend,
    cache: RefCell<ByteCache<Key, Cached>>,
    charge: RefCell<Charge>,
}

impl BlockStore {
    /// A store over `backend` with an empty cache, charged to `budget`.
    pub fn new(backend: LocalBackend, budget: &Rc<Budget>) -> Self {
        // A small budget gets a small cache.
        let limit = BLOCK_CACHE_BYTES.min(budget.limit() as usize / 16);
        Self {
            backend,
            cache: RefCell::new(ByteCache::new(limit)),
            charge: RefCell::new(budget.charge(Use::Cache, 0)),
        }
    }

    /// Where the blocks are.
    pub fn backend(&self) -> &LocalBackend {
        &self.backend
    }

    /// A Bloom filter object.
    ///
    /// # Errors
    /// From the backend.
    pub async fn bloom(
        &self,
        block: &BlockEntry,
        shard: u32,
        reads: &mut Reads,
    ) -> Result<Bytes, StoreError> {
        let key = (block.meta.block_id, Some(shard));
        if let Some(Cached::Bloom(filter)) = self.cached(&key) {
            return Ok(filter);
        }
        let filter = self.backend.read_bloom(block, shard).await?;
        reads.add(filter.len());
        self.keep(key, Cached::Bloom(filter.clone()), filter.len());
        Ok(filter)
    }

    /// A block with its footer.
    ///
    /// # Errors
    /// From the backend, or a damaged footer.
    pub async fn open(
        &self,
        block: &BlockEntry,
        reads: &mut Reads,
    ) -> Result<Rc<OpenBlock>, StoreError> {
        let key = (block.meta.block_id, None);
        if let Some(Cached::Open(open)) = self.cached(&key) {
            return Ok(open);
        }
        let data = self.backend.open_data(block).await?;
        let reader = read_footer(block, &data, reads).await?;
        let bytes = reader.memory_bytes() + size_of::<OpenBlock>();
        let open = Rc::new(OpenBlock { reader, data });
        self.keep(key, Cached::Open(Rc::clone(&open)), bytes);
        Ok(open)
    }

    fn cached(&self, key: &Key) -> Option<Cached> {
        self.cache.borrow_mut().get(key)
    }

    fn keep(&self, key: Key, value: Cached, bytes: usize) {
        let mut cache = self.cache.borrow_mut();
        cache.insert(key, value, bytes);
        self.charge.borrow_mut().resize(cache.bytes() as u64);
    }
}

async fn read_footer(
    block: &BlockEntry,
    data: &BlockFile,
    reads: &mut Reads,
) -> Result<BlockReader, StoreError> {
    let mut range = BlockReader::footer_range(&block.meta);
    // A meta without the footer's size takes a second read.
    for _ in 0..2 {
        let footer = data.read_at(range.clone()).await?;
        reads.add(footer.len());
        match BlockReader::open(block.meta.clone(), &footer) {
            Err(ReadError::NotFetched(wider)) => range = wider,
            outcome => return Ok(outcome?),
        }
    }
    Err(ReadError::Damaged("footer length does not agree with the file's end".into()).into())
}

impl OpenBlock {
    /// The decoder.
    pub fn reader(&self) -> &BlockReader {
        &self.reader
    }

    /// Reads ranges of the rows, with many reads in flight.
    ///
    /// # Errors
    /// From the backend.
    pub async fn fetch(
        &self,
        ranges: Vec<Range<u64>>,
        reads: &mut Reads,
    ) -> Result<Fetched, StoreError> {
        let ranges = coalesce(ranges, FETCH_GAP_BYTES);
        let parts = ranges.iter().map(|range| self.data.read_at(range.clone()));
        let mut fetched = Fetched::default();
        for (range, bytes) in ranges.iter().zip(try_join_all(parts).await?) {
            reads.add(bytes.len());
            fetched.insert(range.start, bytes);
        }
        Ok(fetched)
    }
}

impl Reads {
    fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes as u64;
    }

    /// Adds other reads.
    pub fn merge(&mut self, other: Reads) {
        self.count += other.count;
        self.bytes += other.bytes;
    }
}
