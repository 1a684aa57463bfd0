//! A list of attributes as columns, and the attributes with columns of their own.

use super::EncodeError;
use super::any::{self, Any, Elements};
use super::column::{AnyColumn, Column};
use super::dictionary::Dictionary;
use super::levels::{List, Placement};
use super::numbers::{NumberPage, NumberValues};
use super::values::{BoolValues, BytesValues, DictValues};
use crate::meta::{DedicatedColumn, DedicatedScope, DedicatedType};
use crate::schema::{self, Schema};

/// Builds columns for leaves by path.
pub struct Leaves<'s> {
    /// The tree.
    pub schema: &'s Schema,
}

impl Leaves<'_> {
    /// The column of the leaf at `path`.
    pub fn column<V: super::values::Values>(
        &self,
        path: &str,
        list: List,
        placement: Placement,
        values: V,
    ) -> Column<V> {
        let leaf = self.schema.leaf(path).expect("columns name only paths of the table");
        Column::new(leaf, self.schema.leaves[leaf].clone(), list, placement, values)
    }
}

fn repeated() -> Placement {
    Placement::Repeated(Vec::new())
}

/// What an attribute's key means in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// An attribute like any other.
    Generic,
    /// It has a column: index into `dedicated`.
    Dedicated(usize),
}

/// Not in the column's dictionary yet.
const NO_CODE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Key {
    role: Role,
    /// Code in the Key column's dictionary.
    code: u32,
    /// The key that followed last time: mostly it follows again, which saves a look-up.
    next: u32,
    /// Code of the string that it had last time.
    last_value: u32,
}

impl Key {
    fn new(role: Role) -> Self {
        Self { role, code: NO_CODE, next: 0, last_value: 0 }
    }
}

/// Attributes of resources, scopes, spans, events or links.
pub struct Attributes {
    keys: Dictionary,
    key_infos: Vec<Key>,
    last_key: u32,
    /// Attributes with columns of their own, of this scope.
    pub dedicated: Vec<Dedicated>,
    key: Column<DictValues>,
    is_array: Column<BoolValues>,
    value: Column<DictValues>,
    value_int: Column<NumberValues>,
    value_double: Column<NumberValues>,
    value_bool: Column<BoolValues>,
    value_unsupported: Column<BytesValues>,
    json: Vec<u8>,
}

/// An attribute ready to be stored again: codes instead of strings.
#[derive(Clone, Debug)]
pub enum Prepared {
    /// Into `dedicated[..]`.
    Dedicated(usize, PreparedValue),
    /// Into the list, with this key's code.
    Generic(u32, PreparedValue),
}

/// A value of a [`Prepared`] attribute.
#[derive(Clone, Debug)]
pub enum PreparedValue {
    /// String, by code.
    Code(u32),
    /// Scalar other than a string.
    Int(i64),
    /// Scalar other than a string.
    Double(f64),
    /// Scalar other than a string.
    Bool(bool),
    /// Anything else, to be read again: the value's body.
    Body(Box<[u8]>),
}

impl Attributes {
    /// Columns below `path` (such as `rs.ss.Spans.Attrs`), whose elements are `list`.
    pub fn new(leaves: &Leaves<'_>, path: &str, list: List, dedicated: Vec<Dedicated>) -> Self {
        let at = |name: &str| format!("{path}.{name}");
        let (ints, doubles) = (NumberValues::ints(), NumberValues::doubles());
        let optional = Placement::Optional(Vec::new());
        let required = Placement::Required;
        let mut this = Self {
            keys: Dictionary::default(),
            key_infos: Vec::new(),
            last_key: 0,
            dedicated,
            key: leaves.column(&at("Key"), list, Placement::Required, DictValues::default()),
            is_array: leaves.column(&at("IsArray"), list, required, BoolValues::default()),
            value: leaves.column(&at("Value"), list, repeated(), DictValues::default()),
            value_int: leaves.column(&at("ValueInt"), list, repeated(), ints),
            value_double: leaves.column(&at("ValueDouble"), list, repeated(), doubles),
            value_bool: leaves.column(&at("ValueBool"), list, repeated(), BoolValues::default()),
            value_unsupported: leaves.column(
                &at("ValueUnsupported"),
                list,
                optional,
                BytesValues::default(),
            ),
            json: Vec::new(),
        };
        this.reset_keys();
        this
    }

    /// Forgets keys: the dictionaries of the row group are gone.
    pub fn reset_keys(&mut self) {
        self.keys.clear();
        self.key_infos.clear();
        for (at, dedicated) in self.dedicated.iter().enumerate() {
            self.keys.intern(dedicated.name.as_bytes());
            // Of several columns of one name (which no valid configuration has) the first counts.
            if self.keys.len() > self.key_infos.len() {
                let role = Role::Dedicated(at);
                self.key_infos.push(Key::new(role));
            }
        }
        self.last_key = 0;
    }

