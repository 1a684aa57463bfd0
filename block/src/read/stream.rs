//! A column chunk, row after row, decoding a page at a time.
//!
//! From: fetched bytes. To: [`super::assemble`] and `scan`. Rows are asked for in ascending order;
//! pages that hold none of them are stepped over without being decoded.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::page::{ColumnKind, Page, PageHeader, PageKind, decode_dictionary_page, decode_page};
use super::values::{BadPage, Dictionary, Values};
use super::{DECODED_BYTES_MAX, ReadError};

/// What may still be decoded.
#[derive(Debug)]
pub(crate) struct DecodeBudget {
    limit_bytes: u64,
    used_bytes: u64,
    peak_bytes: u64,
    /// Bytes of the file that were decoded.
    pub(crate) read_bytes: u64,
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
        Self { limit_bytes, used_bytes: 0, peak_bytes: 0, read_bytes: 0 }
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

/// Levels and values of one row of one column.
#[derive(Clone, Copy)]
pub(crate) struct RowSlice<'a> {
    pub(crate) rep: &'a [u8],
    pub(crate) def: &'a [u8],
    pub(crate) values: &'a Values,
    /// The row's first value in `values`.
    pub(crate) first_value: usize,
}

impl RowSlice<'_> {
    /// How many values are there.
    pub(crate) fn values_present(&self, max_def: u8) -> usize {
        self.def.iter().filter(|def| **def == max_def).count()
    }
}

/// One column of one row group.
#[derive(Debug)]
pub(crate) struct ColumnStream {
    name: Arc<str>,
    kind: ColumnKind,
    /// Bytes that were not looked at yet.
    parts: VecDeque<Bytes>,
    dictionary: Option<Dictionary>,
    dictionary_bytes: usize,
    page: Option<Page>,
    page_bytes: usize,
    page_first_row: u64,
    /// First row of the next page in `parts`.
    next_row: u64,
}

impl ColumnStream {
    /// `parts` are whole pages in file order; `first_row` is that of the first data page.
    pub(crate) fn new(
        name: Arc<str>,
        kind: ColumnKind,
        parts: VecDeque<Bytes>,
        first_row: u64,
    ) -> Self {
        Self {
            name,
            kind,
            parts,
            dictionary: None,
            dictionary_bytes: 0,
            page: None,
            page_bytes: 0,
            page_first_row: first_row,
            next_row: first_row,
        }
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
        let page = self.page.as_ref()?;
        let at = usize::try_from(row.checked_sub(self.page_first_row)?).ok()?;
        let (start, end) = (*page.row_levels.get(at)?, *page.row_levels.get(at + 1)?);
        let levels = start as usize..end as usize;
        Some(RowSlice {
            rep: &page.rep[levels.clone()],
            def: &page.def[levels],
            values: &page.values,
            first_value: page.row_values[at] as usize,
        })
    }

    /// First row and number of rows of the current page.
    pub(crate) fn page_rows(&self) -> Option<(u64, usize)> {
        self.page.as_ref().map(|page| (self.page_first_row, page.rows()))
    }

    fn damaged(&self, row: u64, BadPage(what): BadPage) -> ReadError {
        ReadError::Damaged(format!("column {} at or before row {row}: {what}", self.name))
    }

    fn next_page(&mut self, wanted_row: u64, budget: &mut DecodeBudget) -> Result<(), NoPage> {
        let (header, body, page_bytes) = self.take_page()?;
        match header.kind {
            PageKind::Other => Ok(()),
            PageKind::Dictionary => self.load_dictionary(&header, &body, page_bytes, budget),
            PageKind::DataV1 | PageKind::DataV2 => {
                let rows = header.rows.unwrap_or(usize::MAX) as u64;
                if header.rows.is_some() && wanted_row - self.next_row >= rows {
                    self.next_row += rows;
                    return Ok(());
                }
                self.load_data(&header, &body, page_bytes, budget)
            }
        }
    }

    /// The next page's header, body and length with its header.
    fn take_page(&mut self) -> Result<(PageHeader, Bytes, usize), BadPage> {
        while self.parts.front().is_some_and(Bytes::is_empty) {
            self.parts.pop_front();
        }
        let part = self.parts.front_mut().ok_or(BadPage("column ends too soon"))?;
        let (header, header_len) = PageHeader::read(part)?;
        let page_len = header_len + header.compressed_len;
        let page = part.split_to(page_len);
        Ok((header, page.slice(header_len..), page_len))
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
        self.dictionary = Some(decode_dictionary_page(&self.kind, header, body)?);
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
        let page = decode_page(&self.kind, header, body, self.dictionary.as_ref())?;
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
}
