//! Rows of other blocks, added to the columns as they are.
//!
//! From: [`crate::merge`], which appends decoded values and the counts of lists. To: the same pages
//! as those of traces that are shredded; both may come in turn.

use bytes::Bytes;
use stringendo_proto::TraceId;

use super::column::AnyColumn;
use super::file::File;
use super::levels::{List, Lists};
use super::{BlockEncoder, EncodeError};

/// How many elements of each list were appended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Appended {
    counts: [u64; List::NESTED.len() + 1],
    /// Bytes of strings that are not in a dictionary, about.
    pub string_bytes: u64,
}

impl Appended {
    /// Adds elements.
    pub(crate) fn add(&mut self, list: List, count: u64) {
        self.counts[list as usize] += count;
    }

    /// Elements of a list.
    pub(crate) fn of(&self, list: List) -> u64 {
        self.counts[list as usize]
    }

    /// Bytes by Tempo's estimate (contract blocks.md §6).
    fn estimate_bytes(&self) -> u64 {
        const ESTIMATES: [(List, u64); 9] = [
            (List::Rows, 23),
            (List::Resources, 31),
            (List::ResourceAttributes, 7),
            (List::Scopes, 6),
            (List::ScopeAttributes, 7),
            (List::Spans, 61),
            (List::SpanAttributes, 7),
            (List::Events, 14),
            (List::Links, 29),
        ];
        ESTIMATES.iter().map(|(list, bytes)| self.of(*list) * bytes).sum()
    }

    /// Bytes of the spans as they were sent, about.
    fn read_bytes(&self) -> u64 {
        self.of(List::Spans) * 64 + self.of(List::SpanAttributes) * 24 + self.string_bytes
    }
}

/// How much is to be appended at a time, about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub spans: u32,
    /// Of decoded values.
    pub bytes: u64,
}

impl BlockEncoder {
    /// Has the file taken piece by piece ([`BlockEncoder::take`]), and ends row groups and pages so
    /// that no more than about so much memory is held.
    #[must_use]
    pub(crate) fn streamed(mut self, memory_bytes_max: u64) -> Self {
        self.file = File::streamed();
        // What the pages of a row group are in grows by doubling.
        self.row_group_memory_max = self.row_group_memory_max.min(memory_bytes_max as usize / 2);
        // A page is held as values, encoded, compressed, and in its row group; each in a buffer
        // that may be twice as large.
        self.page_read_bytes_max = self.page_read_bytes_max.min(memory_bytes_max / 16);
        self
    }

    /// Takes the next bytes of the file: at least so many if there are.
    pub(crate) fn take(&mut self, bytes_min: usize) -> Bytes {
        self.file.take(bytes_min).into()
    }

    /// Bytes that could be taken.
    pub(crate) fn untaken(&self) -> usize {
        self.file.untaken()
    }

    /// Row groups that are ended: with each, codes begin anew.
    pub(crate) fn row_groups(&self) -> usize {
        self.file.row_groups()
    }

    /// The tree.
    pub(crate) fn schema(&self) -> &crate::schema::Schema {
        &self.columns.schema
    }

    /// How much may be appended before it is asked whether the page or the row group ends.
    pub(crate) fn wanted(&self) -> Wanted {
        /// What a span of the usual form is by Tempo's estimate.
        const ESTIMATE_PER_SPAN: u64 = 200;
        /// About a millisecond's work.
        const SPANS_MAX: u32 = 4096;
        let left = self.options.row_group_bytes.saturating_sub(self.row_group_estimate);
        let of_page = super::PAGE_SPANS_MAX.saturating_sub(self.columns.spans).min(SPANS_MAX);
        Wanted {
            spans: u64::from(of_page).min(left / ESTIMATE_PER_SPAN).max(1) as u32,
            bytes: self.page_read_bytes_max.saturating_sub(self.page_read_bytes).max(1),
        }
    }

    /// The columns, one per leaf, and the lists, to append rows to. Nothing may be half written.
    pub(crate) fn columns(&mut self) -> (Vec<&mut dyn AnyColumn>, &mut Lists) {
        self.columns.all()
    }

    /// Counts rows that were appended to all columns.
    ///
    /// # Errors
    /// Ids out of order.
    pub(crate) fn count_appended(
        &mut self,
        ids: &[TraceId],
        appended: &Appended,
    ) -> Result<(), EncodeError> {
        for id in ids {
            if let Some(last) = self.last_id.filter(|last| last >= id) {
                return Err(EncodeError::Order { last, next: *id });
            }
            self.last_id = Some(*id);
            self.bloom.add(id);
            self.notes.gathered.id(id);
        }
        let columns = &mut self.columns;
        columns.lists.rows += ids.len();
        columns.resources += appended.of(List::Resources) as u32;
        columns.spans += appended.of(List::Spans) as u32;
        columns.events += appended.of(List::Events) as u32;
        self.traces += ids.len() as u64;
        self.total.spans += appended.of(List::Spans);
        self.row_group_rows += ids.len() as u64;
        self.row_group_estimate += appended.estimate_bytes();
        self.page_read_bytes += appended.read_bytes();
        self.begin_writing_if_due();
        Ok(())
    }
}
