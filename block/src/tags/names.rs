//! The keys of all attributes of a row group: from dictionaries, where the file says that all
//! pages are coded with them, else from whole columns.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use stringendo_proto::wire::WireError;

use super::columns::ScopeColumns;
use super::distinct::DistinctColumn;
use super::{SERVICE_NAME, TagNamesFound, TagScope};
use crate::read::columns::Column;
use crate::read::links;
use crate::read::stream::DecodeBudget;
use crate::read::values::Values;
use crate::read::{BlockReader, Fetched, ReadError, join_ranges};

/// What a column says of names.
#[derive(Clone, Debug)]
pub(super) enum Says {
    /// Its values are keys.
    Keys,
    /// It is the column of this key: any value will do.
    Own(Bytes),
    /// It is the service name: any that is not empty will do.
    ServiceName,
    /// Its values are messages with links.
    Links,
}

/// A column to read.
pub(super) struct Wanted {
    pub(super) scope: TagScope,
    pub(super) column: Column,
    pub(super) says: Says,
}

/// Names being read, a dictionary or a page at a time.
pub struct TagNamesScan {
    parts: VecDeque<(Wanted, DistinctColumn)>,
    budget: DecodeBudget,
}

impl BlockReader {
    /// Ranges to fetch before [`BlockReader::tag_names`].
    pub fn tag_names_ranges(&self, row_group: usize) -> Vec<Range<u64>> {
        let range = |wanted: Wanted| self.distinct_range(row_group, wanted.column);
        join_ranges(self.name_columns(&TagScope::ALL).into_iter().filter_map(range).collect())
    }

    /// Begins to read the names in a row group, at most `decoded_bytes_max` decoded at a time.
    ///
    /// # Errors
    /// Ranges missing from `fetched`.
    pub fn tag_names(
        &self,
        row_group: usize,
        fetched: &Fetched,
        decoded_bytes_max: u64,
    ) -> Result<TagNamesScan, ReadError> {
        let stream = |wanted: Wanted| {
            let column = DistinctColumn::open(self, row_group, wanted.column, fetched)?;
            Ok((wanted, column))
        };
        let columns = self.name_columns(&TagScope::ALL).into_iter();
        let parts = columns.map(stream).collect::<Result<_, ReadError>>()?;
        Ok(TagNamesScan { parts, budget: DecodeBudget::within(decoded_bytes_max) })
    }

    /// The columns that say something about the names of these scopes.
    pub(super) fn name_columns(&self, scopes: &[TagScope]) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for &scope in scopes {
            let columns = ScopeColumns::of(&self.columns, scope);
            let keys = columns.attrs.map(|attrs| attrs.key);
            wanted.extend(keys.map(|column| Wanted { scope, column, says: Says::Keys }));
            wanted.extend(columns.dedicated.iter().map(|leaf| Wanted {
                scope,
                column: leaf.column,
                says: Says::Own(leaf.key.clone()),
            }));
            wanted.extend(columns.service_name.map(|column| Wanted {
                scope,
                column,
                says: Says::ServiceName,
            }));
            let links = columns.link_messages;
            wanted.extend(links.map(|column| Wanted { scope, column, says: Says::Links }));
        }
        wanted
    }
}

impl TagNamesScan {
    /// Reads on for less than a millisecond; whether there is more to read.
    ///
    /// # Errors
    /// Damaged columns. With [`ReadError::NeedsMemory`] the scan is over, and another one may add
    /// to the same names.
    pub fn step(&mut self, found: &mut TagNamesFound) -> Result<bool, ReadError> {
        let Some((wanted, column)) = self.parts.front_mut() else { return Ok(false) };
        let mut outcome = Ok(false);
        let has_more = column.step(&mut self.budget, |values| {
            outcome = note(wanted, values, found);
            matches!(outcome, Ok(true))
        })?;
        outcome.map_err(links::damaged)?;
        if has_more {
            return Ok(true);
        }
        if let Some((_, column)) = self.parts.pop_front() {
            column.close(&mut self.budget);
        }
        Ok(!self.parts.is_empty())
    }

    /// Bytes of the file that were decoded.
    pub fn read_bytes(&self) -> u64 {
        self.budget.read_bytes
    }
}

/// Takes the names that values stand for; whether the column has no more to say.
fn note(wanted: &Wanted, values: &Values, found: &mut TagNamesFound) -> Result<bool, WireError> {
    Ok(match &wanted.says {
        Says::Keys => {
            (0..values.len()).for_each(|at| {
                found.insert(wanted.scope, values.byte_slice(at));
            });
            false
        }
        Says::Links => {
            for at in 0..values.len() {
                links::each_attribute(values.byte_slice(at), |key, _| {
                    found.insert(wanted.scope, key);
                })?;
            }
            false
        }
        Says::Own(key) => {
            let any = values.len() > 0;
            if any {
                found.insert(wanted.scope, key);
            }
            any
        }
        Says::ServiceName => {
            let any = (0..values.len()).any(|at| !values.byte_slice(at).is_empty());
            if any {
                found.insert(wanted.scope, SERVICE_NAME);
            }
            any
        }
    })
}
