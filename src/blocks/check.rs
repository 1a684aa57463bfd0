//! `blocks check`: reads blocks from end to end and names what is wrong with them.

use bytes::Bytes;
use stringendo_block::check::{CheckPart, Findings, RowsCheck, check_meta, check_rows};
use stringendo_block::filters::{Directory, Gathered, Part};
use stringendo_block::{bloom, index};
use stringendo_engine::backend::{BLOOM_BYTES_MAX, object};
use stringendo_engine::block_list::BlockEntry;
use stringendo_proto::TraceId;
use stringendo_ring::yield_if_due;

use super::filters::gather;
use super::open::{self, OpenBlock};
use super::show::FILTERS_BYTES_MAX;
use super::text::Progress;
use super::{Failed, Place};

/// Traces that are read together, and bytes of them, about.
const ROWS: u64 = 512;
const ROWS_BYTES: u64 = 8 << 20;
/// Largest index object that is read.
const INDEX_BYTES_MAX: u64 = 64 << 20;

/// Checks blocks; whether nothing is wrong.
pub async fn run(place: &Place, block: Option<&str>) -> Result<bool, Failed> {
    let found = open::find(place, block).await?;
    let mut wrong = found.problems.len() as u64;
    found.problems.iter().for_each(|problem| println!("{problem}"));
    for (number, entry) in found.live.iter().enumerate() {
        let name = format!("{}/{}", entry.tenant, entry.meta.block_id);
        let title = format!("block {} of {}", number + 1, found.live.len());
        let mut check = Check { place, entry, findings: Findings::default(), title };
        let mut progress = Progress::new();
        let outcome = check.all(&mut progress).await;
        progress.end();
        let findings = &check.findings;
        findings.told.iter().for_each(|finding| println!("{name}: {finding}"));
        if findings.untold > 0 {
            println!("{name}: and {} more", findings.untold);
        }
        wrong += findings.told.len() as u64 + findings.untold;
        match outcome {
            Ok(looked) if findings.is_empty() => println!("{name}: sound ({looked})"),
            Ok(_) => {}
            Err(why) => {
                println!("{name}: {why}");
                wrong += 1;
            }
        }
    }
    println!("{} blocks, {wrong} faults", found.live.len());
    Ok(wrong == 0)
}

struct Check<'a> {
    place: &'a Place,
    entry: &'a BlockEntry,
    findings: Findings,
    title: String,
}

