//! A column chunk, row after row, decoding a page at a time.
//!
//! From: fetched bytes. To: [`super::assemble`] and `scan`. Rows are asked for in ascending order;
//! pages that hold none of them are stepped over without being decoded.

use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::levels::{KnownLevels, Levels};
use super::page::{
    ColumnKind, Page, PageHeader, PageKind, decode_page, decode_page_with_codes, decode_some_rows,
};
use super::values::{BadPage, Dictionary, Values};
use super::window::{KnownWindows, Rows};
use super::{DECODED_BYTES_MAX, KnownDictionaries, ReadError, dictionaries};

/// What may still be decoded, and what columns that are decoded together can share.
#[derive(Debug)]
pub(crate) struct DecodeBudget {
    limit_bytes: u64,
    used_bytes: u64,
    peak_bytes: u64,
    /// Bytes of the file that were decoded.
    pub(crate) read_bytes: u64,
    pub(crate) levels: KnownLevels,
    windows: KnownWindows,
}

impl Default for DecodeBudget {
    fn default() -> Self {
        Self::within(DECODED_BYTES_MAX)
    }
}

impl DecodeBudget {
    /// At most `limit_bytes` at a time.
    pub(crate) fn within(limit_bytes: u64) -> Self {
        let limit_bytes = limit_bytes.min(DECODED_BYTES_MAX);
        let (levels, windows) = (KnownLevels::default(), KnownWindows::default());
        Self { limit_bytes, used_bytes: 0, peak_bytes: 0, read_bytes: 0, levels, windows }
    }

    /// Bytes that are held.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    /// Bytes that were held at most.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Takes `bytes` before they are allocated.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Short> {
        let needed = self.used_bytes + bytes as u64;
        if needed > self.limit_bytes {
            return Err(Short { needed_bytes: needed });
        }
        self.used_bytes = needed;
        self.peak_bytes = self.peak_bytes.max(needed);
        Ok(())
    }

    /// Gives back what is no longer held.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.used_bytes = self.used_bytes.saturating_sub(bytes as u64);
    }
}

/// The budget does not suffice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Short {
    needed_bytes: u64,
}

impl From<Short> for ReadError {
    fn from(short: Short) -> Self {
        match short.needed_bytes > DECODED_BYTES_MAX {
            true => ReadError::Damaged("columns decode to too much".to_owned()),
            false => ReadError::NeedsMemory { bytes: short.needed_bytes },
        }
    }
}

/// Why there is no next page.
enum NoPage {
    Bad(BadPage),
    Short(Short),
}

impl From<BadPage> for NoPage {
    fn from(bad: BadPage) -> Self {
        Self::Bad(bad)
    }
}

impl From<Short> for NoPage {
    fn from(short: Short) -> Self {
        Self::Short(short)
    }
}

/// Levels and values of some rows, one after the other, of one column.
#[derive(Clone, Copy)]
pub(crate) struct RowSlice<'a> {
    pub(crate) rep: &'a [u8],
    pub(crate) def: &'a [u8],
    pub(crate) values: &'a Values,
    /// The rows' first value in `values`.
    pub(crate) first_value: usize,
    /// How many values they have.
    pub(crate) present: usize,
    levels: &'a Arc<Levels>,
}

impl RowSlice<'_> {
    /// The rows' values by number in `values`.
    pub(crate) fn value_range(&self) -> Range<usize> {
        self.first_value..self.first_value + self.present
    }

    /// Whether the levels are those of `other`, which is of the same rows.
    pub(crate) fn has_levels_of(&self, other: &Self) -> bool {
        // Where pages share levels, slices of the same rows do.
        let same_page = Arc::ptr_eq(self.levels, other.levels);
        let same_place = same_page && self.rep.as_ptr() == other.rep.as_ptr();
        same_place && self.rep.len() == other.rep.len()
            || self.rep == other.rep && self.def == other.def
    }
}

/// The page that a stream is at.
#[derive(Clone, Copy)]
pub(crate) struct PageView<'a> {
    pub(crate) first_row: u64,
    pub(crate) levels: &'a Arc<Levels>,
    pub(crate) values: &'a Values,
    /// Of numbers, and what they are codes of, if they have any; see
    /// [`ColumnStream::keeping_codes`].
    pub(crate) codes: Option<(&'a [u32], &'a Dictionary)>,
}

