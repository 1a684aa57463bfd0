//! `blocks delete-trace`: the blocks that hold a trace, written again without it.
//!
//! The new block is there before the old one is marked, and its meta says whose place it takes, so
//! a crash leaves the old block or the new one. What was done is printed as a receipt.

use stringendo_block::merge::{Merge, MergeError, MergeOptions, MergeStep, MergedBlock};
use stringendo_block::{RowContent, check};
use stringendo_engine::backend::listing::META_BYTES_MAX;
use stringendo_engine::backend::{DataUpload, object};
use stringendo_engine::block_list::BlockEntry;
use stringendo_proto::TraceId;
use stringendo_ring::yield_if_due;
use uuid::Uuid;

use super::open::{self, OpenBlock};
use super::text::Progress;
use super::{Failed, Place, text};

/// Memory that a rewrite begins with; it may turn out to need more.
const MEMORY_BYTES: u64 = 64 << 20;
/// Memory that a rewrite may take.
const MEMORY_BYTES_MAX: u64 = 4 << 30;

/// Deletes a trace; whether no live block holds it any more.
pub async fn run(
    place: &Place,
    trace_id: &str,
    purge: bool,
    dry_run: bool,
) -> Result<bool, Failed> {
    let trace_id = TraceId::parse_hex(trace_id)
        .map_err(|_| format!("{trace_id:?} is no trace id: 1 to 32 hexadecimal digits"))?;
    let found = open::find(place, None).await?;
    found.problems.iter().for_each(|problem| eprintln!("not looked at: {problem}"));
    if !dry_run {
        // While what has taken their place may be rewritten itself.
        for (tenant, id) in &found.unmarked {
            place.backend.mark_compacted(tenant, id).await.map_err(text)?;
        }
    }
    let mut receipt = Receipt { trace_id, ..Receipt::default() };
    receipt.failed = found.problems.len() as u64;
    let mut progress = Progress::new();
    for (number, entry) in found.live.iter().enumerate() {
        progress.at(|| format!("block {} of {}", number + 1, found.live.len()));
        let outcome = delete(place, entry, &trace_id, (purge, dry_run)).await;
        progress.end();
        receipt.add(entry, outcome);
    }
    let left = superseded(place, &trace_id, purge && !dry_run).await?;
    receipt.print(found.live.len(), &left, dry_run);
    Ok(receipt.failed == 0)
}

/// What became of a block that holds the trace.
struct Done {
    spans: u64,
    /// The block in its place; `None` if there was nothing else in it, or nothing was done.
    new: Option<Uuid>,
    what: String,
}

#[derive(Default)]
struct Receipt {
    trace_id: TraceId,
    blocks: u64,
    spans: u64,
    failed: u64,
}

impl Receipt {
    fn add(&mut self, entry: &BlockEntry, outcome: Result<Option<Done>, Failed>) {
        let name = format!("{}/{}", entry.tenant, entry.meta.block_id);
        match outcome {
            Ok(None) => {}
            Ok(Some(Done { spans, new, what })) => {
                self.blocks += 1;
                self.spans += spans;
                let new = new.map_or_else(String::new, |new| format!(" into {new}"));
                println!("{name}: {spans} spans, {what}{new}");
            }
            Err(why) => {
                self.failed += 1;
                println!("{name}: not rewritten: {why}");
            }
        }
    }

    fn print(&self, looked_at: usize, left: &[String], dry_run: bool) {
        let Self { trace_id, blocks, spans, failed } = self;
        left.iter().for_each(|line| println!("{line}"));
        let verb = if dry_run { "would go" } else { "removed" };
        println!(
            "trace {trace_id}: {spans} spans {verb} from {blocks} of {looked_at} blocks, {failed} \
             failures"
        );
    }
}

/// Rewrites a block if it holds the trace.
async fn delete(
    place: &Place,
    entry: &BlockEntry,
    trace_id: &TraceId,
    (purge, dry_run): (bool, bool),
) -> Result<Option<Done>, Failed> {
    let Some(spans) = spans_of(place, entry, trace_id).await? else { return Ok(None) };
    if dry_run {
        return Ok(Some(Done { spans, new: None, what: "to be rewritten".to_owned() }));
    }
    let new = rewrite(place, entry, trace_id).await?;
    let (tenant, id) = (&entry.tenant, &entry.meta.block_id);
    place.backend.mark_compacted(tenant, id).await.map_err(text)?;
    if purge {
        place.backend.delete_block(tenant, id).await.map_err(text)?;
    }
    let what = match (&new, purge) {
        (Some(new), true) => format!("{}, the old block deleted,", new.how(entry)),
        (Some(new), false) => format!("{}, the old block marked compacted,", new.how(entry)),
        (None, true) => "there was nothing else in it: deleted".to_owned(),
        (None, false) => "there was nothing else in it: marked compacted".to_owned(),
    };
    Ok(Some(Done { spans, new: new.map(|new| new.id), what }))
}

