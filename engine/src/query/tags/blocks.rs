//! Names and values in a block, all spans counting: from its summary, which is made if it is
//! missing.

use std::rc::Rc;

use stringendo_block::tags::{
    DistinctValues, TagField, TagNames, TagNamesFound, TagScope, TagValues,
};
use stringendo_block::{Fetched, ReadError};
use stringendo_ring::yield_if_due;
use stringendo_traceql::Field;
use stringendo_traceql::narrow::plan_of_all;

use super::fields::tag_field;
use super::gather::Gathered;
use super::part::{TagsJob, What};
use super::summaries::{Key, Summary};
use super::{TagLimits, blocks_narrowed};
use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, Reads, StoreError};
use crate::error::QueryError;
use crate::limits::TAG_VALUES_BYTES_MAX;
use crate::query::block_filters::BlockFilters;
use crate::query::block_read::{self, BlockRead, Decoding};
use crate::query::collect::SearchCost;
use crate::query::memory::AnswerMemory;
use crate::shard::Shard;

/// Adds what the job asks for.
///
/// # Errors
/// The block could not be read, or there is no memory.
pub(super) async fn add(
    shard: &Shard,
    block: &BlockEntry,
    job: &TagsJob,
    gathered: &mut Gathered,
) -> Result<(), StoreError> {
    match &job.what {
        What::Names(_) => {
            let summary = names(shard, block, gathered).await?;
            gathered.add_names(&summary.names)?;
        }
        What::Values(fields) => {
            for field in fields {
                let summary = values(shard, block, field, job, gathered).await?;
                gathered.add_values(&summary.values)?;
            }
        }
    }
    Ok(())
}

/// The keys of all attributes of a block, for queries of another kind.
///
/// # Errors
/// The block could not be read, or there is no memory.
pub async fn names_of(
    shard: &Shard,
    block: &BlockEntry,
    cost: &mut SearchCost,
) -> Result<TagNames, StoreError> {
    let limits = TagLimits { count: 0, stale: 0, bytes: 0, blocks: 0 };
    let mut gathered = Gathered::new(What::Names(Vec::new()), limits, shard.answer_memory());
    let summary = names(shard, block, &mut gathered).await?;
    cost.add(&gathered.read);
    Ok(summary.names.clone())
}

async fn names(
    shard: &Shard,
    block: &BlockEntry,
    gathered: &mut Gathered,
) -> Result<Rc<Summary>, StoreError> {
    let key = Key::Block(block.cache_id(), None);
    if let Some(summary) = shard.tags.get(&key) {
        return Ok(summary);
    }
    if let Some(names) = stored_names(shard, block, &mut gathered.read.reads).await {
        let summary = Rc::new(Summary { names, ..Summary::default() });
        shard.tags.keep(key, &summary);
        return Ok(summary);
    }
    let open = block_read::open(shard, block, &mut gathered.read.reads).await?;
    let mut found = TagNamesFound::default();
    for row_group in 0..open.reader().row_groups() {
        let ranges = open.reader().tag_names_ranges(row_group);
        let mut reads = Reads::default();
        read(shard, &open, ranges, &mut reads, async |fetched, decoded_bytes_max| {
            let mut scan = open.reader().tag_names(row_group, fetched, decoded_bytes_max)?;
            let step = || Ok(scan.step(&mut found)?.then(|| found.memory_bytes()));
            let outcome = all_steps(step, gathered.memory()).await;
            gathered.read.bytes += scan.read_bytes();
            outcome
        })
        .await?;
        gathered.read.reads.merge(reads);
    }
    let summary = Rc::new(Summary { names: found.sorted(), ..Summary::default() });
    shard.tags.keep(key, &summary);
    Ok(summary)
}

async fn stored_names(shard: &Shard, block: &BlockEntry, reads: &mut Reads) -> Option<TagNames> {
    BlockFilters::open(shard, block, reads).await?.names(reads).await
}

async fn stored_values(
    shard: &Shard,
    block: &BlockEntry,
    field: &Field,
    reads: &mut Reads,
) -> Option<TagValues> {
    let tag = tag_field(field)?;
    BlockFilters::open(shard, block, reads).await?.values(&tag, reads).await
}

