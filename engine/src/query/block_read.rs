//! Reading a block with charged memory: every query of blocks fetches and decodes through here.
//!
//! Memory is asked for before anything is fetched: for the ranges, and for what is decoded from
//! them at a time. The decoder is told how much that is and stops if it needs more; then the read
//! grows where it is, or lets everything go and gets in line again for more. So it never waits
//! while it holds memory to read with.

use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;
use stringendo_block::{Fetched, PinnedDictionaries, ReadError};

use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, Reads, StoreError, bytes_of};
use crate::budget::Charge;
use crate::error::QueryError;
use crate::shard::Shard;

/// What the pages of all columns that hold one row decode to.
const ROW_BYTES: u64 = 4 << 20;

/// What is likely to be decoded at a time, per byte that is fetched. Figures are those of
/// `benches/src/bin/block_encode.rs`; wrong guesses cost a second try.
#[derive(Clone, Copy, Debug)]
pub enum Decoding {
    /// Columns from first to last row, a page of each at a time: 0.3 to 0.6 times.
    Columns,
    /// One row, of which all pages are needed at once: 6 to 7 times.
    Row,
    /// Some rows, one after the other: those of one need all their pages at once, which are some
    /// of all.
    Rows,
}

impl Decoding {
    fn likely_bytes(self, fetched_bytes: u64) -> u64 {
        // Small pages decode to more, and a batch takes about 100 KiB.
        match self {
            Self::Columns => fetched_bytes / 5 * 3 + (256 << 10),
            Self::Row => fetched_bytes.saturating_mul(7) + (64 << 10),
            Self::Rows => {
                let row = fetched_bytes.saturating_mul(7).min(ROW_BYTES);
                fetched_bytes / 5 * 3 + row + (64 << 10)
            }
        }
    }
}

/// Fetched ranges of a block, and memory to decode them.
pub struct BlockRead<'a> {
    shard: &'a Shard,
    open: &'a OpenBlock,
    ranges: Vec<Range<u64>>,
    decoded_bytes_max: u64,
    /// What the reader brought along.
    held_bytes: u64,
    known: Rc<PinnedDictionaries>,
    fetched: Fetched,
    memory: Option<Charge>,
}

impl<'a> BlockRead<'a> {
    /// Waits for memory, then fetches.
    ///
    /// # Errors
    /// From the backend; or there is no memory.
    pub async fn fetch(
        shard: &'a Shard,
        open: &'a OpenBlock,
        ranges: Vec<Range<u64>>,
        decoding: Decoding,
        reads: &mut Reads,
    ) -> Result<Self, StoreError> {
        Self::fetch_holding(shard, open, ranges, decoding, 0, reads).await
    }

    /// The same for who holds `held_bytes` already, from which it knows what to fetch; they are
    /// charged along.
    ///
    /// # Errors
    /// As [`BlockRead::fetch`].
    pub async fn fetch_holding(
        shard: &'a Shard,
        open: &'a OpenBlock,
        ranges: Vec<Range<u64>>,
        decoding: Decoding,
        held_bytes: u64,
        reads: &mut Reads,
    ) -> Result<Self, StoreError> {
        let known = open.dictionaries();
        Self::fetch_knowing(shard, open, ranges, known, (decoding, held_bytes), reads).await
    }

    /// The same for who left dictionaries out of the ranges because they are `known`.
    ///
    /// # Errors
    /// As [`BlockRead::fetch`].
    pub async fn fetch_knowing(
        shard: &'a Shard,
        open: &'a OpenBlock,
        ranges: Vec<Range<u64>>,
        known: Rc<PinnedDictionaries>,
        (decoding, held_bytes): (Decoding, u64),
        reads: &mut Reads,
    ) -> Result<Self, StoreError> {
        let ranges = open.to_fetch(ranges);
        let decoded_bytes_max = decoding.likely_bytes(bytes_of(&ranges));
        let held_bytes = held_bytes.saturating_add(known.memory_bytes());
        let (fetched, memory) = (Fetched::default(), None);
        let mut read =
            Self { shard, open, ranges, decoded_bytes_max, held_bytes, known, fetched, memory };
        read.fit_limit(0)?;
        read.fetch_again(reads).await?;
        Ok(read)
    }

