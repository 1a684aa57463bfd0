//! Attributes with a column of their own.

use super::EncodeError;
use super::any::{self, Any, Elements};
use super::attributes::{Leaves, optional, repeated};
use super::column::{AnyColumn, Column};
use super::dictionary::Dictionary;
use super::levels::List;
use super::numbers::{NumberPage, NumberValues};
use super::prepared::PreparedValue;
use super::values::{BytesValues, DictValues, Values};
use crate::meta::DedicatedType;
use crate::schema::Assigned;
use crate::version::Version;

/// Values of an attribute with a column of its own.
pub enum DedicatedPage<'a> {
    /// All strings of the row group so far.
    Strings(&'a Dictionary),
    /// How many long strings are on the page under way.
    Blobs(usize),
    /// Integers.
    Ints(NumberPage<'a>),
}

impl Dedicated {
    /// The attribute's key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it holds.
    pub fn page(&self) -> DedicatedPage<'_> {
        match &self.values {
            DedicatedValues::Strings(column) => DedicatedPage::Strings(&column.values.dictionary),
            DedicatedValues::Blobs(column) => DedicatedPage::Blobs(column.elements().len()),
            DedicatedValues::Ints(column) => DedicatedPage::Ints(column.values.page()),
        }
    }
}

/// An attribute with a column of its own.
pub struct Dedicated {
    name: String,
    /// Whether the column takes more than one value per element.
    takes_lists: bool,
    values: DedicatedValues,
    /// Element that the last value belongs to; `u32::MAX` = none on this page.
    last_owner: u32,
}

enum DedicatedValues {
    Strings(Column<DictValues>),
    Blobs(Column<BytesValues>),
    Ints(Column<NumberValues>),
}

impl Dedicated {
    /// The columns that attributes of what is at `path` have, one per element of `list`.
    pub fn of_scope(
        leaves: &Leaves<'_>,
        path: &str,
        list: List,
        assigned: Vec<Assigned>,
    ) -> Vec<Self> {
        let takes_lists = leaves.version == Version::V5;
        let placement = || if takes_lists { repeated() } else { optional() };
        let column = |assigned: Assigned| {
            let path = format!("{path}.{}", assigned.column);
            let values = match (assigned.kind, assigned.blob) {
                (DedicatedType::Int, _) => DedicatedValues::Ints(leaves.column(
                    &path,
                    list,
                    placement(),
                    NumberValues::ints(),
                )),
                (DedicatedType::String, true) => DedicatedValues::Blobs(leaves.column(
                    &path,
                    list,
                    placement(),
                    BytesValues::blob(),
                )),
                (DedicatedType::String, false) => DedicatedValues::Strings(leaves.column(
                    &path,
                    list,
                    placement(),
                    DictValues::default(),
                )),
            };
            Self { name: assigned.key, takes_lists, values, last_owner: u32::MAX }
        };
        assigned.into_iter().map(column).collect()
    }

    /// Whether the value goes into this column rather than into the list.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn takes(&self, value: Any<'_>) -> Result<bool, EncodeError> {
        let is_int = matches!(self.values, DedicatedValues::Ints(_));
        Ok(match value {
            Any::Str(_) => !is_int,
            Any::Int(_) => is_int,
            Any::Array(body) if self.takes_lists => match any::element_type(body)? {
                Elements::None => true,
                Elements::Str => !is_int,
                Elements::Int => is_int,
                _ => false,
            },
            _ => false,
        })
    }

    /// Stores `value` if it fits; of several values of one element the last counts.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn push(&mut self, owner: u32, value: Any<'_>) -> Result<bool, EncodeError> {
        if !self.takes(value)? {
            return Ok(false);
        }
        self.begin(owner);
        match value {
            Any::Array(body) => {
                for element in any::elements(body) {
                    self.push_one(owner, element?);
                }
            }
            _ => self.push_one(owner, value),
        }
        Ok(true)
    }

    /// A value of `owner` comes: those before do not count.
    #[inline]
    fn begin(&mut self, owner: u32) {
        if self.last_owner == owner {
            self.drop_last(owner);
        }
        self.last_owner = owner;
    }

    #[cold]
    fn drop_last(&mut self, owner: u32) {
        match &mut self.values {
            DedicatedValues::Strings(column) => column.drop_last(owner),
            DedicatedValues::Blobs(column) => column.drop_last(owner),
            DedicatedValues::Ints(column) => column.drop_last(owner),
        }
    }

    /// Stores what [`Dedicated::takes`]; a string is replaced by its code.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn push_prepared(
        &mut self,
        owner: u32,
        value: &mut PreparedValue,
    ) -> Result<(), EncodeError> {
        match value {
            PreparedValue::Code(code) => self.push_code(owner, *code),
            PreparedValue::Body(body) => {
                let any = Any::parse(body)?;
                let is_text = matches!(any, Any::Str(_));
                self.push(owner, any)?;
                if let Some(code) = self.last_code().filter(|_| is_text) {
                    *value = PreparedValue::Code(code);
                }
            }
            PreparedValue::Scalar(_) => {}
        }
        Ok(())
    }

    /// Stores the string of a code that [`Dedicated::last_code`] gave in this row group.
    #[inline]
    pub fn push_code(&mut self, owner: u32, code: u32) {
        self.begin(owner);
        if let DedicatedValues::Strings(column) = &mut self.values {
            column.values.codes.push(code);
            column.place(owner);
        }
    }

    /// The code of the string that was stored last.
    pub fn last_code(&self) -> Option<u32> {
        match &self.values {
            DedicatedValues::Strings(column) => column.values.codes.last().copied(),
            _ => None,
        }
    }

    #[inline]
    fn push_one(&mut self, owner: u32, value: Any<'_>) {
        match (&mut self.values, value) {
            (DedicatedValues::Strings(column), Any::Str(text)) => {
                column.values.push(text);
                column.place(owner);
            }
            (DedicatedValues::Blobs(column), Any::Str(text)) => {
                column.values.push(text);
                column.place(owner);
            }
            (DedicatedValues::Ints(column), Any::Int(number)) => {
                column.values.push(number as u64);
                column.place(owner);
            }
            // `takes` has seen to it that there is nothing else.
            _ => {}
        }
    }

    /// Its column.
    pub fn column(&mut self) -> &mut dyn AnyColumn {
        match &mut self.values {
            DedicatedValues::Strings(column) => column,
            DedicatedValues::Blobs(column) => column,
            DedicatedValues::Ints(column) => column,
        }
    }
}

impl Dedicated {
    /// The page under way is complete.
    pub fn settle(&mut self) {
        if let DedicatedValues::Ints(column) = &mut self.values {
            column.values.settle();
        }
    }

    /// A new page begins: owners are counted from 0 again.
    pub fn begin_page(&mut self) {
        self.last_owner = u32::MAX;
    }
}
