//! One of the blocks to be merged, read from its first row to its last.
//!
//! From: ranges that were fetched. To: [`super::order`] (ids of rows that are decoded), then
//! [`super::append`] and [`super::pieces`], which look at the pages that hold them.
//!
//! A row group is read in windows of rows: the pages of all columns that begin in a window are
//! fetched together. Within it, every column is at the page that holds the next row; rows are ready
//! as far as the shortest of these pages goes.

use std::ops::Range;

use bytes::Bytes;
use stringendo_proto::TraceId;
use stringendo_proto::otlp::TracesData;
use uuid::Uuid;

use crate::meta::BlockMeta;
use crate::read::columns::Column;
use crate::read::sequence::WholeRows;
use crate::read::stream::{ColumnStream, DecodeBudget, PageView};
use crate::read::values::{Physical, Values};
use crate::read::{BlockReader, Fetched, PartRange, ReadError, join_ranges};
use crate::schema::{Leaf, LeafType};

/// Columns are brought to their next pages until so many entries were decoded in a step.
const STEP_ENTRIES: usize = 32 << 10;

/// What an input needs before it can give rows.
pub(super) enum Wants {
    /// These bytes.
    Ranges(Vec<Range<u64>>),
    /// To be called again.
    Work,
    /// The same; codes of this input now mean other strings.
    NewDictionaries,
    /// It has rows, or has come to its end.
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The footer is to be opened.
    Footer,
    /// A row group begins.
    RowGroup,
    /// Pages are to be fetched.
    Window,
    /// This column is to be brought to the next row.
    Decode(usize),
    /// Rows are decoded.
    Ready,
    End,
}

/// A block being read.
pub(super) struct Input {
    meta: BlockMeta,
    stage: Stage,
    reader: Option<Opened>,
    /// Memory of the reader: it is asked for at every step, and has much to count.
    reader_bytes: usize,
    fetched: Fetched,
    /// Ranges that were asked for.
    asked: Vec<Range<u64>>,
    fetched_bytes: u64,
    /// A range came back with too few bytes.
    is_cut: bool,
    window_bytes: u64,
    row_group: usize,
    /// Rows of the row group.
    rows: u64,
    /// The next row.
    row: u64,
    /// Rows before this one are fetched.
    window_end: u64,
    /// Rows before this one are decoded.
    ready_end: u64,
    /// Decoded bytes of such a row, on average.
    row_bytes: u64,
    /// Ids of the rows from the next row on, as far as they are ready.
    ids: Vec<u128>,
    ids_first: u64,
    last_id: Option<u128>,
    streams: Vec<ColumnStream>,
}

struct Opened {
    reader: BlockReader,
    /// Column of each leaf.
    columns: Vec<Column>,
    /// Leaf of each column.
    leaf_of: Vec<Option<usize>>,
    whole: WholeRows,
    /// The leaf of trace ids, and one that has a value per span.
    id_leaf: usize,
    span_leaf: usize,
}

impl Input {
    /// A block that is not opened yet, of which about so many bytes are fetched at a time.
    pub(super) fn new(meta: BlockMeta, window_bytes: u64) -> Self {
        Self {
            meta,
            stage: Stage::Footer,
            reader: None,
            reader_bytes: 0,
            fetched: Fetched::default(),
            asked: Vec::new(),
            fetched_bytes: 0,
            is_cut: false,
            window_bytes,
            row_group: 0,
            rows: 0,
            row: 0,
            window_end: 0,
            ready_end: 0,
            row_bytes: 0,
            ids: Vec::new(),
            ids_first: 0,
            last_id: None,
            streams: Vec::new(),
        }
    }

    /// Its id.
    pub(super) fn block_id(&self) -> Uuid {
        self.meta.block_id
    }

    /// Takes bytes that were asked for.
    pub(super) fn supply(&mut self, range: &Range<u64>, bytes: Bytes) {
        self.is_cut |= (bytes.len() as u64) < range.end - range.start;
        self.fetched_bytes += bytes.len() as u64;
        self.fetched.insert(range.start, bytes);
    }

    /// Bytes of memory held, decoded pages aside.
    pub(super) fn memory_bytes(&self) -> usize {
        self.reader_bytes + self.fetched_bytes as usize + self.ids.capacity() * size_of::<u128>()
    }