    fn key_number(&mut self, key: &[u8]) -> usize {
        let guess = self.key_infos.get(self.last_key as usize).map_or(0, |info| info.next);
        if self.keys.is_code_of(guess, key) {
            self.last_key = guess;
            return guess as usize;
        }
        let number = self.keys.intern(key);
        if number as usize == self.key_infos.len() {
            self.key_infos.push(Key::new(Role::Generic));
        }
        if let Some(before) = self.key_infos.get_mut(self.last_key as usize) {
            before.next = number;
        }
        self.last_key = number;
        number as usize
    }

    fn key_code(&mut self, number: usize, key: &[u8]) -> u32 {
        let info = &mut self.key_infos[number];
        if info.code == NO_CODE {
            info.code = self.key.values.dictionary.intern(key);
        }
        info.code
    }

    /// Stores the attributes in `bodies` (of `KeyValue`), which belong to element `owner` of the
    /// list around; gives how many went into the list.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    #[inline]
    pub fn push(&mut self, owner: u32, body: &[u8]) -> Result<u32, EncodeError> {
        let (key, value) = any::attribute(body)?;
        let number = self.key_number(key);
        if let Role::Dedicated(at) = self.key_infos[number].role
            && self.dedicated[at].push(owner, value)?
        {
            return Ok(0);
        }
        let code = self.key_code(number, key);
        if let Any::Str(text) = value {
            let at = self.begin(code, false);
            let last = &mut self.key_infos[number].last_value;
            *last = self.value.values.push_guessed(text, *last);
            self.value.place(at);
        } else {
            self.push_generic(code, value)?;
        }
        Ok(1)
    }

    /// What [`Attributes::push`] would store, for [`Attributes::push_prepared`].
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn prepare(&mut self, key: &[u8], value: &[u8]) -> Result<Prepared, EncodeError> {
        let any = Any::parse(value)?;
        let number = self.key_number(key);
        if let Role::Dedicated(at) = self.key_infos[number].role
            && self.dedicated[at].takes(any)?
        {
            return Ok(Prepared::Dedicated(at, PreparedValue::Body(value.into())));
        }
        let code = self.key_code(number, key);
        let prepared = match any {
            Any::Str(text) => PreparedValue::Code(self.value.values.dictionary.intern(text)),
            Any::Int(number) => PreparedValue::Int(number),
            Any::Double(number) => PreparedValue::Double(number),
            Any::Bool(value) => PreparedValue::Bool(value),
            _ => PreparedValue::Body(value.into()),
        };
        Ok(Prepared::Generic(code, prepared))
    }

    /// Stores a prepared attribute; gives how many went into the list.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn push_prepared(&mut self, owner: u32, attribute: &Prepared) -> Result<u32, EncodeError> {
        match attribute {
            Prepared::Dedicated(at, PreparedValue::Body(body)) => {
                self.dedicated[*at].push(owner, Any::parse(body)?)?;
                return Ok(0);
            }
            Prepared::Dedicated(..) => return Ok(0),
            Prepared::Generic(code, PreparedValue::Code(value)) => {
                let at = self.begin(*code, false);
                self.value.values.codes.push(*value);
                self.value.place(at);
            }
            Prepared::Generic(code, value) => {
                let any = match value {
                    PreparedValue::Int(number) => Any::Int(*number),
                    PreparedValue::Double(number) => Any::Double(*number),
                    PreparedValue::Bool(value) => Any::Bool(*value),
                    PreparedValue::Body(body) => Any::parse(body)?,
                    PreparedValue::Code(_) => Any::Empty,
                };
                self.push_generic(*code, any)?;
            }
        }
        Ok(1)
    }

    /// Begins an attribute of the list; gives its number.
    #[inline]
    fn begin(&mut self, key: u32, is_array: bool) -> u32 {
        let at = self.key.values.codes.len() as u32;
        self.key.values.codes.push(key);
        self.is_array.values.0.push(is_array);
        at
    }

    #[inline]
    fn push_generic(&mut self, key: u32, value: Any<'_>) -> Result<(), EncodeError> {
        if let Any::Array(body) = value {
            return self.push_array(key, body);
        }
        let at = self.begin(key, false);
        self.push_value(at, value)
    }

    #[inline]
    fn push_value(&mut self, at: u32, value: Any<'_>) -> Result<(), EncodeError> {
        match value {
            Any::Str(text) => {
                self.value.values.push(text);
                self.value.place(at);
            }
            Any::Int(number) => {
                self.value_int.values.push(number as u64);
                self.value_int.place(at);
            }
            Any::Double(number) => {
                self.value_double.values.push(number.to_bits());
                self.value_double.place(at);
            }
            Any::Bool(value) => {
                self.value_bool.values.0.push(value);
                self.value_bool.place(at);
            }
            _ => return self.push_unsupported(at, value),
        }
        Ok(())
    }

    fn push_array(&mut self, key: u32, body: &[u8]) -> Result<(), EncodeError> {
        let elements = any::element_type(body)?;
        let at = self.begin(key, elements != Elements::Other);
        if elements == Elements::Other {
            return self.push_unsupported(at, Any::Array(body));
        }
        any::elements(body).try_for_each(|element| self.push_value(at, element?))
    }

    fn push_unsupported(&mut self, at: u32, value: Any<'_>) -> Result<(), EncodeError> {
        self.json.clear();
        any::put_json(&mut self.json, value)?;
        self.value_unsupported.values.push(&self.json);
        self.value_unsupported.place(at);
        Ok(())
    }

    /// All columns.
    pub fn columns<'c>(&'c mut self, out: &mut Vec<&'c mut dyn AnyColumn>) {
        out.extend(self.dedicated.iter_mut().map(Dedicated::column));
        out.push(&mut self.key);
        out.push(&mut self.is_array);
        out.push(&mut self.value);
        out.push(&mut self.value_int);
        out.push(&mut self.value_double);
        out.push(&mut self.value_bool);
        out.push(&mut self.value_unsupported);
    }
}

