//! Attribute values on the wire, as values that queries compare.

use stringendo_proto::wire::{Fields, Value as Wire};
use stringendo_traceql::{Value, ValueRef};

/// A field of a span: borrowed from the image where that is possible.
#[derive(Clone, Debug)]
pub enum Cell<'a> {
    /// Borrowed.
    Ref(ValueRef<'a>),
    /// Computed.
    Owned(Value),
}

impl Cell<'_> {
    /// None.
    pub const MISSING: Self = Cell::Ref(ValueRef::Missing);

    /// The value.
    pub fn get(&self) -> ValueRef<'_> {
        match self {
            Cell::Ref(value) => *value,
            Cell::Owned(value) => value.as_ref(),
        }
    }

    /// Whether there is none.
    pub fn is_missing(&self) -> bool {
        matches!(self.get(), ValueRef::Missing)
    }
}

/// Reads an `AnyValue` (contract blocks.md §10: which arrays keep their type).
pub fn any_value(any: &[u8]) -> Cell<'_> {
    match Fields::new(any).last() {
        None | Some(Err(_)) => Cell::Ref(ValueRef::Unsupported),
        Some(Ok((5, Wire::Bytes(array)))) => array_value(array),
        Some(Ok((number, value))) => Cell::Ref(scalar(number, value)),
    }
}

fn scalar(number: u32, value: Wire<'_>) -> ValueRef<'_> {
    match (number, value) {
        (1, Wire::Bytes(text)) => ValueRef::Str(text),
        (2, Wire::Varint(truth)) => ValueRef::Bool(truth != 0),
        (3, Wire::Varint(number)) => ValueRef::Int(number as i64),
        (4, Wire::Fixed64(bits)) => ValueRef::Float(f64::from_bits(bits)),
        _ => ValueRef::Unsupported,
    }
}

/// An array whose elements all have one comparable type; anything else is unsupported.
fn array_value(array: &[u8]) -> Cell<'_> {
    let elements = Fields::new(array).filter_map(|field| match field {
        Ok((1, Wire::Bytes(any))) => Some(any_value(any)),
        _ => None,
    });
    let elements: Vec<Cell<'_>> = elements.collect();
    let typed = match elements.first().map(Cell::get) {
        // Stored as an array without elements, which compares like a missing value.
        None => Some(Value::Missing),
        Some(ValueRef::Str(_)) => collect(&elements, as_str).map(Value::strings),
        Some(ValueRef::Int(_)) => collect(&elements, as_int).map(|all| Value::IntArray(all.into())),
        Some(ValueRef::Float(_)) => {
            collect(&elements, as_float).map(|all| Value::FloatArray(all.into()))
        }
        Some(ValueRef::Bool(_)) => {
            collect(&elements, as_bool).map(|all| Value::BoolArray(all.into()))
        }
        Some(_) => None,
    };
    Cell::Owned(typed.unwrap_or(Value::Unsupported))
}

fn collect<'a, T>(
    elements: &'a [Cell<'a>],
    take: impl Fn(ValueRef<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    elements.iter().map(|element| take(element.get())).collect()
}

fn as_str(value: ValueRef<'_>) -> Option<&[u8]> {
    if let ValueRef::Str(text) = value { Some(text) } else { None }
}

fn as_int(value: ValueRef<'_>) -> Option<i64> {
    if let ValueRef::Int(number) = value { Some(number) } else { None }
}

fn as_float(value: ValueRef<'_>) -> Option<f64> {
    if let ValueRef::Float(number) = value { Some(number) } else { None }
}

fn as_bool(value: ValueRef<'_>) -> Option<bool> {
    if let ValueRef::Bool(truth) = value { Some(truth) } else { None }
}