    /// Does a part of what is to be done before rows can be taken.
    pub(super) fn prepare(
        &mut self,
        leaves: &[Leaf],
        budget: &mut DecodeBudget,
    ) -> Result<Wants, ReadError> {
        if self.stage == Stage::Ready && self.row >= self.ready_end {
            self.stage = match self.row {
                row if row >= self.rows => Stage::RowGroup,
                row if row >= self.window_end => Stage::Window,
                _ => Stage::Decode(0),
            };
        }
        if self.is_cut {
            return Err(ReadError::Damaged("data.parquet is shorter than meta.json says".into()));
        }
        if let Some(missing) = self.missing() {
            return Ok(Wants::Ranges(missing));
        }
        match self.stage {
            Stage::Footer => self.open(leaves),
            Stage::RowGroup => self.begin_row_group(budget),
            Stage::Window => self.begin_window(),
            Stage::Decode(leaf) => self.decode(leaf, budget),
            Stage::Ready | Stage::End => Ok(Wants::Nothing),
        }
    }

    /// What was asked for and is not there.
    fn missing(&self) -> Option<Vec<Range<u64>>> {
        let is_missing = |range: &&Range<u64>| self.fetched.get(range).is_none();
        let missing: Vec<_> = self.asked.iter().filter(is_missing).cloned().collect();
        (!missing.is_empty()).then_some(missing)
    }

    /// Asks for ranges. With nothing to ask for there is work to do.
    fn ask(&mut self, ranges: Vec<Range<u64>>) -> Wants {
        self.asked = ranges;
        self.missing().map_or(Wants::Work, Wants::Ranges)
    }

    fn open(&mut self, leaves: &[Leaf]) -> Result<Wants, ReadError> {
        if self.asked.is_empty() {
            return Ok(self.ask(vec![BlockReader::footer_range(&self.meta)]));
        }
        let tail = self.asked.iter().map(|range| range.start).min().unwrap_or(0)..self.meta.size;
        let bytes = self.fetched.need(&tail)?;
        let reader = match BlockReader::open(self.meta.clone(), &bytes) {
            Err(ReadError::NotFetched(range)) if range != tail => return Ok(self.ask(vec![range])),
            reader => reader?.of_all_columns(&self.fetched),
        };
        let columns = leaves.iter().map(|leaf| column_of(&reader, leaf));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let mut leaf_of = Vec::new();
        for (leaf, column) in columns.iter().enumerate() {
            leaf_of.resize(leaf_of.len().max(column + 1), None);
            leaf_of[*column] = Some(leaf);
        }
        let at = |name: &str| leaves.iter().position(|leaf| leaf.name == name).unwrap_or(0);
        let (id_leaf, span_leaf) = (at("TraceID"), at("rs.ss.Spans.Kind"));
        let whole = reader.whole_rows();
        self.reader_bytes = reader.memory_bytes();
        self.reader = Some(Opened { reader, columns, leaf_of, whole, id_leaf, span_leaf });
        self.asked.clear();
        self.stage = Stage::RowGroup;
        Ok(Wants::Work)
    }

    /// Goes on to the row group that comes first or next.
    fn begin_row_group(&mut self, budget: &mut DecodeBudget) -> Result<Wants, ReadError> {
        if !self.streams.is_empty() {
            self.streams.drain(..).for_each(|stream| stream.release(budget));
            self.row_group += 1;
        }
        let Some(opened) = self.reader.take() else { return Ok(Wants::Nothing) };
        if self.row_group >= opened.reader.row_groups() {
            self.reader = Some(opened);
            self.stage = Stage::End;
            return Ok(Wants::Work);
        }
        self.rows = opened.reader.rows(self.row_group)?;
        let Opened { reader, .. } = opened;
        let reader = reader.with_page_index(self.row_group, &self.fetched);
        let index = reader.page_index_ranges(self.row_group);
        self.reader_bytes = reader.memory_bytes();
        self.reader = Some(Opened { reader, ..opened });
        if !index.is_empty() && self.asked != index {
            return Ok(self.ask(index));
        }
        self.asked.clear();
        self.open_streams()?;
        (self.row, self.window_end, self.ready_end) = (0, 0, 0);
        self.stage = if self.rows == 0 { Stage::RowGroup } else { Stage::Window };
        Ok(Wants::NewDictionaries)
    }

