//! `blocks rebuild-filters`: the object of filters beside a block, made again from its columns.

use bytes::Bytes;
use stringendo_block::ReadError;
use stringendo_block::filters::{Assembly, Directory, Gathered};
use stringendo_block::read::DECODED_BYTES_MAX;
use stringendo_block::scan::ScanRequest;
use stringendo_engine::backend::object;
use stringendo_engine::block_list::BlockEntry;
use stringendo_ring::yield_if_due;

use super::open::{self, OpenBlock};
use super::show::FILTERS_BYTES_MAX;
use super::text::{Progress, size};
use super::{Failed, Place, text};

/// Bytes of a block for each byte of its lists of values, about, as the server has it.
const DATA_BYTES_PER_LISTED: u64 = 40;

/// Makes filters; whether all could be made.
pub async fn run(place: &Place, block: Option<&str>, missing: bool) -> Result<bool, Failed> {
    let found = open::find(place, block).await?;
    let mut is_well = found.problems.is_empty();
    found.problems.iter().for_each(|problem| eprintln!("left out: {problem}"));
    let mut progress = Progress::new();
    for (number, entry) in found.live.iter().enumerate() {
        let (tenant, id) = (&entry.tenant, &entry.meta.block_id);
        if missing && has_filters(place, entry).await {
            continue;
        }
        let at = |part: &str| format!("block {} of {}: {part}", number + 1, found.live.len());
        match remake(place, entry, &mut |part| progress.at(|| at(&part))).await {
            Ok(bytes) => {
                progress.end();
                println!("{tenant}/{id}: {}", size(bytes));
            }
            Err(why) => {
                progress.end();
                is_well = false;
                eprintln!("{tenant}/{id}: {why}");
            }
        }
    }
    Ok(is_well)
}

async fn has_filters(place: &Place, entry: &BlockEntry) -> bool {
    let (tenant, id) = (&entry.tenant, &entry.meta.block_id);
    let read = place.backend.read_object(tenant, id, object::FILTERS, FILTERS_BYTES_MAX).await;
    read.is_ok_and(|bytes| Directory::decode(&bytes, id).is_ok())
}

async fn remake(
    place: &Place,
    entry: &BlockEntry,
    told: &mut impl FnMut(String),
) -> Result<u64, Failed> {
    let block = OpenBlock::open(place, entry).await?;
    let mut gathered = Gathered::default();
    gathered.limit_listed((entry.meta.size / DATA_BYTES_PER_LISTED) as usize);
    for row_group in 0..block.reader.row_groups() {
        ids(&block, row_group, &mut gathered).await?;
        gather(&block, row_group, &mut gathered, told).await?;
    }
    let filters = assemble(gathered, entry).await;
    let (tenant, id) = (&entry.tenant, &entry.meta.block_id);
    let bytes = filters.len() as u64;
    place.backend.write_object(tenant, id, object::FILTERS, filters).await.map_err(text)?;
    Ok(bytes)
}

async fn assemble(gathered: Gathered, entry: &BlockEntry) -> Bytes {
    let mut assembly = Assembly::new(gathered, entry.meta.block_id);
    loop {
        if let Some(filters) = assembly.step() {
            return filters;
        }
        yield_if_due().await;
    }
}

async fn ids(block: &OpenBlock, row_group: usize, gathered: &mut Gathered) -> Result<(), Failed> {
    let request = ScanRequest { end_unix_nanos: u64::MAX, ..ScanRequest::default() };
    let fetched = block.fetch(block.reader.scan_ranges(row_group, &request)).await?;
    let mut scan = block.reader.scan(row_group, &request, &fetched).map_err(text)?;
    while let Some(batch) = scan.next_batch().map_err(text)? {
        batch.traces.iter().for_each(|trace| gathered.id(&trace.trace_id));
        yield_if_due().await;
    }
    Ok(())
}

/// Gathers all keys and values of a row group.
pub async fn gather(
    block: &OpenBlock,
    row_group: usize,
    gathered: &mut Gathered,
    told: &mut impl FnMut(String),
) -> Result<(), Failed> {
    let parts = block.reader.gather_parts();
    let (count, groups) = (parts.len(), block.reader.row_groups());
    for (number, part) in parts.iter().enumerate() {
        told(format!("keys and values, row group {row_group} of {groups}, {number} of {count}"));
        let fetched = block.fetch(block.reader.gather_ranges(row_group, part)).await?;
        let scan = block.reader.gather(row_group, part, &fetched, DECODED_BYTES_MAX);
        let mut scan = scan.map_err(text)?;
        while scan.step(gathered).map_err(|error: ReadError| text(error))? {
            yield_if_due().await;
        }
    }
    gathered.end_row_group();
    Ok(())
}
