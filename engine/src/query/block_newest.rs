//! Which candidates of a row group to look at first: the newest, since a search wants no more than
//! some traces and the newest at that.
//!
//! From: [`super::block_sift`]. To: [`super::block_search`], which scans pass after pass: after
//! each it knows better how new a trace must be.

use stringendo_block::ReadError;
use stringendo_block::scan::{Candidates, NewestFirst, ScanRequest};
use stringendo_ring::yield_if_due;

use super::block_read::{BlockRead, Decoding};
use crate::block_store::{OpenBlock, Reads, StoreError};
use crate::shard::Shard;

/// So few candidates are looked at in one pass.
const ONE_PASS_MAX: u64 = 64;
/// The first pass looks at so many candidates per wanted trace, and the second at so many times
/// more: sifting may leave what does not match, and pages are decoded in each pass.
const FIRST_PASS_PER_TRACE: usize = 2;
const SECOND_PASS_TIMES: usize = 16;

/// The candidates of a row group, pass by pass.
pub struct Passes {
    order: Order,
    /// How many candidates passes look at; the last one at all that are left.
    sizes: std::array::IntoIter<usize, 2>,
}

enum Order {
    /// In one pass, or in none any more.
    Once(Option<Candidates>),
    Newest(NewestFirst),
}

impl Passes {
    /// Plans the passes for a search that wants `limit` traces. Nothing may be held to read with.
    ///
    /// # Errors
    /// From the backend, or damaged columns; or there is no memory.
    pub async fn plan(
        shard: &Shard,
        open: &OpenBlock,
        row_group: usize,
        request: &ScanRequest,
        candidates: Candidates,
        limit: usize,
        reads: &mut Reads,
    ) -> Result<(Self, u64), StoreError> {
        let count = candidates.count().unwrap_or(u64::MAX).min(open.reader().rows(row_group)?);
        let first = limit.saturating_mul(FIRST_PASS_PER_TRACE).max(ONE_PASS_MAX as usize);
        let sizes = [first, first.saturating_mul(SECOND_PASS_TIMES)].into_iter();
        if count <= first as u64 {
            return Ok((Self { order: Order::Once(Some(candidates)), sizes }, 0));
        }
        let ranges = open.reader().newest_first_ranges(row_group, request, &candidates);
        let decoding = Decoding::Columns;
        let mut read = BlockRead::fetch(shard, open, ranges, decoding, reads).await?;
        loop {
            let (limit, fetched) = (read.decoded_bytes_max(), read.fetched());
            let order = open.reader().newest_first(row_group, request, &candidates, fetched, limit);
            yield_if_due().await;
            match order {
                Err(ReadError::NeedsMemory { bytes }) => read.make_room(bytes, reads).await?,
                order => {
                    let order = order?;
                    let bytes = order.read_bytes();
                    return Ok((Self { order: Order::Newest(order), sizes }, bytes));
                }
            }
        }
    }

    /// The candidates of the next pass, of traces that start then or later.
    pub fn next(&mut self, start_unix_nanos: u64) -> Option<Candidates> {
        let count = self.sizes.next().unwrap_or(usize::MAX);
        match &mut self.order {
            Order::Once(candidates) => candidates.take(),
            Order::Newest(order) => order.next(count, start_unix_nanos),
        }
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> u64 {
        match &self.order {
            Order::Once(candidates) => candidates.as_ref().map_or(0, Candidates::memory_bytes),
            Order::Newest(order) => order.memory_bytes(),
        }
    }
}