async fn values(
    shard: &Shard,
    block: &BlockEntry,
    field: &Field,
    job: &TagsJob,
    gathered: &mut Gathered,
) -> Result<Rc<Summary>, StoreError> {
    let key = Key::Block(block.cache_id(), Some(field.clone()));
    let bytes_max = job.bytes_max().min(TAG_VALUES_BYTES_MAX);
    if let Some(summary) = shard.tags.get(&key).filter(|known| known.suffices(bytes_max)) {
        return Ok(summary);
    }
    if let Some(values) = stored_values(shard, block, field, &mut gathered.read.reads).await {
        let summary = Rc::new(Summary { values, ..Summary::default() });
        shard.tags.keep(key, &summary);
        return Ok(summary);
    }
    let mut found = DistinctValues::new(bytes_max);
    match tag_field(field) {
        Some(tag) => {
            if may_hold(shard, block, &tag, gathered).await? {
                read_values(shard, block, &tag, gathered, &mut found).await?;
            }
        }
        None => {
            if let Some(plan) = plan_of_all(std::slice::from_ref(field)) {
                let all_time = TagsJob {
                    what: What::Values(vec![field.clone()]),
                    start_unix_nanos: 0,
                    end_unix_nanos: u64::MAX,
                    ..job.clone()
                };
                let plan = plan.into();
                // A piece counts by itself: nothing is narrowed.
                let (all_time, plan, others) = (&all_time, &plan, None);
                blocks_narrowed::read_values(
                    shard, block, all_time, plan, others, gathered, &mut found,
                )
                .await?;
            }
        }
    }
    let cut_at = found.is_full().then_some(bytes_max);
    let summary = Rc::new(Summary { values: found.sorted(), cut_at, ..Summary::default() });
    shard.tags.keep(key, &summary);
    Ok(summary)
}

/// Whether the block's names have the attribute; names take much less reading than values.
async fn may_hold(
    shard: &Shard,
    block: &BlockEntry,
    tag: &TagField,
    gathered: &mut Gathered,
) -> Result<bool, StoreError> {
    match tag {
        // Every resource has one.
        TagField::Attribute { scope: TagScope::Resource, key } if key == "service.name" => Ok(true),
        TagField::Attribute { scope, key } => {
            let summary = names(shard, block, gathered).await?;
            Ok(summary.names.of(*scope).contains(key.as_bytes()))
        }
        _ => Ok(true),
    }
}

async fn read_values(
    shard: &Shard,
    block: &BlockEntry,
    tag: &TagField,
    gathered: &mut Gathered,
    found: &mut DistinctValues,
) -> Result<(), StoreError> {
    let open = block_read::open(shard, block, &mut gathered.read.reads).await?;
    for row_group in 0..open.reader().row_groups() {
        if found.is_full() {
            break;
        }
        let ranges = open.reader().tag_values_ranges(row_group, tag);
        let mut reads = Reads::default();
        read(shard, &open, ranges, &mut reads, async |fetched, decoded_bytes_max| {
            let mut scan = open.reader().tag_values(row_group, tag, fetched, decoded_bytes_max)?;
            let step = || Ok(scan.step(found)?.then(|| found.memory_bytes()));
            let outcome = all_steps(step, gathered.memory()).await;
            gathered.read.bytes += scan.read_bytes();
            outcome
        })
        .await?;
        gathered.read.reads.merge(reads);
    }
    Ok(())
}

/// Fetches ranges and runs `pass` over them, again with more memory as long as it needs that.
pub(super) async fn read(
    shard: &Shard,
    open: &OpenBlock,
    ranges: Vec<std::ops::Range<u64>>,
    reads: &mut Reads,
    mut pass: impl AsyncFnMut(&Fetched, u64) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut read = BlockRead::fetch(shard, open, ranges, Decoding::Columns, reads).await?;
    loop {
        match pass(read.fetched(), read.decoded_bytes_max()).await {
            Err(StoreError::Read(ReadError::NeedsMemory { bytes })) => {
                read.make_room(bytes, reads).await?;
            }
            outcome => return outcome,
        }
    }
}

/// Takes steps until there is nothing more to read, which `step` says by `None`; else it says how
/// much memory the set has that grows meanwhile.
async fn all_steps(
    mut step: impl FnMut() -> Result<Option<usize>, ReadError>,
    memory: &mut AnswerMemory,
) -> Result<(), StoreError> {
    let mut held = Growing::default();
    let outcome = loop {
        match step() {
            Ok(Some(memory_bytes)) => held.grow(memory, memory_bytes)?,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        }
        yield_if_due().await;
    };
    held.give_back(memory);
    outcome
}

/// Memory of a set that grows.
#[derive(Default)]
pub(super) struct Growing {
    held_bytes: u64,
}

impl Growing {
    /// Charges what the set has grown by.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn grow(
        &mut self,
        memory: &mut AnswerMemory,
        bytes: usize,
    ) -> Result<(), QueryError> {
        memory.grow((bytes as u64).saturating_sub(self.held_bytes))?;
        self.held_bytes = self.held_bytes.max(bytes as u64);
        Ok(())
    }

    /// The set is given up, or charged as part of something else.
    pub(super) fn give_back(self, memory: &mut AnswerMemory) {
        memory.shrink(self.held_bytes);
    }
}