/// The attributes on the page under way, as `notes` looks at them: codes and numbers. Where a
/// column has elements, they are positions in `keys`.
pub struct AttributePage<'a> {
    /// Codes of keys, one per attribute.
    pub keys: &'a [u32],
    /// The keys of the row group so far.
    pub key_names: &'a Dictionary,
    /// Elements and codes of strings.
    pub strings: (&'a [u32], &'a [u32]),
    /// The strings of the row group so far.
    pub texts: &'a Dictionary,
    /// Elements and integers.
    pub ints: (&'a [u32], NumberPage<'a>),
    /// Elements and doubles.
    pub doubles: (&'a [u32], NumberPage<'a>),
    /// Elements and booleans.
    pub bools: (&'a [u32], &'a [bool]),
}

impl Attributes {
    /// What the page under way holds, attributes with columns of their own aside.
    pub fn page(&self) -> AttributePage<'_> {
        AttributePage {
            keys: &self.key.values.codes,
            key_names: &self.key.values.dictionary,
            strings: (self.value.elements(), &self.value.values.codes),
            texts: &self.value.values.dictionary,
            ints: (self.value_int.elements(), self.value_int.values.page()),
            doubles: (self.value_double.elements(), self.value_double.values.page()),
            bools: (self.value_bool.elements(), &self.value_bool.values.0),
        }
    }
}

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
    /// The columns of `scope`, below the group at `path`, one per element of `list`.
    pub fn of_scope(
        leaves: &Leaves<'_>,
        path: &str,
        list: List,
        columns: &[DedicatedColumn],
        scope: DedicatedScope,
    ) -> Vec<Self> {
        let assigned = schema::assign(columns, scope);
        let column = |assigned: schema::Assigned| {
            let path = format!("{path}.DedicatedAttributes.{}", assigned.column);
            let values = match (assigned.kind, assigned.blob) {
                (DedicatedType::Int, _) => DedicatedValues::Ints(leaves.column(
                    &path,
                    list,
                    repeated(),
                    NumberValues::ints(),
                )),
                (DedicatedType::String, true) => DedicatedValues::Blobs(leaves.column(
                    &path,
                    list,
                    repeated(),
                    BytesValues::blob(),
                )),
                (DedicatedType::String, false) => DedicatedValues::Strings(leaves.column(
                    &path,
                    list,
                    repeated(),
                    DictValues::default(),
                )),
            };
            let name = columns[assigned.entry].name.clone();
            Self { name, values, last_owner: u32::MAX }
        };
        assigned.into_iter().map(column).collect()
    }

    fn takes(&self, value: Any<'_>) -> Result<bool, EncodeError> {
        let is_int = matches!(self.values, DedicatedValues::Ints(_));
        Ok(match value {
            Any::Str(_) => !is_int,
            Any::Int(_) => is_int,
            Any::Array(body) => match any::element_type(body)? {
                Elements::None => true,
                Elements::Str => !is_int,
                Elements::Int => is_int,
                _ => false,
            },
            _ => false,
        })
    }

    /// Stores `value` if it fits; of several values of one element the last counts.
    fn push(&mut self, owner: u32, value: Any<'_>) -> Result<bool, EncodeError> {
        if !self.takes(value)? {
            return Ok(false);
        }
        if self.last_owner == owner {
            match &mut self.values {
                DedicatedValues::Strings(column) => column.drop_last(owner),
                DedicatedValues::Blobs(column) => column.drop_last(owner),
                DedicatedValues::Ints(column) => column.drop_last(owner),
            }
        }
        self.last_owner = owner;
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

    fn column(&mut self) -> &mut dyn AnyColumn {
        match &mut self.values {
            DedicatedValues::Strings(column) => column,
            DedicatedValues::Blobs(column) => column,
            DedicatedValues::Ints(column) => column,
        }
    }
}

impl Attributes {
    /// A new page begins: elements are counted from 0 again.
    pub fn begin_page(&mut self) {
        self.dedicated.iter_mut().for_each(|dedicated| dedicated.last_owner = u32::MAX);
    }
}
