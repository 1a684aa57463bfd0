//! `by(…)`: sets of spans are split by the value of an expression (contract `traceql.md` §7.2).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::mem::discriminant;

use super::SpanSet;
use super::expression::{At, Expression, value};
use super::pipeline::{ATTRIBUTE_BYTES, Room};
use crate::error::EvalError;
use crate::source::SpanColumns;
use crate::value::{ArrayRef, Value, ValueRef};

/// A stage that splits sets.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub expression: Expression,
    /// What new sets call the value.
    pub key: String,
}

impl Group {
    /// Appends the groups of a set to `out`, in the order in which their values appear.
    ///
    /// # Errors
    /// The groups take more than there is room for.
    pub fn split<C: SpanColumns>(
        &self,
        trace: &C,
        set: &SpanSet,
        out: &mut Vec<SpanSet>,
        room: &mut Room,
    ) -> Result<(), EvalError> {
        let mut numbers: HashMap<GroupValue<'_>, usize> = HashMap::new();
        for span in &set.spans {
            let found = GroupValue(grouped(value(&self.expression, trace, At::span(*span))));
            let number = match numbers.entry(found) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(vacant) => {
                    room.take(self.bytes(set, found.0))?;
                    let mut group =
                        SpanSet { spans: Vec::new(), attributes: set.attributes.clone() };
                    group.set_attribute(&self.key, found.0.into());
                    out.push(group);
                    *vacant.insert(out.len() - 1)
                }
            };
            out[number].spans.push(*span);
        }
        Ok(())
    }

    /// Memory of a group, its entry in the table included.
    fn bytes(&self, set: &SpanSet, value: ValueRef<'_>) -> usize {
        let said = set.attributes.iter();
        let said: usize =
            said.map(|(key, value)| key.len() + text_bytes(value.as_ref()) + ATTRIBUTE_BYTES).sum();
        let own = self.key.len() + text_bytes(value) + ATTRIBUTE_BYTES;
        GROUP_BYTES + said + own
    }
}

/// Memory of a group itself: a set with room for some spans, and its entry in the table.
const GROUP_BYTES: usize = size_of::<SpanSet>() + 64 + 2 * size_of::<(GroupValue<'_>, usize)>();

fn text_bytes(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Str(bytes) => bytes.len(),
        ValueRef::Array(ArrayRef::Str { bytes, ends }) => bytes.len() + 4 * ends.len(),
        ValueRef::Array(array) => 8 * array.len(),
        _ => 0,
    }
}

/// Values that never compare are no value to group by.
fn grouped(value: ValueRef<'_>) -> ValueRef<'_> {
    match value {
        ValueRef::Unsupported => ValueRef::Missing,
        // One zero, and one way not to be a number.
        ValueRef::Float(0.0) => ValueRef::Float(0.0),
        ValueRef::Float(number) if number.is_nan() => ValueRef::Float(f64::NAN),
        other => other,
    }
}

/// A value that is equal to itself; values of different types are different (§7.2).
#[derive(Clone, Copy)]
struct GroupValue<'a>(ValueRef<'a>);

impl PartialEq for GroupValue<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (ValueRef::Float(left), ValueRef::Float(right)) => left.to_bits() == right.to_bits(),
            (ValueRef::Array(ArrayRef::Float(left)), ValueRef::Array(ArrayRef::Float(right))) => {
                left.iter().map(|x| x.to_bits()).eq(right.iter().map(|x| x.to_bits()))
            }
            (left, right) => left == right,
        }
    }
}

impl Eq for GroupValue<'_> {}

impl Hash for GroupValue<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        discriminant(&self.0).hash(state);
        match self.0 {
            ValueRef::Missing | ValueRef::Unsupported => {}
            ValueRef::Int(value) => value.hash(state),
            ValueRef::Float(value) => value.to_bits().hash(state),
            ValueRef::Bool(value) => value.hash(state),
            ValueRef::Str(bytes) => bytes.hash(state),
            ValueRef::Duration(nanos) => nanos.hash(state),
            ValueRef::Status(code) | ValueRef::Kind(code) => code.hash(state),
            ValueRef::Array(array) => {
                discriminant(&array).hash(state);
                array.iter().for_each(|item| GroupValue(item).hash(state));
            }
        }
    }
}

impl SpanSet {
    /// Says something of the set; what was said before under the same key is gone.
    pub(super) fn set_attribute(&mut self, key: &str, value: Value) {
        match self.attributes.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.attributes.push((key.to_owned(), value)),
        }
    }
}