    fn open_streams(&mut self) -> Result<(), ReadError> {
        let Some(opened) = &self.reader else { return Ok(()) };
        let open = |column: &Column| opened.reader.empty_stream(self.row_group, *column);
        self.streams = opened.columns.iter().map(open).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Fetches the pages that begin in the next rows, and hands them to the columns.
    fn begin_window(&mut self) -> Result<Wants, ReadError> {
        let Some(opened) = &self.reader else { return Ok(Wants::Nothing) };
        let reader = &opened.reader;
        let bytes = reader.row_group_bytes(self.row_group).max(1);
        let share = u128::from(self.rows) * u128::from(self.window_bytes) / u128::from(bytes);
        let end = self.row.saturating_add((share as u64).max(1)).min(self.rows);
        let rows = self.window_end..end;
        let parts = |column: &Column| reader.parts_from(self.row_group, *column, &rows);
        let parts: Vec<Vec<PartRange>> = opened.columns.iter().map(parts).collect();
        if self.asked.is_empty() {
            let ranges = parts.iter().flatten().map(|part| part.range.clone());
            let ranges = join_ranges(ranges.filter(|range| !range.is_empty()).collect());
            self.fetched = Fetched::default();
            self.fetched_bytes = 0;
            if !ranges.is_empty() {
                return Ok(self.ask(ranges));
            }
        }
        for ((column, stream), parts) in opened.columns.iter().zip(&mut self.streams).zip(parts) {
            for part in parts {
                let page_rows = reader.page_rows(self.row_group, *column, &part.range);
                stream.extend(part.first_row, self.fetched.need(&part.range)?, page_rows);
            }
        }
        self.fetched = Fetched::default();
        self.asked.clear();
        self.window_end = end;
        self.stage = Stage::Decode(0);
        Ok(Wants::Work)
    }

    /// Brings some columns to the next row.
    fn decode(&mut self, from: usize, budget: &mut DecodeBudget) -> Result<Wants, ReadError> {
        let mut entries = 0;
        for (leaf, stream) in self.streams.iter_mut().enumerate().skip(from) {
            let before = stream.page().map(|page| page.first_row);
            stream.seek(self.row, budget)?;
            let page = stream.page().filter(|page| Some(page.first_row) != before);
            entries += page.map_or(0, |page| page.levels.def.len() + page.values.len());
            if entries >= STEP_ENTRIES {
                self.stage = Stage::Decode(leaf + 1);
                return Ok(Wants::Work);
            }
        }
        let pages = || self.streams.iter().filter_map(ColumnStream::page);
        let bytes = |page: PageView<'_>| page.values.memory_bytes() / page.levels.rows().max(1);
        self.row_bytes = pages().map(bytes).sum::<usize>() as u64;
        let page_ends = self.streams.iter().filter_map(ColumnStream::page_rows);
        let ready_end = page_ends.map(|(first, rows)| first + rows as u64).min();
        self.ready_end = ready_end.unwrap_or(0).min(self.rows);
        self.read_ids()?;
        self.stage = Stage::Ready;
        Ok(Wants::Nothing)
    }

    fn read_ids(&mut self) -> Result<(), ReadError> {
        let damaged = |row, what: &str| {
            let group = self.row_group;
            Err(ReadError::Damaged(format!("data.parquet: row group {group}, row {row}: {what}")))
        };
        let Some(opened) = &self.reader else { return Ok(()) };
        self.ids.clear();
        self.ids_first = self.row;
        for row in self.row..self.ready_end {
            let Some(slice) = self.streams[opened.id_leaf].row(row) else {
                return damaged(row, "trace id is missing");
            };
            if slice.present != 1 {
                return damaged(row, "trace id is missing");
            }
            let Ok(id) = slice.values.byte_slice(slice.first_value).try_into() else {
                return damaged(row, "trace id is not of 16 bytes");
            };
            let id = u128::from_be_bytes(id);
            if self.last_id.is_some_and(|last| last >= id) {
                return damaged(row, "trace ids are not in ascending order");
            }
            self.last_id = Some(id);
            self.ids.push(id);
        }
        match self.ids.is_empty() {
            true => damaged(self.row, "no rows"),
            false => Ok(()),
        }
    }

    /// The ids of the rows that are ready, from the next one on. Empty at the end of the block.
    pub(super) fn ids(&self) -> &[u128] {
        match self.stage {
            Stage::Ready => &self.ids[(self.row - self.ids_first) as usize..],
            _ => &[],
        }
    }

    /// Whether all rows were taken.
    pub(super) fn is_at_end(&self) -> bool {
        self.stage == Stage::End
    }

    /// The next row.
    pub(super) fn next_row(&self) -> u64 {
        self.row
    }

    /// Goes on by so many rows.
    pub(super) fn pass_rows(&mut self, rows: u64) {
        self.row += rows;
    }

    /// Goes on to the next row.
    pub(super) fn pass_row(&mut self) {
        self.pass_rows(1);
    }

    /// Decoded bytes of a row that is ready, on average.
    pub(super) fn row_bytes(&self) -> u64 {
        self.row_bytes
    }

    /// Spans of a row that is ready.
    pub(super) fn spans_of(&self, row: u64) -> usize {
        let Some(opened) = &self.reader else { return 0 };
        self.streams[opened.span_leaf].row(row).map_or(0, |slice| slice.present)
    }

    /// The page that a leaf is at.
    pub(super) fn page(&self, leaf: usize) -> Option<PageView<'_>> {
        self.streams.get(leaf)?.page()
    }

