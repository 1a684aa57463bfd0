//! A list of attributes as columns, and the attributes with columns of their own.

use super::EncodeError;
use super::any::{self, Any, Elements};
use super::column::{AnyColumn, Column};
use super::dedicated::Dedicated;
use super::dictionary::Dictionary;
use super::guesses::{GuessPlace, Guesses, Known, LISTED};
use super::levels::{List, Placement};
use super::numbers::{NumberPage, NumberValues};
use super::values::{BoolValues, BytesValues, DictValues, Values};
use crate::schema::Schema;
use crate::version::Version;

/// Builds columns for leaves by name.
pub struct Leaves<'s> {
    /// The block's version.
    pub version: Version,
    /// The tree.
    pub schema: &'s Schema,
}

impl Leaves<'_> {
    /// The column of the leaf with this name.
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

/// A column with any number of values per element.
pub(super) fn repeated() -> Placement {
    Placement::Repeated(Vec::new())
}

/// A column with at most one value per element.
pub(super) fn optional() -> Placement {
    Placement::Optional(Vec::new())
}

/// What an attribute's key means in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// An attribute like any other.
    Generic,
    /// It has a column: index into `dedicated`.
    Dedicated(usize),
}

/// Not in the column's dictionary yet.
const NO_CODE: u32 = u32::MAX;

#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) role: Role,
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
    pub(super) key_infos: Vec<Key>,
    last_key: u32,
    guesses: Guesses,
    /// Attributes with columns of their own, of this scope.
    pub dedicated: Vec<Dedicated>,
    pub(super) key: Column<DictValues>,
    pub(super) is_array: Column<BoolValues>,
    pub(super) value: Column<DictValues>,
    value_int: Column<NumberValues>,
    value_double: Column<NumberValues>,
    value_bool: Column<BoolValues>,
    value_unsupported: Column<BytesValues>,
    json: Vec<u8>,
}

impl Attributes {
    /// Columns below `path` (such as `rs.ss.Spans.Attrs`), whose elements are `list`.
    pub fn new(leaves: &Leaves<'_>, path: &str, list: List, dedicated: Vec<Dedicated>) -> Self {
        let at = |name: &str| format!("{path}.{name}");
        let (ints, doubles) = (NumberValues::ints(), NumberValues::doubles());
        let required = Placement::Required;
        let mut this = Self {
            keys: Dictionary::default(),
            key_infos: Vec::new(),
            last_key: 0,
            guesses: Guesses::default(),
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
                optional(),
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
            self.keys.intern(dedicated.name().as_bytes());
            // Of several columns of one name (which no valid configuration has) the first counts.
            if self.keys.len() > self.key_infos.len() {
                let role = Role::Dedicated(at);
                self.key_infos.push(Key::new(role));
            }
        }
        self.last_key = 0;
        self.guesses.clear();
    }

    pub(super) fn key_number(&mut self, key: &[u8]) -> u32 {
        let guess = self.key_infos.get(self.last_key as usize).map_or(0, |info| info.next);
        if self.keys.is_code_of(guess, key) {
            self.last_key = guess;
            return guess;
        }
        let number = self.keys.intern(key);
        if number as usize == self.key_infos.len() {
            self.key_infos.push(Key::new(Role::Generic));
        }
        if let Some(before) = self.key_infos.get_mut(self.last_key as usize) {
            before.next = number;
        }
        self.last_key = number;
        number
    }

    /// The code of a key in the list.
    #[inline]
    pub(super) fn key_code(&mut self, number: u32) -> u32 {
        match self.key_infos[number as usize].code {
            NO_CODE => self.new_key_code(number),
            code => code,
        }
    }

    #[cold]
    fn new_key_code(&mut self, number: u32) -> u32 {
        let code = self.key.values.dictionary.intern(self.keys.get(number));
        self.key_infos[number as usize].code = code;
        code
    }

