//! The values of one field in a row group, all spans counting.

use std::collections::VecDeque;
use std::ops::Range;

use super::columns::ScopeColumns;
use super::distinct::DistinctColumn;
use super::pairs::{self, PairsScan};
use super::{DistinctValues, SERVICE_NAME, TagScope};
use crate::read::columns::Column;
use crate::read::stream::DecodeBudget;
use crate::read::values::Values;
use crate::read::{BlockReader, Fetched, ReadError, join_ranges};

/// Fields whose values are read without looking at spans.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TagField {
    /// Span names.
    Name,
    /// Status messages.
    StatusMessage,
    /// Names of root spans.
    RootName,
    /// Services of root spans.
    RootService,
    /// Names of instrumentation scopes.
    ScopeName,
    /// Versions of instrumentation scopes.
    ScopeVersion,
    /// Names of events.
    EventName,
    /// An attribute.
    Attribute {
        /// Where.
        scope: TagScope,
        /// Its key.
        key: String,
    },
}

/// Values being read, some pages at a time.
pub struct TagValuesScan {
    columns: VecDeque<DistinctColumn>,
    pairs: Option<PairsScan>,
    budget: DecodeBudget,
}

impl BlockReader {
    /// Ranges to fetch before [`BlockReader::tag_values`].
    pub fn tag_values_ranges(&self, row_group: usize, field: &TagField) -> Vec<Range<u64>> {
        let distinct = self.distinct_columns(field).into_iter();
        let distinct = distinct.filter_map(|column| self.distinct_range(row_group, column));
        let pairs = self.pair_columns(field).into_iter();
        let pairs = pairs.filter_map(|column| self.chunk_range(row_group, column));
        join_ranges(distinct.chain(pairs).collect())
    }

    /// Begins to read the values in a row group, at most `decoded_bytes_max` decoded at a time.
    ///
    /// # Errors
    /// Ranges missing from `fetched`.
    pub fn tag_values(
        &self,
        row_group: usize,
        field: &TagField,
        fetched: &Fetched,
        decoded_bytes_max: u64,
    ) -> Result<TagValuesScan, ReadError> {
        let distinct = self.distinct_columns(field).into_iter();
        let open = |column| DistinctColumn::open(self, row_group, column, fetched);
        let columns = distinct.map(open).collect::<Result<_, ReadError>>()?;
        let pairs = match field {
            TagField::Attribute { scope, key } => {
                let attrs = ScopeColumns::of(&self.columns, *scope).attrs;
                let open = |attrs| PairsScan::open(self, row_group, attrs, key.as_bytes(), fetched);
                attrs.map(open).transpose()?
            }
            _ => None,
        };
        Ok(TagValuesScan { columns, pairs, budget: DecodeBudget::within(decoded_bytes_max) })
    }

    /// Columns all of whose values are the field's.
    fn distinct_columns(&self, field: &TagField) -> Vec<Column> {
        let columns = &self.columns;
        match field {
            TagField::Name => vec![columns.span.name],
            TagField::StatusMessage => vec![columns.span.status_message],
            TagField::RootName => vec![columns.root_name],
            TagField::RootService => vec![columns.root_service],
            TagField::ScopeName => vec![columns.scope.name],
            TagField::ScopeVersion => vec![columns.scope.version],
            TagField::EventName => vec![columns.event.name],
            TagField::Attribute { scope, key } => {
                let scope = ScopeColumns::of(columns, *scope);
                let own = scope.own(key.as_bytes()).map(|leaf| leaf.column);
                let is_service = key.as_bytes() == SERVICE_NAME;
                own.chain(scope.service_name.filter(|_| is_service)).collect()
            }
        }
    }

    /// Columns of keys and values, of which only some belong to the field.
    fn pair_columns(&self, field: &TagField) -> Vec<Column> {
        let TagField::Attribute { scope, .. } = field else { return Vec::new() };
        let attrs = ScopeColumns::of(&self.columns, *scope).attrs;
        attrs.map_or_else(Vec::new, pairs::columns)
    }
}

impl TagValuesScan {
    /// Reads on for about a millisecond; whether there is more to read.
    ///
    /// # Errors
    /// Damaged columns. With [`ReadError::NeedsMemory`] the scan is over, and another one may add
    /// to the same values.
    pub fn step(&mut self, found: &mut DistinctValues) -> Result<bool, ReadError> {
        if let Some(column) = self.columns.front_mut() {
            if !column.step(&mut self.budget, |values| note(values, found))?
                && let Some(column) = self.columns.pop_front()
            {
                column.close(&mut self.budget);
            }
            return Ok(!found.is_full());
        }
        match &mut self.pairs {
            Some(pairs) => pairs.step(&mut self.budget, found),
            None => Ok(false),
        }
    }

    /// Bytes of the file that were decoded.
    pub fn read_bytes(&self) -> u64 {
        self.budget.read_bytes
    }
}

/// Takes values of a column; whether there is no room for more.
fn note(values: &Values, found: &mut DistinctValues) -> bool {
    for at in 0..values.len() {
        match values {
            Values::Int(ints) => found.int(ints[at]),
            Values::Float(floats) => found.float(floats[at]),
            Values::Bool(bools) => found.bool(bools[at]),
            Values::Bytes(_) | Values::Codes { .. } => found.string(values.byte_slice(at)),
        }
    }
    found.is_full()
}
