//! Finds the rows of a row group that are worth reading: dictionaries first, then the data pages of
//! the columns that the plan's needs look at.
//!
//! To: the queries of blocks, which fetch and scan the candidates alone. Memory is charged through
//! [`super::block_read`]; only the candidates, some bits per row, outlive a call.

use std::rc::Rc;

use stringendo_block::ReadError;
use stringendo_block::scan::{Candidates, Lookup, ScanRequest, Sift, SiftCounts};
use stringendo_ring::yield_if_due;

use super::block_read::{BlockRead, Decoding};
use crate::block_store::{OpenBlock, Reads, StoreError, bytes_of};
use crate::shard::Shard;

/// So little is fetched at once, dictionaries and data pages: a read costs more than the bytes that
/// may turn out useless.
const AT_ONCE_BYTES_MAX: u64 = 512 << 10;

/// What was found of a row group.
#[derive(Debug, Default)]
pub struct Sifted {
    /// Rows that are worth reading.
    pub candidates: Candidates,
    /// What was looked at to find them.
    pub counts: SiftCounts,
}

impl Sifted {
    fn all_of(lookup: &Lookup) -> Self {
        let counts = SiftCounts { bytes: lookup.read_bytes(), ..SiftCounts::default() };
        Self { candidates: Candidates::all_of(lookup), counts }
    }

    fn none(bytes: u64) -> Self {
        let counts = SiftCounts { bytes, ..SiftCounts::default() };
        Self { candidates: Candidates::none(), counts }
    }
}

/// The candidates of a row group. Nothing may be held to read with.
///
/// # Errors
/// From the backend, or damaged columns; or there is no memory.
pub async fn sift(
    shard: &Shard,
    open: &OpenBlock,
    row_group: usize,
    request: &ScanRequest,
    reads: &mut Reads,
) -> Result<Sifted, StoreError> {
    let (reader, known) = (open.reader(), open.dictionaries());
    let dictionaries = reader.lookup_ranges(row_group, request, &*known);
    let all = reader.lookup_and_sift_ranges(row_group, request, &*known);
    // Where all dictionaries are known, they may tell that nothing need be fetched.
    let is_at_once = !dictionaries.is_empty() && bytes_of(&all) <= AT_ONCE_BYTES_MAX;
    let ranges = if is_at_once { all } else { dictionaries };
    let (columns, pinned) = ((Decoding::Columns, 0), Rc::clone(&known));
    let mut read = BlockRead::fetch_knowing(shard, open, ranges, pinned, columns, reads).await?;
    let lookup = look_up(open, row_group, request, &mut read, reads).await?;
    if lookup.wants_every_row() {
        return Ok(Sifted::all_of(&lookup));
    }
    if lookup.excludes_all() {
        return Ok(Sifted::none(lookup.read_bytes()));
    }
    if !is_at_once {
        drop(read);
        let ranges = reader.sift_ranges(row_group, request, &lookup, &*known);
        let columns = (Decoding::Columns, lookup.memory_bytes());
        read = BlockRead::fetch_knowing(shard, open, ranges, known, columns, reads).await?;
    }
    let mut sifted = sift_pages(open, row_group, request, &lookup, &mut read, reads).await?;
    sifted.counts.bytes += lookup.read_bytes();
    Ok(sifted)
}

async fn look_up(
    open: &OpenBlock,
    row_group: usize,
    request: &ScanRequest,
    read: &mut BlockRead<'_>,
    reads: &mut Reads,
) -> Result<Lookup, StoreError> {
    loop {
        let limit = read.decoded_bytes_max();
        let outcome = open.reader().look_up(row_group, request, read.fetched(), limit);
        yield_if_due().await;
        match outcome {
            Err(ReadError::NeedsMemory { bytes }) => read.make_room(bytes, reads).await?,
            outcome => return Ok(outcome?),
        }
    }
}

async fn sift_pages(
    open: &OpenBlock,
    row_group: usize,
    request: &ScanRequest,
    lookup: &Lookup,
    read: &mut BlockRead<'_>,
    reads: &mut Reads,
) -> Result<Sifted, StoreError> {
    loop {
        let limit = read.decoded_bytes_max();
        let mut sift = open.reader().sift(row_group, request, lookup, read.fetched(), limit);
        match finish(&mut sift).await {
            Ok(()) => {
                return Ok(Sifted { counts: sift.counts(), candidates: sift.candidates() });
            }
            Err(ReadError::NeedsMemory { bytes }) => {
                drop(sift);
                read.make_room(bytes, reads).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn finish(sift: &mut Sift<'_>) -> Result<(), ReadError> {
    while sift.step()? {
        yield_if_due().await;
    }
    Ok(())
}
