//! The values of one field in a row group, all spans counting.

use std::collections::VecDeque;
use std::ops::Range;

use stringendo_proto::wire::WireError;

use super::columns::ScopeColumns;
use super::distinct::DistinctColumn;
use super::pairs::{self, PairsScan};
use super::{DistinctValues, SERVICE_NAME, TagScope};
use crate::read::columns::Column;
use crate::read::links;
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

/// Values of one key in messages with links.
struct LinksScan {
    key: Vec<u8>,
    messages: DistinctColumn,
}

/// Values being read, some pages at a time.
pub struct TagValuesScan {
    columns: VecDeque<DistinctColumn>,
    pairs: Option<PairsScan>,
    links: Option<LinksScan>,
    budget: DecodeBudget,
}

impl BlockReader {
    /// Ranges to fetch before [`BlockReader::tag_values`].
    pub fn tag_values_ranges(&self, row_group: usize, field: &TagField) -> Vec<Range<u64>> {
        let distinct = self.distinct_columns(field).into_iter();
        let distinct = distinct.filter_map(|column| self.distinct_range(row_group, column));
        let pairs = self.pair_columns(field).into_iter();
        let pairs = pairs.filter_map(|column| self.chunk_range(row_group, column));
        let links = self.link_messages(field).into_iter();
        let links = links.filter_map(|(_, column)| self.distinct_range(row_group, column));
        join_ranges(distinct.chain(pairs).chain(links).collect())
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
        let links = match self.link_messages(field) {
            Some((key, column)) => Some(LinksScan { key: key.into(), messages: open(column)? }),
            None => None,
        };
        Ok(TagValuesScan { columns, pairs, links, budget: DecodeBudget::within(decoded_bytes_max) })
    }

    /// The key of a link's attribute, and the column of messages that may have it.
    fn link_messages<'f>(&self, field: &'f TagField) -> Option<(&'f str, Column)> {
        let TagField::Attribute { scope, key } = field else { return None };
        Some((key, ScopeColumns::of(&self.columns, *scope).link_messages?))
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
        match (&mut self.pairs, &mut self.links) {
            (Some(pairs), _) => pairs.step(&mut self.budget, found),
            (None, Some(links)) => links.step(&mut self.budget, found),
            (None, None) => Ok(false),
        }
    }

    /// Bytes of the file that were decoded.
    pub fn read_bytes(&self) -> u64 {
        self.budget.read_bytes
    }
}

impl LinksScan {
    fn step(
        &mut self,
        budget: &mut DecodeBudget,
        found: &mut DistinctValues,
    ) -> Result<bool, ReadError> {
        let (key, mut outcome) = (&self.key, Ok(()));
        let has_more = self.messages.step(budget, |values| {
            outcome = (0..values.len()).try_for_each(|at| note_links(values, at, key, found));
            found.is_full()
        })?;
        outcome.map_err(links::damaged)?;
        Ok(has_more)
    }
}

/// Takes the values of a key from the message of a span.
fn note_links(
    values: &Values,
    at: usize,
    wanted: &[u8],
    found: &mut DistinctValues,
) -> Result<(), WireError> {
    let (message, mut outcome) = (values.bytes(at), Ok(()));
    links::each_attribute(&message, |key, any| {
        if key == wanted && outcome.is_ok() {
            let value = links::comparable(any, &message);
            outcome = value.map(|value| {
                value.scalars().iter().for_each(|scalar| pairs::add_scalar(scalar, found));
            });
        }
    })?;
    outcome
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
