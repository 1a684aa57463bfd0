//! Values that spans hold, borrowed from a source ([`ValueRef`]) or owned ([`Value`]).
//!
//! Sources make [`ValueRef`]s from their columns; evaluation only borrows them. How values compare
//! is in `compare`; this module knows only their shapes.

/// One value of one field of one span, as a source of spans lends it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ValueRef<'a> {
    /// The span does not have the field.
    #[default]
    Missing,
    /// An integer attribute, or an integer intrinsic.
    Int(i64),
    /// A floating-point attribute.
    Float(f64),
    /// A boolean attribute.
    Bool(bool),
    /// A string attribute or string intrinsic, as its bytes.
    Str(&'a [u8]),
    /// A duration intrinsic, in nanoseconds.
    Duration(u64),
    /// A status code in OTLP's numbers: 0 unset, 1 ok, 2 error.
    Status(i32),
    /// A span kind in OTLP's numbers: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer,
    /// 5 consumer.
    Kind(i32),
    /// An array attribute whose elements are all of one type.
    Array(ArrayRef<'a>),
    /// Present, but of a type that never compares (key-value list, bytes, array of mixed or nested
    /// types): only `!= nil` is true.
    Unsupported,
}

impl ValueRef<'_> {
    /// The element of an array of one, which stands for itself (contract §3.8).
    #[must_use]
    #[inline]
    pub fn single(self) -> Self {
        match self {
            Self::Array(array) if array.len() == 1 => array.get(0),
            value => value,
        }
    }
}

/// A borrowed array. Numbers and booleans are plain slices; strings lie packed end to end, so that
/// a source needs one arena for bytes and one for offsets, and no slice of slices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ArrayRef<'a> {
    /// Strings: element `i` is `bytes[ends[i - 1]..ends[i]]`, the first begins at 0.
    Str {
        /// The elements' bytes, one after the other.
        bytes: &'a [u8],
        /// Where each element ends in `bytes`; its length is the number of elements.
        ends: &'a [u32],
    },
    /// Integers.
    Int(&'a [i64]),
    /// Floating-point numbers.
    Float(&'a [f64]),
    /// Booleans.
    Bool(&'a [bool]),
}

impl<'a> ArrayRef<'a> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Str { ends, .. } => ends.len(),
            Self::Int(items) => items.len(),
            Self::Float(items) => items.len(),
            Self::Bool(items) => items.len(),
        }
    }

    /// Whether there are no elements. Such an array counts as missing (contract §3.7).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element `index`; [`ValueRef::Missing`] past the end.
    pub fn get(&self, index: usize) -> ValueRef<'a> {
        match self {
            Self::Str { bytes, ends } => packed(bytes, ends, index).map(ValueRef::Str),
            Self::Int(items) => items.get(index).map(|item| ValueRef::Int(*item)),
            Self::Float(items) => items.get(index).map(|item| ValueRef::Float(*item)),
            Self::Bool(items) => items.get(index).map(|item| ValueRef::Bool(*item)),
        }
        .unwrap_or(ValueRef::Missing)
    }

    /// The elements in order.
    pub fn iter(self) -> impl Iterator<Item = ValueRef<'a>> {
        (0..self.len()).map(move |index| self.get(index))
    }
}

fn packed<'a>(bytes: &'a [u8], ends: &[u32], index: usize) -> Option<&'a [u8]> {
    let start = if index == 0 { 0 } else { *ends.get(index - 1)? as usize };
    bytes.get(start..*ends.get(index)? as usize)
}

/// An owned value, for sources that hold rows of values.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// See [`ValueRef::Missing`].
    #[default]
    Missing,
    /// See [`ValueRef::Int`].
    Int(i64),
    /// See [`ValueRef::Float`].
    Float(f64),
    /// See [`ValueRef::Bool`].
    Bool(bool),
    /// See [`ValueRef::Str`].
    Str(Box<[u8]>),
    /// See [`ValueRef::Duration`].
    Duration(u64),
    /// See [`ValueRef::Status`].
    Status(i32),
    /// See [`ValueRef::Kind`].
    Kind(i32),
    /// See [`ArrayRef::Str`]; elements' bytes and their ends.
    StrArray(Box<[u8]>, Box<[u32]>),
    /// See [`ArrayRef::Int`].
    IntArray(Box<[i64]>),
    /// See [`ArrayRef::Float`].
    FloatArray(Box<[f64]>),
    /// See [`ArrayRef::Bool`].
    BoolArray(Box<[bool]>),
    /// See [`ValueRef::Unsupported`].
    Unsupported,
}

impl Value {
    /// An array of strings.
    pub fn strings<S: AsRef<[u8]>>(items: impl IntoIterator<Item = S>) -> Self {
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        for item in items {
            bytes.extend_from_slice(item.as_ref());
            ends.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        }
        Self::StrArray(bytes.into(), ends.into())
    }

    /// The same value, borrowed.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Missing => ValueRef::Missing,
            Self::Int(value) => ValueRef::Int(*value),
            Self::Float(value) => ValueRef::Float(*value),
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::Str(value) => ValueRef::Str(value),
            Self::Duration(nanos) => ValueRef::Duration(*nanos),
            Self::Status(code) => ValueRef::Status(*code),
            Self::Kind(kind) => ValueRef::Kind(*kind),
            Self::StrArray(bytes, ends) => ValueRef::Array(ArrayRef::Str { bytes, ends }),
            Self::IntArray(items) => ValueRef::Array(ArrayRef::Int(items)),
            Self::FloatArray(items) => ValueRef::Array(ArrayRef::Float(items)),
            Self::BoolArray(items) => ValueRef::Array(ArrayRef::Bool(items)),
            Self::Unsupported => ValueRef::Unsupported,
        }
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Missing => Self::Missing,
            ValueRef::Int(value) => Self::Int(value),
            ValueRef::Float(value) => Self::Float(value),
            ValueRef::Bool(value) => Self::Bool(value),
            ValueRef::Str(value) => Self::Str(value.into()),
            ValueRef::Duration(nanos) => Self::Duration(nanos),
            ValueRef::Status(code) => Self::Status(code),
            ValueRef::Kind(kind) => Self::Kind(kind),
            ValueRef::Array(array) => array.into(),
            ValueRef::Unsupported => Self::Unsupported,
        }
    }
}

impl From<ArrayRef<'_>> for Value {
    fn from(array: ArrayRef<'_>) -> Self {
        match array {
            ArrayRef::Str { bytes, ends } => Self::StrArray(bytes.into(), ends.into()),
            ArrayRef::Int(items) => Self::IntArray(items.into()),
            ArrayRef::Float(items) => Self::FloatArray(items.into()),
            ArrayRef::Bool(items) => Self::BoolArray(items.into()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.as_bytes().into())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Str(bytes.into())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
