//! All trace ids of a row group.

use std::ops::Range;

use stringendo_proto::TraceId;

use super::rows::id_at;
use super::{BlockReader, DecodeBudget, Fetched, ReadError, damaged};

impl BlockReader {
    /// Ranges to fetch before [`BlockReader::read_ids_within`].
    ///
    /// # Errors
    /// No such row group.
    pub fn id_ranges(&self, row_group: usize) -> Result<Vec<Range<u64>>, ReadError> {
        Ok(vec![self.row_group(row_group)?.chunks[self.columns.trace_id].range.clone()])
    }

    /// Appends the trace ids of a row group from row number `first` on to `ids`, with at most
    /// `decoded_bytes_max` decoded at a time.
    ///
    /// # Errors
    /// Damaged column, or ranges missing from `fetched`, or too little memory; then `ids` holds
    /// those before.
    pub fn read_ids_within(
        &self,
        row_group: usize,
        first: u64,
        fetched: &Fetched,
        decoded_bytes_max: u64,
        ids: &mut Vec<TraceId>,
    ) -> Result<(), ReadError> {
        let rows = self.rows(row_group)?;
        let mut stream = self.stream(row_group, self.columns.trace_id, fetched)?;
        let mut budget = DecodeBudget::within(decoded_bytes_max);
        for row in first..rows {
            stream.seek(row, &mut budget)?;
            let id = id_at(&stream, row).try_into().map(TraceId);
            ids.push(id.map_err(|_| damaged(format!("row {row}: trace id is not of 16 bytes")))?);
        }
        Ok(())
    }
}