impl PageView<'_> {
    /// Whether it has no values.
    pub(crate) fn is_empty(&self) -> bool {
        self.levels.present() == 0
    }
}

/// Whole pages in file order, not all of a chunk.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// With the first row of the first data page in it, unless that follows the part before.
    parts: VecDeque<(Option<u64>, Bytes)>,
    /// How many rows the next data pages have, as far as the offset index says.
    rows: VecDeque<usize>,
}

/// A page as it is in the file.
pub(crate) struct FoundPage {
    pub(crate) header: PageHeader,
    pub(crate) body: Bytes,
    /// Length, header included.
    pub(crate) bytes: usize,
    /// Its first row, if it does not follow the page before.
    pub(crate) first_row: Option<u64>,
}

impl Parts {
    pub(crate) fn push(&mut self, first_row: Option<u64>, bytes: Bytes) {
        self.parts.push_back((first_row, bytes));
    }

    /// How many rows the data pages of the last part have.
    pub(crate) fn push_rows(&mut self, rows: impl Iterator<Item = usize>) {
        self.rows.extend(rows);
    }

    /// The next page.
    pub(crate) fn take_page(&mut self) -> Result<Option<FoundPage>, BadPage> {
        while self.parts.front().is_some_and(|(_, part)| part.is_empty()) {
            self.parts.pop_front();
        }
        let Some((first_row, part)) = self.parts.front_mut() else { return Ok(None) };
        let (mut header, header_len) = PageHeader::read(part)?;
        let bytes = header_len + header.compressed_len;
        let body = part.split_to(bytes).slice(header_len..);
        let is_data = matches!(header.kind, PageKind::DataV1 | PageKind::DataV2);
        let first_row = if is_data { first_row.take() } else { None };
        let rows = if is_data { self.rows.pop_front() } else { None };
        header.rows = header.rows.or(rows);
        Ok(Some(FoundPage { header, body, bytes, first_row }))
    }
}

/// One column of one row group.
#[derive(Debug)]
pub(crate) struct ColumnStream {
    name: Arc<str>,
    kind: ColumnKind,
    /// Pages that were not looked at yet.
    parts: Parts,
    dictionary: Option<Arc<Dictionary>>,
    /// Where the first page is in the file, and who keeps dictionaries.
    known: Option<(u64, Rc<dyn KnownDictionaries>)>,
    dictionary_bytes: usize,
    page: Option<Page>,
    page_bytes: usize,
    page_first_row: u64,
    /// First row of the next page in `parts`.
    next_row: u64,
    /// Only these rows will be asked for; they ascend.
    wanted: Option<Rc<[u64]>>,
    keeps_codes: bool,
}

impl ColumnStream {
    /// A column whose pages are `parts`.
    pub(crate) fn new(name: Arc<str>, kind: ColumnKind, parts: Parts) -> Self {
        Self {
            name,
            kind,
            parts,
            dictionary: None,
            known: None,
            dictionary_bytes: 0,
            page: None,
            page_bytes: 0,
            page_first_row: 0,
            next_row: 0,
            wanted: None,
            keeps_codes: false,
        }
    }

    /// The same, which gives codes of numbers along with the numbers.
    pub(crate) fn keeping_codes(mut self) -> Self {
        self.keeps_codes = true;
        self
    }

    /// The same where only these rows, which ascend, will be asked for.
    pub(crate) fn wanting(mut self, rows: &Rc<[u64]>) -> Self {
        self.wanted = Some(Rc::clone(rows));
        self
    }

    /// The same with dictionaries kept: `known` says where its first page is.
    pub(crate) fn knowing(mut self, known: Option<(u64, Rc<dyn KnownDictionaries>)>) -> Self {
        self.known = known;
        self
    }

    /// The same with its dictionary, whose page is not among the parts.
    pub(crate) fn with_dictionary(mut self, dictionary: Option<Arc<Dictionary>>) -> Self {
        self.dictionary = dictionary;
        self
    }

    /// Has pages follow those given so far; see [`Parts`].
    pub(crate) fn extend(
        &mut self,
        first_row: Option<u64>,
        bytes: Bytes,
        rows: impl Iterator<Item = usize>,
    ) {
        self.parts.push(first_row, bytes);
        self.parts.push_rows(rows);
    }