impl Check<'_> {
    /// Looks at everything; says what there was to look at.
    async fn all(&mut self, progress: &mut Progress) -> Result<String, Failed> {
        let block = OpenBlock::open(self.place, self.entry).await?;
        let (tenant, id) = (self.entry.tenant.as_str(), &self.entry.meta.block_id);
        let (meta, bytes) = (&self.entry.meta, block.data_bytes());
        check_meta(meta, (tenant, id), bytes, &block.reader, &mut self.findings);
        let blooms = self.blooms().await;
        let (mut rows, mut last_ids) = (RowsCheck::default(), Vec::new());
        let (mut gathered, mut spans, mut ids) = (Gathered::default(), 0, Vec::new());
        let filters = self.filters().await;
        for row_group in 0..block.reader.row_groups() {
            self.pages(&block, row_group, progress).await?;
            ids.clear();
            self.scan(&block, row_group, &mut rows, &mut ids).await?;
            last_ids.extend(ids.last().copied());
            ids.iter().for_each(|id| self.bloom(&blooms, id));
            spans += self.traces(&block, row_group, progress).await?;
            if let Some((object, directory)) = &filters {
                self.ids_in_filters(object, directory, &ids);
                let mut told = |part: String| progress.at(|| format!("{}: {part}", self.title));
                gather(&block, row_group, &mut gathered, &mut told).await?;
            }
        }
        self.findings.expect(spans == rows.spans, || {
            format!("traces have {spans} spans when read one by one, {} when scanned", rows.spans)
        });
        self.index(&last_ids).await;
        if let Some((object, directory)) = &filters {
            self.values_in_filters(object, directory, &gathered);
        }
        Ok(format!("{} traces, {} spans, {bytes} bytes", rows.traces, rows.spans))
    }

    /// Decodes every page of every column.
    async fn pages(
        &mut self,
        block: &OpenBlock,
        row_group: usize,
        progress: &mut Progress,
    ) -> Result<(), Failed> {
        let parts: Vec<CheckPart> = block.reader.check_parts(row_group);
        for (number, part) in parts.iter().enumerate() {
            progress.at(|| {
                let (of, groups) = (parts.len(), block.reader.row_groups());
                format!(
                    "{}: pages, row group {row_group} of {groups}, {number} of {of}",
                    self.title
                )
            });
            let fetched = block.fetch(block.reader.check_ranges(part)).await?;
            if let Err(error) = block.reader.check_part(part, &fetched) {
                self.findings.add(error.to_string());
            }
            yield_if_due().await;
        }
        Ok(())
    }

    /// Looks at ids, times, nested sets and statistics of all traces.
    async fn scan(
        &mut self,
        block: &OpenBlock,
        row_group: usize,
        rows: &mut RowsCheck,
        ids: &mut Vec<TraceId>,
    ) -> Result<(), Failed> {
        let request = RowsCheck::request();
        let fetched = block.fetch(block.reader.scan_ranges(row_group, &request)).await?;
        let outcome = async {
            let mut scan = block.reader.scan(row_group, &request, &fetched)?;
            while let Some(batch) = scan.next_batch()? {
                rows.batch(&mut scan, &batch, ids, &mut self.findings)?;
                yield_if_due().await;
            }
            Ok::<(), stringendo_block::ReadError>(())
        };
        if let Err(error) = outcome.await {
            self.findings.add(format!("row group {row_group}: {error}"));
        }
        Ok(())
    }

    /// Reads every trace as a query by id does; how many spans they have.
    async fn traces(
        &mut self,
        block: &OpenBlock,
        row_group: usize,
        progress: &mut Progress,
    ) -> Result<u64, Failed> {
        let all = block.reader.rows(row_group).map_err(super::text)?;
        let bytes: u64 = block.reader.column_sizes(row_group).iter().map(|size| size.bytes).sum();
        let at_once = (all.saturating_mul(ROWS_BYTES) / bytes.max(1)).clamp(1, ROWS);
        let mut spans = 0;
        for first in (0..all).step_by(at_once as usize) {
            progress
                .at(|| format!("{}: trace {first} of {all}, row group {row_group}", self.title));
            let rows: Vec<u64> = (first..all.min(first + at_once)).collect();
            let content = stringendo_block::RowContent::ALL;
            let ranges = block.reader.pass_ranges(row_group, &content, &rows);
            let fetched = block.fetch(ranges.map_err(super::text)?).await?;
            match check_rows(&block.reader, row_group, &rows, &fetched) {
                Ok(of_rows) => spans += of_rows,
                Err(error) => self.findings.add(error.to_string()),
            }
            yield_if_due().await;
        }
        Ok(spans)
    }

    async fn object(&mut self, name: &str, bytes_max: u64) -> Option<Bytes> {
        let (tenant, id) = (&self.entry.tenant, &self.entry.meta.block_id);
        match self.place.backend.read_object(tenant, id, name, bytes_max).await {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                self.findings.add(format!("{name}: {error}"));
                None
            }
        }
    }

    /// The Bloom filters; those that are missing are told.
    async fn blooms(&mut self) -> Vec<Bytes> {
        let shards = self.entry.meta.bloom_shards;
        self.findings.expect(shards > 0, || "meta.json: bloomShards is 0".to_owned());
        let mut blooms = Vec::with_capacity(shards as usize);
        for shard in 0..shards {
            let name = object::bloom(shard);
            let found = self.object(&name, BLOOM_BYTES_MAX).await;
            self.findings.expect(found.is_some(), || format!("{name} is missing"));
            blooms.push(found.unwrap_or_default());
        }
        blooms
    }

    fn bloom(&mut self, blooms: &[Bytes], id: &TraceId) {
        let shard = bloom::shard_of(id, blooms.len() as u32) as usize;
        let Some(object) = blooms.get(shard).filter(|object| !object.is_empty()) else { return };
        match bloom::may_contain(object, id) {
            Some(true) => {}
            Some(false) => self.findings.add(format!("bloom-{shard} denies trace {id}")),
            None => self.findings.add(format!("bloom-{shard} is damaged")),
        }
    }

    /// A missing index is fine; a wrong one is not.
    async fn index(&mut self, last_ids: &[TraceId]) {
        if let Some(json) = self.object(object::INDEX, INDEX_BYTES_MAX).await {
            let known = index::parse(&json);
            self.findings.expect(known.as_deref() == Some(last_ids), || {
                "index does not name the last trace of each row group".to_owned()
            });
        }
    }

    /// Our filters, if there are any.
    async fn filters(&mut self) -> Option<(Bytes, Directory)> {
        let object = self.object(object::FILTERS, FILTERS_BYTES_MAX).await?;
        match Directory::decode(&object, &self.entry.meta.block_id) {
            Ok(directory) => Some((object, directory)),
            Err(error) => {
                self.findings.add(format!("{}: {error}", object::FILTERS));
                None
            }
        }
    }

    fn ids_in_filters(&mut self, object: &Bytes, directory: &Directory, ids: &[TraceId]) {
        let Some(range) = directory.ids_range() else { return };
        let Some(bytes) = slice(object, range) else {
            return self.findings.add(format!("{} is cut short", object::FILTERS));
        };
        match directory.ids_of(&bytes) {
            Ok(filter) => {
                for id in ids.iter().filter(|id| !filter.may_hold(id)) {
                    self.findings.add(format!("{} denies trace {id}", object::FILTERS));
                }
            }
            Err(error) => self.findings.add(format!("{}: {error}", object::FILTERS)),
        }
    }

    fn values_in_filters(&mut self, object: &Bytes, directory: &Directory, gathered: &Gathered) {
        let checked =
            |part: &Part| slice(object, part.range()).and_then(|bytes| part.check(bytes).ok());
        if directory.parts().any(|part| checked(part).is_none()) {
            return self.findings.add(format!("{}: a part is damaged", object::FILTERS));
        }
        let mut denied = 0_u64;
        for probe in gathered.probes() {
            let page = directory.page_for(&probe).and_then(|part| checked(&part));
            denied += page.map_or(0, |page| u64::from(!directory.may_hold(&probe, &page)));
        }
        self.findings.expect(denied == 0, || {
            format!("{} denies {denied} keys or values that are there", object::FILTERS)
        });
    }
}

fn slice(object: &Bytes, range: std::ops::Range<u64>) -> Option<Bytes> {
    let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
    (range.end <= object.len() && range.start <= range.end).then(|| object.slice(range))
}