/// A block that was written.
struct NewBlock {
    id: Uuid,
    format: String,
}

impl NewBlock {
    /// What was done with the old block; it becomes one of another version if its own is only read.
    fn how(&self, old: &BlockEntry) -> String {
        match self.format == old.meta.format {
            true => "rewritten".to_owned(),
            false => format!("rewritten as {} (it was {})", self.format, old.meta.format),
        }
    }
}

/// How many spans of the trace a block holds; `None` if it does not hold it. Its rows are asked: a
/// filter that is damaged, or that a wrong meta leads to, may deny a trace that is there.
async fn spans_of(
    place: &Place,
    entry: &BlockEntry,
    trace_id: &TraceId,
) -> Result<Option<u64>, Failed> {
    let block = OpenBlock::open(place, entry).await?;
    for probe in block.reader.probe(trace_id) {
        let fetched = block.fetch(probe.ranges.clone()).await?;
        let row = block.reader.find_row(&probe, trace_id, &fetched).map_err(text)?;
        let Some(row) = row else { continue };
        let (group, rows) = (probe.row_group, [row]);
        let ranges = block.reader.pass_ranges(group, &RowContent::ALL, &rows).map_err(text)?;
        let fetched = block.fetch(ranges).await?;
        return check::check_rows(&block.reader, group, &rows, &fetched).map(Some).map_err(text);
    }
    Ok(None)
}

/// Writes the block again without the trace; `None` if nothing is left of it.
async fn rewrite(
    place: &Place,
    entry: &BlockEntry,
    trace_id: &TraceId,
) -> Result<Option<NewBlock>, Failed> {
    let mut memory_bytes_max = MEMORY_BYTES;
    loop {
        let id = Uuid::new_v4();
        let mut upload = place.backend.begin_data(&entry.tenant, &id).await.map_err(text)?;
        let options = options(place, id, memory_bytes_max);
        match merge(place, entry, trace_id, options, &mut upload).await {
            Ok(merged) if merged.meta.total_objects == 0 => {
                give_up(place, entry, &id, upload).await;
                return Ok(None);
            }
            Ok(merged) => {
                let new = NewBlock { id, format: merged.meta.format.clone() };
                let finished = upload.finish().await.map_err(text);
                let published = match finished {
                    Ok(()) => publish(place, entry, merged).await,
                    error => error,
                };
                return match published {
                    Ok(()) => Ok(Some(new)),
                    Err(why) => Err(remove_unpublished(place, entry, &id, why).await),
                };
            }
            Err(Stopped::Memory(bytes)) if bytes <= MEMORY_BYTES_MAX => {
                give_up(place, entry, &id, upload).await;
                memory_bytes_max = bytes;
            }
            Err(Stopped::Memory(bytes)) => {
                give_up(place, entry, &id, upload).await;
                return Err(format!("it needs {bytes} bytes of memory"));
            }
            Err(Stopped::Failed(why)) => {
                give_up(place, entry, &id, upload).await;
                return Err(why);
            }
        }
    }
}

fn options(place: &Place, block_id: Uuid, memory_bytes_max: u64) -> MergeOptions {
    let block = &place.engine.block;
    MergeOptions {
        block_id,
        bloom_false_positive: block.bloom_false_positive,
        bloom_shard_bytes: block.bloom_shard_bytes,
        row_group_bytes: block.row_group_bytes,
        trace_bytes_max: 0,
        memory_bytes_max,
    }
}

/// Removes what was begun; what is left of it is no block.
async fn give_up(place: &Place, entry: &BlockEntry, id: &Uuid, upload: DataUpload) {
    upload.abort().await;
    if let Err(error) = place.backend.delete_block(&entry.tenant, id).await {
        eprintln!("{}/{id}: what was begun could not be removed: {error}", entry.tenant);
    }
}