    /// What was fetched.
    pub fn fetched(&self) -> &Fetched {
        &self.fetched
    }

    /// What may be decoded at a time.
    pub fn decoded_bytes_max(&self) -> u64 {
        self.decoded_bytes_max
    }

    /// After [`ReadError::NeedsMemory`]: makes room for `bytes` decoded at a time. Nothing that was
    /// decoded may be held any more.
    ///
    /// # Errors
    /// From the backend; or there is no memory.
    pub async fn make_room(&mut self, bytes: u64, reads: &mut Reads) -> Result<(), StoreError> {
        let before = self.decoded_bytes_max;
        // Twice as much, so that there are few tries.
        self.decoded_bytes_max = bytes.max(before.saturating_mul(2));
        self.fit_limit(bytes)?;
        let more = self.decoded_bytes_max.saturating_sub(before);
        if self.memory.as_mut().is_some_and(|memory| memory.try_grow(more)) {
            return Ok(());
        }
        self.fetched = Fetched::default();
        self.memory = None;
        self.fetch_again(reads).await
    }

    /// Decodes in one go, with more memory as long as that is needed.
    ///
    /// # Errors
    /// From `decode`, from the backend; or there is no memory.
    pub async fn decode<T>(
        mut self,
        reads: &mut Reads,
        decode: impl Fn(&Fetched, u64) -> Result<T, ReadError>,
    ) -> Result<T, StoreError> {
        loop {
            match decode(&self.fetched, self.decoded_bytes_max) {
                Err(ReadError::NeedsMemory { bytes }) => self.make_room(bytes, reads).await?,
                outcome => return Ok(outcome?),
            }
        }
    }

    /// A guess is cut to what can be had, but not below the `needed` bytes.
    fn fit_limit(&mut self, needed: u64) -> Result<(), QueryError> {
        let fetched = bytes_of(&self.ranges).saturating_add(self.held_bytes);
        let limit = self.shard.memory_to_read_max();
        let bytes = fetched.saturating_add(needed);
        if bytes > limit {
            return Err(QueryError::NeedsTooMuch { bytes, limit });
        }
        self.decoded_bytes_max = self.decoded_bytes_max.min(limit - fetched);
        Ok(())
    }

    async fn fetch_again(&mut self, reads: &mut Reads) -> Result<(), StoreError> {
        let held = bytes_of(&self.ranges).saturating_add(self.held_bytes);
        let bytes = held.saturating_add(self.decoded_bytes_max);
        let memory = self.shard.memory_to_read(bytes).await?;
        self.fetched = self.open.fetch(&self.ranges, &self.known, &memory, reads).await?;
        self.memory = Some(memory);
        Ok(())
    }
}

/// A block's Bloom filter object, cached or read.
///
/// # Errors
/// From the backend; or there is no memory.
pub async fn bloom(
    shard: &Shard,
    block: &BlockEntry,
    number: u32,
    reads: &mut Reads,
) -> Result<Bytes, StoreError> {
    if let Some(filter) = shard.store.cached_bloom(block, number) {
        reads.hit(filter.len());
        return Ok(filter);
    }
    reads.miss();
    let mut memory = shard.memory_to_read(shard.store.bloom_memory_bytes()).await?;
    shard.store.bloom(block, number, &mut memory, reads).await
}

/// A block with its footer, cached or read.
///
/// # Errors
/// From the backend, or a damaged footer; or there is no memory.
pub async fn open(
    shard: &Shard,
    block: &BlockEntry,
    reads: &mut Reads,
) -> Result<Rc<OpenBlock>, StoreError> {
    if let Some(open) = shard.store.cached_open(block) {
        reads.hit(open.reader().memory_bytes());
        return Ok(open);
    }
    reads.miss();
    let mut memory = shard.memory_to_read(shard.store.open_memory_bytes(block)).await?;
    shard.store.open(block, &mut memory, reads).await
}