    /// What is wrong with a column.
    pub(super) fn damaged(&self, leaf: usize, what: &str) -> ReadError {
        let name = self.streams.get(leaf).map_or("", ColumnStream::name);
        let (group, row) = (self.row_group, self.row);
        ReadError::Damaged(format!(
            "data.parquet: row group {group}, column {name}, at or before row {row}: {what}"
        ))
    }

    /// The next row as OTLP. Its id comes with it.
    pub(super) fn read_row(
        &self,
        budget: &mut DecodeBudget,
    ) -> Result<(TracesData, usize), ReadError> {
        let Some(opened) = &self.reader else { return Ok(Default::default()) };
        let stream =
            |column: Column| self.streams.get(opened.leaf_of.get(column).copied().flatten()?);
        let bytes = opened.whole.row_bytes(stream, self.row);
        budget.take(bytes)?;
        let place = (self.row_group, self.row);
        let trace = opened.reader.whole_row(&opened.whole, stream, place);
        trace.map(|trace| (trace, bytes)).inspect_err(|_| budget.give_back(bytes))
    }

    /// The id of the next row.
    pub(super) fn next_id(&self) -> Option<TraceId> {
        self.ids().first().map(|id| TraceId(id.to_be_bytes()))
    }
}

/// The column that holds what belongs into a leaf.
fn column_of(reader: &BlockReader, leaf: &Leaf) -> Result<Column, ReadError> {
    let damaged =
        |what: &str| ReadError::Damaged(format!("data.parquet: column {}: {what}", leaf.path));
    let (column, physical, levels) =
        reader.column_at(&leaf.path).ok_or_else(|| damaged("is missing"))?;
    if physical != Some(physical_of(leaf.kind)) {
        return Err(damaged("is of another type"));
    }
    let expected = (leaf.max_rep as u8, leaf.max_def as u8);
    if levels != expected {
        return Err(damaged("is at another level"));
    }
    Ok(column)
}

fn physical_of(kind: LeafType) -> Physical {
    match kind {
        LeafType::Bin | LeafType::Str => Physical::ByteArray,
        LeafType::I32 | LeafType::U32 => Physical::Int32,
        LeafType::I64 | LeafType::U64 => Physical::Int64,
        LeafType::F64 => Physical::Double,
        LeafType::Bool => Physical::Bool,
    }
}

/// Bytes that some values take which are in no dictionary.
pub(super) fn string_bytes(values: &Values, range: &Range<usize>) -> u64 {
    match values {
        Values::Bytes(strings) => {
            strings.in_a_row(range.clone()).map_or(0, |(data, _)| data.len() as u64)
        }
        _ => 0,
    }
}