/// Removes a block that could not be published, unless it was after all; tells `why` it could not,
/// and what is left.
async fn remove_unpublished(place: &Place, entry: &BlockEntry, id: &Uuid, why: Failed) -> Failed {
    let (backend, tenant) = (&place.backend, &entry.tenant);
    let removed = match backend.read_object(tenant, id, object::META, META_BYTES_MAX).await {
        Ok(_) => return format!("{why}; and yet {tenant}/{id} is there now: run this again"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            backend.delete_block(tenant, id).await
        }
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => why,
        Err(error) => format!("{why}; parts of {tenant}/{id} may be left ({error})"),
    }
}

enum Stopped {
    /// It needs so much.
    Memory(u64),
    Failed(Failed),
}

async fn merge(
    place: &Place,
    entry: &BlockEntry,
    trace_id: &TraceId,
    options: MergeOptions,
    upload: &mut DataUpload,
) -> Result<Box<MergedBlock>, Stopped> {
    let failed = |error: &dyn std::fmt::Display| Stopped::Failed(error.to_string());
    let stopped = |error: MergeError| match error {
        MergeError::NeedsMemory { bytes } => Stopped::Memory(bytes),
        other => Stopped::Failed(other.to_string()),
    };
    let data = place.backend.open_data(entry).await.map_err(|error| failed(&error))?;
    let merge = Merge::new(vec![entry.meta.clone()], options).map_err(stopped)?;
    let mut merge = merge.without(std::slice::from_ref(trace_id));
    loop {
        match merge.step().map_err(stopped)? {
            MergeStep::Working => {}
            MergeStep::Needs(needs) => {
                for need in needs {
                    let bytes = data.read_at(need.range.clone()).await;
                    merge.supply(&need, bytes.map_err(|error| failed(&error))?);
                }
            }
            MergeStep::Made(bytes) => {
                upload.append(bytes).await.map_err(|error| failed(&error))?;
            }
            MergeStep::Finished(merged) => {
                let counts = merged.counts;
                let all = counts.traces + counts.traces_empty + counts.traces_left_out;
                let is_complete = counts.traces_left_out == 1 && all == entry.meta.total_objects;
                return match is_complete {
                    true => Ok(merged),
                    false => Err(failed(&format_args!(
                        "{} traces were to be kept, {} would be: meta.json is wrong, or the block \
                         is damaged",
                        entry.meta.total_objects.saturating_sub(1),
                        counts.traces
                    ))),
                };
            }
        }
        yield_if_due().await;
    }
}

/// Writes what belongs to the new block beside its rows, `meta.json` last.
async fn publish(
    place: &Place,
    entry: &BlockEntry,
    merged: Box<MergedBlock>,
) -> Result<(), Failed> {
    let (backend, tenant) = (&place.backend, &entry.tenant);
    let MergedBlock { mut meta, blooms, index, filters, .. } = *merged;
    let id = meta.block_id;
    for (number, bloom) in blooms.into_iter().enumerate() {
        let name = object::bloom(number as u32);
        backend.write_object(tenant, &id, &name, bloom).await.map_err(text)?;
    }
    backend.write_object(tenant, &id, object::INDEX, index).await.map_err(text)?;
    backend.write_object(tenant, &id, object::FILTERS, filters).await.map_err(text)?;
    // It takes the old one's place among those that are to be compacted, and its time.
    meta.compaction_level = entry.meta.compaction_level;
    meta.start_time.clone_from(&entry.meta.start_time);
    meta.end_time.clone_from(&entry.meta.end_time);
    meta.inputs = vec![entry.meta.block_id];
    backend.publish(&meta).await.map_err(text)
}

/// Blocks that were superseded before, and are still there with the trace.
async fn superseded(place: &Place, trace_id: &TraceId, purge: bool) -> Result<Vec<String>, Failed> {
    let mut lines = Vec::new();
    for block in open::list(place).await?.0.compacted {
        let entry = &block.entry;
        let (tenant, id) = (&entry.tenant, &entry.meta.block_id);
        if place.tenant.as_deref().is_some_and(|wanted| wanted != tenant.as_str()) {
            continue;
        }
        // What cannot be read is not answered from, either.
        if !matches!(spans_of(place, entry, trace_id).await, Ok(Some(_))) {
            continue;
        }
        let what = match purge {
            true => {
                place.backend.delete_block(tenant, id).await.map_err(text)?;
                "is deleted"
            }
            false => "still has it until it is deleted (--purge does so at once)",
        };
        lines.push(format!("{tenant}/{id}: superseded, {what}"));
    }
    Ok(lines)
}
