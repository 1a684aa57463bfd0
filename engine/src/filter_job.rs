//! Makes filters for blocks that have none that could be used: those that Tempo wrote, older ones,
//! damaged ones.
//!
//! From: queries, which miss them ([`crate::query::block_filters`]). To: the backend, beside the
//! block. A core does so for the blocks that it reads, one after the other, in the lowest class,
//! with memory that it waits for as queries do. Each block is tried once ([`KNOWN_MAX`]).

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

use bytes::Bytes;
use stringendo_block::ReadError;
use stringendo_block::filters::{Assembly, Gathered};
use stringendo_block::tags::GatherPart;
use stringendo_proto::TraceId;
use stringendo_ring::{Notify, yield_if_due};
use uuid::Uuid;

use crate::backend::object;
use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, Reads, StoreError};
use crate::metrics::families as family;
use crate::query::block_read::{self, BlockRead, Decoding};
use crate::query::id_filters;
use crate::query::memory::AnswerMemory;
use crate::shard::Shard;

/// Blocks that wait at a time; more are asked for again by later queries.
const WAITING_MAX: usize = 10_000;
/// Blocks that are remembered as tried, 16 bytes each; then all are forgotten, and those that still
/// have no filters are tried once more.
const KNOWN_MAX: usize = 100_000;
/// Bytes of a block for each byte of its lists of values, about.
const DATA_BYTES_PER_LISTED: u64 = 40;

/// What is to be done.
pub struct FilterWork {
    waiting: RefCell<VecDeque<BlockEntry>>,
    /// Blocks that wait, or were tried.
    known: RefCell<HashSet<Uuid>>,
    work: Notify,
}

impl Default for FilterWork {
    fn default() -> Self {
        Self { waiting: RefCell::default(), known: RefCell::default(), work: Notify::new() }
    }
}

impl FilterWork {
    /// Asks for the filters of a block, unless they were asked for before.
    pub fn request(&self, block: &BlockEntry) {
        let (mut waiting, mut known) = (self.waiting.borrow_mut(), self.known.borrow_mut());
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        if waiting.len() < WAITING_MAX && known.insert(block.cache_id()) {
            waiting.push_back(block.clone());
            self.work.notify();
        }
    }

    /// The next block, once there is one.
    async fn next(&self) -> BlockEntry {
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            match next {
                Some(block) => return block,
                None => self.work.wait().await,
            }
        }
    }
}

/// Makes filters until the end of the process.
pub async fn run(shard: Rc<Shard>) {
    loop {
        let block = shard.filter_work.next().await;
        let outcome = match remake(&shard, &block).await {
            Ok(()) => {
                shard.store.filters.look_again(&block.cache_id());
                "made"
            }
            Err(error) if error.is_gone() => "gone",
            Err(error) => {
                let id = block.meta.block_id;
                tracing::warn!(block = %id, %error, "filters of a block could not be made");
                "failed"
            }
        };
        shard.metrics.add(&family::FILTERS_REBUILT, &[outcome], 1.0);
    }
}

async fn remake(shard: &Shard, block: &BlockEntry) -> Result<(), StoreError> {
    let mut memory = shard.answer_memory();
    let filters = make(shard, block, &mut memory).await?;
    let (tenant, id) = (&block.tenant, &block.meta.block_id);
    Ok(shard.store.backend().write_object(tenant, id, object::FILTERS, filters).await?)
}

async fn make(
    shard: &Shard,
    block: &BlockEntry,
    memory: &mut AnswerMemory,
) -> Result<Bytes, StoreError> {
    let mut reads = Reads::default();
    let open = block_read::open(shard, block, &mut reads).await?;
    let mut gathered = Gathered::default();
    gathered.limit_listed((block.meta.size / DATA_BYTES_PER_LISTED) as usize);
    let mut ids: Vec<TraceId> = Vec::new();
    for row_group in 0..open.reader().row_groups() {
        ids.clear();
        id_filters::read_ids(shard, &open, row_group, &mut ids, memory, &mut reads).await?;
        ids.iter().for_each(|id| gathered.id(id));
        for part in open.reader().gather_parts() {
            gather(shard, &open, row_group, &part, &mut gathered, &mut reads).await?;
            memory.ensure(gathered.memory_bytes() as u64)?;
        }
        gathered.end_row_group();
    }
    let mut assembly = Assembly::new(gathered, block.meta.block_id);
    loop {
        if let Some(filters) = assembly.step() {
            return Ok(filters);
        }
        memory.ensure(assembly.memory_bytes() as u64)?;
        yield_if_due().await;
    }
}

async fn gather(
    shard: &Shard,
    open: &OpenBlock,
    row_group: usize,
    part: &GatherPart,
    gathered: &mut Gathered,
    reads: &mut Reads,
) -> Result<(), StoreError> {
    let ranges = open.reader().gather_ranges(row_group, part);
    let mut read = BlockRead::fetch(shard, open, ranges, Decoding::Columns, reads).await?;
    loop {
        let (fetched, limit) = (read.fetched(), read.decoded_bytes_max());
        let mut scan = open.reader().gather(row_group, part, fetched, limit)?;
        let outcome = loop {
            match scan.step(gathered) {
                Ok(true) => yield_if_due().await,
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        drop(scan);
        match outcome {
            Err(ReadError::NeedsMemory { bytes }) => read.make_room(bytes, reads).await?,
            outcome => return Ok(outcome?),
        }
    }
}