    /// Stores the attribute in `body` (of `KeyValue`), which belongs to element `owner` of the list
    /// around; gives how many went into the list.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn push(&mut self, owner: u32, body: &[u8]) -> Result<u32, EncodeError> {
        let (key, value) = any::attribute(body)?;
        let number = self.key_number(key);
        Ok(u32::from(self.store(owner, number, value)?.0 == LISTED))
    }

    /// The same for an attribute that may be as it was last time at this place.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    #[inline]
    pub fn push_guessed(
        &mut self,
        owner: u32,
        body: &[u8],
        place: Option<GuessPlace>,
    ) -> Result<u32, EncodeError> {
        let Some(place) = place else { return self.push(owner, body) };
        let guess = self.guesses.get(place);
        if guess.is(body) {
            let (key, column, known) = (guess.key_code, guess.column, guess.known);
            if let Some(dedicated) = self.dedicated.get_mut(column as usize) {
                dedicated.push_code(owner, known.0);
                return Ok(0);
            }
            self.push_known(key, known);
            return Ok(1);
        }
        if let Some((tag, content)) = guess.behind_key(body).and_then(any::plain_content) {
            let number = guess.key;
            if let Some(known) = self.push_plain(number, tag, content) {
                self.last_key = number;
                self.guesses.get_mut(place).set_value(body, known);
                return Ok(1);
            }
        }
        self.push_and_guess(owner, body, place)
    }

    #[inline]
    fn push_known(&mut self, key: u32, known: Known) {
        let at = self.begin(key, false);
        if let Known::TRUE | Known::FALSE = known {
            self.value_bool.values.0.push(known == Known::TRUE);
            self.value_bool.place(at);
        } else {
            self.value.values.codes.push(known.0);
            self.value.place(at);
        }
    }

    /// Stores an attribute of the list, if its value has the usual form.
    #[inline]
    fn push_plain(&mut self, number: u32, tag: u32, content: &[u8]) -> Option<Known> {
        if self.key_infos[number as usize].role != Role::Generic {
            return None;
        }
        match tag {
            any::STRING => Some(self.push_text(number, any::plain_text(content)?)),
            any::INT => {
                let value = any::plain_int(content)?;
                let at = self.begin_of(number);
                self.value_int.values.push(value as u64);
                self.value_int.place(at);
                Some(Known::NOTHING)
            }
            any::BOOL => {
                let value = any::plain_bool(content)?;
                let at = self.begin_of(number);
                self.value_bool.values.0.push(value);
                self.value_bool.place(at);
                Some(if value { Known::TRUE } else { Known::FALSE })
            }
            any::DOUBLE => {
                let value = any::plain_double(content)?;
                let at = self.begin_of(number);
                self.value_double.values.push(value.to_bits());
                self.value_double.place(at);
                Some(Known::NOTHING)
            }
            _ => None,
        }
    }

    fn push_text(&mut self, number: u32, text: &[u8]) -> Known {
        let at = self.begin_of(number);
        let last = &mut self.key_infos[number as usize].last_value;
        *last = self.value.values.push_guessed(text, *last);
        let known = Known(*last);
        self.value.place(at);
        known
    }

    fn push_and_guess(
        &mut self,
        owner: u32,
        body: &[u8],
        place: GuessPlace,
    ) -> Result<u32, EncodeError> {
        let (key, value) = any::attribute(body)?;
        let number = self.key_number(key);
        let (column, known) = self.store(owner, number, value)?;
        let key = (number, self.key_infos[number as usize].code, self.keys.get(number));
        self.guesses.get_mut(place).set(body, key, column, known);
        Ok(u32::from(column == LISTED))
    }

    /// Stores an attribute; gives the column that it went into, or [`LISTED`].
    fn store(
        &mut self,
        owner: u32,
        number: u32,
        value: Any<'_>,
    ) -> Result<(u32, Known), EncodeError> {
        if let Role::Dedicated(at) = self.key_infos[number as usize].role
            && self.dedicated[at].push(owner, value)?
        {
            let code = self.dedicated[at].last_code().filter(|_| matches!(value, Any::Str(_)));
            return Ok((at as u32, code.map_or(Known::NOTHING, Known)));
        }
        let known = match value {
            Any::Str(text) => self.push_text(number, text),
            Any::Array(body) => {
                let key = self.key_code(number);
                self.push_array(key, body)?;
                Known::NOTHING
            }
            _ => {
                let at = self.begin_of(number);
                self.push_value(at, value)?;
                Known::NOTHING
            }
        };
        Ok((LISTED, known))
    }

    /// Begins an attribute of the list whose key has this number; gives its own number.
    #[inline]
    fn begin_of(&mut self, number: u32) -> u32 {
        let key = self.key_code(number);
        self.begin(key, false)
    }

    /// Begins an attribute of the list; gives its number.
    #[inline]
    pub(super) fn begin(&mut self, key: u32, is_array: bool) -> u32 {
        let at = self.key.values.codes.len() as u32;
        self.key.values.codes.push(key);
        self.is_array.values.0.push(is_array);
        at
    }

    /// Stores a value of attribute `at` of the list.
    #[inline]
    pub(super) fn push_value(&mut self, at: u32, value: Any<'_>) -> Result<(), EncodeError> {
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

    pub(super) fn push_array(&mut self, key: u32, body: &[u8]) -> Result<(), EncodeError> {
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

    /// The columns of the list, and those of single attributes.
    pub fn columns(
        &mut self,
    ) -> ([&mut dyn AnyColumn; 7], impl Iterator<Item = &mut dyn AnyColumn>) {
        let list: [&mut dyn AnyColumn; 7] = [
            &mut self.key,
            &mut self.is_array,
            &mut self.value,
            &mut self.value_int,
            &mut self.value_double,
            &mut self.value_bool,
            &mut self.value_unsupported,
        ];
        (list, self.dedicated.iter_mut().map(Dedicated::column))
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

impl Attributes {
    /// The page under way is complete.
    pub fn settle(&mut self) {
        self.value_int.values.settle();
        self.value_double.values.settle();
        self.dedicated.iter_mut().for_each(Dedicated::settle);
    }

    /// Bytes of memory held beside the columns.
    pub fn memory_bytes(&self) -> usize {
        self.keys.memory_bytes() + self.guesses.memory_bytes()
    }

    /// A new page begins: elements are counted from 0 again.
    pub fn begin_page(&mut self) {
        self.dedicated.iter_mut().for_each(Dedicated::begin_page);
    }
}