    /// The current page, all of whose rows are decoded.
    pub(crate) fn page(&self) -> Option<PageView<'_>> {
        let page = self.page.as_ref()?;
        Some(PageView {
            first_row: self.page_first_row,
            levels: &page.levels,
            values: &page.values,
            codes: page.codes.as_deref().zip(self.dictionary.as_deref()),
        })
    }

    /// Name of the column, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn max_def(&self) -> u8 {
        self.kind.max_def
    }

    /// Decodes the page that holds `row`, which must not be before the current page.
    pub(crate) fn seek(&mut self, row: u64, budget: &mut DecodeBudget) -> Result<(), ReadError> {
        while row >= self.next_row {
            self.next_page(row, budget).map_err(|error| match error {
                NoPage::Bad(bad) => self.damaged(row, bad),
                NoPage::Short(short) => short.into(),
            })?;
        }
        if row < self.page_first_row || self.page.is_none() {
            return Err(self.damaged(row, BadPage("row is before the pages at hand")));
        }
        Ok(())
    }

    /// The row that was sought; `None` if another or none was.
    pub(crate) fn row(&self, row: u64) -> Option<RowSlice<'_>> {
        self.rows(&(row..row + 1))
    }

    /// Rows of the page of the row that was sought; `None` if not all are there.
    pub(crate) fn rows(&self, rows: &Range<u64>) -> Option<RowSlice<'_>> {
        let page = self.page.as_ref()?;
        let place = |row: u64| {
            let within = usize::try_from(row.checked_sub(self.page_first_row)?).ok()?;
            page.place(within)
        };
        let (first, end) = match rows.end.checked_sub(1).filter(|last| *last >= rows.start) {
            Some(last) => (place(rows.start)?, place(last)? + 1),
            None => (place(rows.start)?, place(rows.start)?),
        };
        let Levels { rep, def, row_values } = &*page.levels;
        let levels = *rep.rows.get(first)? as usize..*rep.rows.get(end)? as usize;
        let first_value = row_values[first] as usize;
        Some(RowSlice {
            rep: rep.levels.get(levels.clone())?,
            def: &def[levels],
            values: &page.values,
            first_value,
            present: row_values[end] as usize - first_value,
            levels: &page.levels,
        })
    }

    /// The rows of the current page from `row` on that have `entries` levels at most, and `row`
    /// itself whatever it has.
    pub(crate) fn rows_within(&self, row: u64, entries: usize) -> u64 {
        let Some(page) = &self.page else { return row };
        let row_levels = &page.levels.rep.rows;
        let at = (row.saturating_sub(self.page_first_row) as usize).min(page.rows());
        let most = (row_levels[at] as usize).saturating_add(entries);
        let fitting = row_levels[at..].partition_point(|level| *level as usize <= most);
        // One of them is where `row` begins.
        self.page_first_row + ((at + fitting - 1).max(at + 1).min(page.rows())) as u64
    }

    /// First row and number of rows of the current page.
    pub(crate) fn page_rows(&self) -> Option<(u64, usize)> {
        self.page.as_ref().map(|page| (self.page_first_row, page.rows()))
    }

    /// Gives back what it held.
    pub(crate) fn release(self, budget: &mut DecodeBudget) {
        budget.give_back(self.page_bytes + self.dictionary_bytes);
    }

    /// Decodes the dictionary page, which must come first, and gives its values.
    pub(crate) fn take_dictionary(
        &mut self,
        budget: &mut DecodeBudget,
    ) -> Result<Values, ReadError> {
        let outcome = match self.parts.take_page() {
            Ok(Some(page)) if page.header.kind == PageKind::Dictionary => {
                self.load_dictionary(&page.header, &page.body, page.bytes, budget)
            }
            Ok(_) => Err(BadPage("dictionary page is missing").into()),
            Err(bad) => Err(bad.into()),
        };
        match (outcome, self.dictionary.take()) {
            (Err(NoPage::Short(short)), _) => Err(short.into()),
            (Err(NoPage::Bad(bad)), _) => Err(self.damaged(0, bad)),
            (Ok(()), Some(dictionary)) => Ok(match Arc::unwrap_or_clone(dictionary) {
                Dictionary::Bytes(values) => Values::Bytes(values),
                Dictionary::Int(values) => Values::Int(values),
                Dictionary::Float(values) => Values::Float(values),
            }),
            (Ok(()), None) => Err(self.damaged(0, BadPage("dictionary page is missing"))),
        }
    }

    /// All values of the current page.
    pub(crate) fn page_values(&self) -> Option<&Values> {
        self.page.as_ref().map(|page| &page.values)
    }

    fn damaged(&self, row: u64, BadPage(what): BadPage) -> ReadError {
        ReadError::Damaged(format!("column {} at or before row {row}: {what}", self.name))
    }

    fn next_page(&mut self, wanted_row: u64, budget: &mut DecodeBudget) -> Result<(), NoPage> {
        let FoundPage { header, body, bytes: page_bytes, first_row } =
            self.parts.take_page()?.ok_or(BadPage("column ends too soon"))?;
        self.next_row = first_row.unwrap_or(self.next_row);
        match header.kind {
            PageKind::Other => Ok(()),
            PageKind::Dictionary => self.load_dictionary(&header, &body, page_bytes, budget),
            PageKind::DataV1 | PageKind::DataV2 => {
                let rows = header.rows.unwrap_or(usize::MAX) as u64;
                let Some(ahead) = wanted_row.checked_sub(self.next_row) else {
                    return Err(BadPage("row is not among the pages at hand").into());
                };
                if header.rows.is_some() && ahead >= rows {
                    self.next_row += rows;
                    return Ok(());
                }
                self.load_data(&header, &body, page_bytes, budget)
            }
        }
    }

    fn load_dictionary(
        &mut self,
        header: &PageHeader,
        body: &Bytes,
        page_bytes: usize,
        budget: &mut DecodeBudget,
    ) -> Result<(), NoPage> {
        if self.dictionary.is_some() {
            return Err(BadPage("second dictionary page").into());
        }
        budget.take(header.memory_bytes())?;
        self.dictionary_bytes = header.memory_bytes();
        // A dictionary is the first page.
        let (offset, known) =
            self.known.as_ref().map_or((0, None), |(at, known)| (*at, Some(known)));
        let known = known.map(Rc::as_ref);
        self.dictionary = Some(dictionaries::decode(known, offset, &self.kind, header, body)?);
        budget.read_bytes += page_bytes as u64;
        Ok(())
    }

    fn load_data(
        &mut self,
        header: &PageHeader,
        body: &Bytes,
        page_bytes: usize,
        budget: &mut DecodeBudget,
    ) -> Result<(), NoPage> {
        self.page = None;
        budget.give_back(std::mem::take(&mut self.page_bytes));
        budget.take(header.memory_bytes())?;
        self.page_bytes = header.memory_bytes();
        let (kind, dictionary) = (&self.kind, self.dictionary.as_deref());
        let page = match self.wanted_rows(header) {
            None if self.keeps_codes => {
                decode_page_with_codes(kind, header, body, dictionary, &mut budget.levels)?
            }
            None => decode_page(kind, header, body, dictionary, &mut budget.levels)?,
            Some(rows) => {
                decode_some_rows(kind, header, body, rows, dictionary, &mut budget.windows)?
            }
        };
        // What a header says is an estimate; from here on the page's real size counts.
        budget.give_back(std::mem::take(&mut self.page_bytes));
        budget.take(page.memory_bytes())?;
        self.page_bytes = page.memory_bytes();
        budget.read_bytes += page_bytes as u64;
        self.page_first_row = self.next_row;
        self.next_row += page.rows() as u64;
        self.page = Some(page);
        Ok(())
    }

    /// The rows of the next page that will be asked for, if they are few.
    fn wanted_rows(&self, header: &PageHeader) -> Option<Rows> {
        let (wanted, rows) = (self.wanted.as_ref()?, header.rows?);
        let end = self.next_row.saturating_add(rows as u64);
        let first = wanted.partition_point(|row| *row < self.next_row);
        let behind = wanted.partition_point(|row| *row < end);
        let within = wanted.get(first..behind)?;
        if within.len() > rows / 4 {
            return None;
        }
        let mut ranges: Vec<Range<usize>> = Vec::with_capacity(within.len());
        for row in within.iter().map(|row| (row - self.next_row) as usize) {
            match ranges.last_mut() {
                Some(last) if last.end == row => last.end += 1,
                _ => ranges.push(row..row + 1),
            }
        }
        Some(Rc::from(ranges))
    }
}
