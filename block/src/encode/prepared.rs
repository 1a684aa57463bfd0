//! Attributes of resources and scopes, read once and stored again and again: a list of them is a
//! few copies of codes.

use super::EncodeError;
use super::any::Any;
use super::attributes::{Attributes, Role};

/// An attribute ready to be stored: codes instead of strings.
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
    /// A scalar of the list, other than a string.
    Scalar(Any<'static>),
    /// Anything else, to be read again: the value's body.
    Body(Box<[u8]>),
}

/// The attributes of a resource or a scope, sorted by what is done with them.
#[derive(Debug, Default)]
pub struct PreparedList {
    /// How many there are.
    pub count: usize,
    /// With columns of their own: number of the column, value.
    own: Vec<(usize, PreparedValue)>,
    /// Of the others, codes of the keys.
    keys: Vec<u32>,
    /// Which of them are strings, and their codes.
    texts_at: Vec<u32>,
    texts: Vec<u32>,
    /// Which of them are other scalars.
    scalars: Vec<(u32, Any<'static>)>,
    /// All of the others, if any of them is no scalar; then the four before are empty.
    each: Vec<(u32, PreparedValue)>,
}

impl PreparedList {
    /// Of attributes in their order.
    pub fn new(attributes: Vec<Prepared>) -> Self {
        let mut list = Self { count: attributes.len(), ..Self::default() };
        for attribute in attributes {
            match attribute {
                Prepared::Dedicated(column, value) => list.own.push((column, value)),
                Prepared::Generic(key, value) => list.each.push((key, value)),
            }
        }
        if !list.each.iter().any(|(_, value)| matches!(value, PreparedValue::Body(_))) {
            list.sort();
        }
        list
    }

    fn sort(&mut self) {
        for ((key, value), at) in std::mem::take(&mut self.each).into_iter().zip(0..) {
            self.keys.push(key);
            match value {
                PreparedValue::Code(code) => {
                    self.texts_at.push(at);
                    self.texts.push(code);
                }
                PreparedValue::Scalar(value) => self.scalars.push((at, value)),
                PreparedValue::Body(_) => {}
            }
        }
    }
}

impl Attributes {
    /// What [`Attributes::push`] would store.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn prepare(&mut self, key: &[u8], value: &[u8]) -> Result<Prepared, EncodeError> {
        let any = Any::parse(value)?;
        let number = self.key_number(key);
        if let Role::Dedicated(at) = self.key_infos[number as usize].role
            && self.dedicated[at].takes(any)?
        {
            return Ok(Prepared::Dedicated(at, PreparedValue::Body(value.into())));
        }
        let code = self.key_code(number);
        let prepared = match any {
            Any::Str(text) => PreparedValue::Code(self.value.values.dictionary.intern(text)),
            Any::Int(number) => PreparedValue::Scalar(Any::Int(number)),
            Any::Double(number) => PreparedValue::Scalar(Any::Double(number)),
            Any::Bool(value) => PreparedValue::Scalar(Any::Bool(value)),
            _ => PreparedValue::Body(value.into()),
        };
        Ok(Prepared::Generic(code, prepared))
    }

    /// Stores prepared attributes; gives how many went into the list.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn push_list(&mut self, owner: u32, list: &mut PreparedList) -> Result<u32, EncodeError> {
        for (column, value) in &mut list.own {
            self.dedicated[*column].push_prepared(owner, value)?;
        }
        let base = self.key.values.codes.len() as u32;
        self.key.values.codes.extend_from_slice(&list.keys);
        self.is_array.values.0.resize(self.key.values.codes.len(), false);
        self.value.values.codes.extend_from_slice(&list.texts);
        self.value.place_all(list.texts_at.iter().map(|at| base + at));
        for (at, value) in &list.scalars {
            self.push_value(base + at, *value)?;
        }
        list.each.iter().try_for_each(|(key, value)| self.push_one(*key, value))?;
        Ok((list.keys.len() + list.each.len()) as u32)
    }

    fn push_one(&mut self, key: u32, value: &PreparedValue) -> Result<(), EncodeError> {
        let any = match value {
            PreparedValue::Code(code) => {
                let at = self.begin(key, false);
                self.value.values.codes.push(*code);
                self.value.place(at);
                return Ok(());
            }
            PreparedValue::Scalar(any) => *any,
            PreparedValue::Body(body) => Any::parse(body)?,
        };
        if let Any::Array(body) = any {
            return self.push_array(key, body);
        }
        let at = self.begin(key, false);
        self.push_value(at, any)
    }
}
