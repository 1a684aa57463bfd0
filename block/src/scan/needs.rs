//! What rows must hold to be worth reading, in terms of the columns of a scan.
//!
//! From: `engine`, which makes tests of a plan's predicates. To: [`super::lookup`] and
//! [`super::sift`]. This module does not know queries: a test is a function of one value.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// One value of a field, as tests see it: elements of arrays come one by one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// The owner does not have the attribute.
    Missing,
    /// Text or bytes of an id.
    Bytes(&'a [u8]),
    /// Integer (durations, codes and counts too).
    Int(i64),
    /// Double.
    Float(f64),
    /// Boolean.
    Bool(bool),
    /// Present, of a type that no comparison takes.
    Unsupported,
}

/// Types that values of an attribute can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueTypes {
    /// Text.
    pub bytes: bool,
    /// Integers.
    pub ints: bool,
    /// Doubles.
    pub floats: bool,
    /// Booleans.
    pub bools: bool,
}

impl ValueTypes {
    /// Every type.
    pub const ALL: Self = Self { bytes: true, ints: true, floats: true, bools: true };
    /// None.
    pub const NONE: Self = Self { bytes: false, ints: false, floats: false, bools: false };
}

/// Whether a value passes a test.
pub type Accepts = Arc<dyn Fn(Scalar<'_>) -> bool + Send + Sync>;

/// A test of one field.
#[derive(Clone)]
pub struct ScanTest {
    /// Where the value may be: numbers of [`ScanRequest::fields`](super::ScanRequest::fields). What
    /// passes in one of them passes.
    pub fields: Vec<usize>,
    /// Types that values which pass can have, if the fields are attributes.
    pub types: ValueTypes,
    /// Integers outside never pass.
    pub numbers: RangeInclusive<i128>,
    /// Whether a value passes. An array that passes as a whole must have an element that does.
    pub accepts: Accepts,
}

impl fmt::Debug for ScanTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanTest").field("fields", &self.fields).finish_non_exhaustive()
    }
}

/// Tests of which some span must pass all.
pub type ScanNeed = Vec<ScanTest>;

/// Which rows are worth reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Rows may be pieces of traces, of which other blocks hold the rest: those that may satisfy at
    /// least one need. What only a whole trace tells (its duration, its root, how its spans are
    /// nested) is not tested.
    #[default]
    AnyNeed,
    /// Rows are whole traces: those that may satisfy all needs.
    AllNeeds,
}

/// What rows must hold to be worth reading. Without needs every row is.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Which of the needs.
    pub wanted: Wanted,
    /// The needs.
    pub needs: Vec<ScanNeed>,
}
