//! Which blocks a command is about, and a block open for reading.

use std::ops::Range;
use std::sync::Arc;

use stringendo_block::{BlockReader, Fetched, ReadError};
use stringendo_engine::TenantId;
use stringendo_engine::backend::{BlockData, Listing, coalesce};
use stringendo_engine::block_list::BlockEntry;
use stringendo_engine::compaction::superseded;
use uuid::Uuid;

use super::{Failed, Place, text};

/// Ranges that lie so close together are read at once.
const GAP_BYTES: u64 = 64 << 10;

/// Everything that the place holds. Blocks whose place another one has taken are no live ones, also
/// where a crash came before they were marked; those are named.
pub async fn list(place: &Place) -> Result<(Listing, Vec<(TenantId, Uuid)>), Failed> {
    let mut listing = place.backend.list().await.map_err(text)?;
    let unmarked = superseded::settle(&place.backend, &mut listing, 0).await;
    Ok((listing, unmarked))
}

/// What a command found of the blocks that it is about.
pub struct Found {
    /// Live ones, by tenant and id.
    pub live: Vec<Arc<BlockEntry>>,
    /// Tenants and blocks that could not be looked at, and why.
    pub problems: Vec<String>,
    /// Blocks of any tenant whose place others have taken, and that have no mark of it.
    pub unmarked: Vec<(TenantId, Uuid)>,
}

/// The live blocks of the place, or the one of this id.
pub async fn find(place: &Place, block: Option<&str>) -> Result<Found, Failed> {
    let (listing, unmarked) = list(place).await?;
    let is_wanted = |tenant: &str, id: &uuid::Uuid| {
        place.tenant.as_deref().is_none_or(|wanted| wanted == tenant)
            && block.is_none_or(|wanted| id.to_string() == wanted.to_ascii_lowercase())
    };
    let Listing { blocks, skipped, errors, .. } = listing;
    let mut live: Vec<_> = blocks
        .into_iter()
        .filter(|entry| is_wanted(entry.tenant.as_str(), &entry.meta.block_id))
        .collect();
    live.sort_by(|a, b| {
        (a.tenant.as_str(), a.meta.block_id).cmp(&(b.tenant.as_str(), b.meta.block_id))
    });
    let skipped = skipped.iter().filter(|it| is_wanted(it.tenant.as_str(), &it.block_id));
    let mut problems: Vec<_> =
        skipped.map(|it| format!("{}/{}: {}", it.tenant, it.block_id, it.why)).collect();
    problems.extend(errors.iter().map(|(tenant, why)| format!("tenant {tenant}: {why}")));
    if let Some(block) = block.filter(|_| live.is_empty() && problems.is_empty()) {
        return Err(format!("there is no live block {block}"));
    }
    Ok(Found { live, problems, unmarked })
}

/// A block whose footer was read.
pub struct OpenBlock {
    /// Reads what was fetched.
    pub reader: BlockReader,
    data: BlockData,
}

impl OpenBlock {
    /// Opens a block, with the offset indexes of all its columns.
    pub async fn open(place: &Place, entry: &BlockEntry) -> Result<Self, Failed> {
        Self::open_footer(place, entry).await?.with_page_indexes().await
    }

    /// Reads a block's footer alone.
    pub async fn open_footer(place: &Place, entry: &BlockEntry) -> Result<Self, Failed> {
        let data = place.backend.open_data(entry).await.map_err(text)?;
        // The meta may lie: the file knows how long it is.
        let mut meta = entry.meta.clone();
        meta.size = data.len();
        let mut range = BlockReader::footer_range(&meta);
        for _ in 0..2 {
            let tail = data.read_at(range.clone()).await.map_err(text)?;
            let mut fetched = Fetched::default();
            fetched.insert(range.start, tail.clone());
            match BlockReader::open(meta.clone(), &tail) {
                Err(ReadError::NotFetched(longer)) => range = longer,
                opened => {
                    let reader = opened.map_err(text)?.for_check(&fetched);
                    return Ok(Self { reader, data });
                }
            }
        }
        Err("the footer changes its length".to_owned())
    }

    async fn with_page_indexes(self) -> Result<Self, Failed> {
        let Self { mut reader, data } = self;
        for row_group in 0..reader.row_groups() {
            let ranges = reader.page_index_ranges(row_group);
            if !ranges.is_empty() {
                let fetched = fetch(&data, ranges).await?;
                reader = reader.with_page_index(row_group, &fetched);
            }
        }
        Ok(Self { reader, data })
    }

    /// Bytes of `data.parquet`.
    pub fn data_bytes(&self) -> u64 {
        self.data.len()
    }

    /// Reads ranges of the rows.
    pub async fn fetch(&self, ranges: Vec<Range<u64>>) -> Result<Fetched, Failed> {
        fetch(&self.data, ranges).await
    }
}

async fn fetch(data: &BlockData, ranges: Vec<Range<u64>>) -> Result<Fetched, Failed> {
    let mut fetched = Fetched::default();
    for range in coalesce(ranges, GAP_BYTES) {
        let bytes = data.read_at(range.clone()).await.map_err(text)?;
        if (bytes.len() as u64) < range.end - range.start {
            return Err("data.parquet is cut short".to_owned());
        }
        fetched.insert(range.start, bytes);
    }
    Ok(fetched)
}
