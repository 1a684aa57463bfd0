//! What was found: names by scope, values by type.

use hashbrown::HashSet;

use super::TagScope;
use super::texts::{DistinctTexts, Texts};

/// Attribute keys by scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagNames {
    by_scope: [Texts; TagScope::ALL.len()],
}

impl TagNames {
    /// The keys of a scope.
    pub fn of(&self, scope: TagScope) -> &Texts {
        &self.by_scope[scope as usize]
    }

    /// The keys of a scope, to change.
    pub fn of_mut(&mut self, scope: TagScope) -> &mut Texts {
        &mut self.by_scope[scope as usize]
    }

    /// Memory held.
    pub fn memory_bytes(&self) -> usize {
        self.by_scope.iter().map(Texts::memory_bytes).sum()
    }
}

/// Attribute keys being gathered.
#[derive(Clone, Debug, Default)]
pub struct TagNamesFound {
    by_scope: [DistinctTexts; TagScope::ALL.len()],
}

impl TagNamesFound {
    /// Adds a key; whether it is new.
    pub fn insert(&mut self, scope: TagScope, key: &[u8]) -> bool {
        self.by_scope[scope as usize].insert(key)
    }

    /// Bytes of all keys.
    pub fn text_bytes(&self) -> usize {
        self.by_scope.iter().map(DistinctTexts::text_bytes).sum()
    }

    /// Memory held.
    pub fn memory_bytes(&self) -> usize {
        self.by_scope.iter().map(DistinctTexts::memory_bytes).sum()
    }

    /// The keys in order.
    pub fn sorted(&self) -> TagNames {
        TagNames { by_scope: std::array::from_fn(|scope| self.by_scope[scope].sorted()) }
    }
}

/// Distinct values by type, each type in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TagValues {
    /// Strings.
    pub strings: Texts,
    /// Integers.
    pub ints: Vec<i64>,
    /// Doubles, in total order.
    pub floats: Vec<f64>,
    /// Booleans.
    pub bools: Vec<bool>,
    /// Durations in nanoseconds.
    pub durations: Vec<u64>,
}

impl TagValues {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.strings.len()
            + self.ints.len()
            + self.floats.len()
            + self.bools.len()
            + self.durations.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory held.
    pub fn memory_bytes(&self) -> usize {
        let numbers = self.ints.capacity() + self.floats.capacity() + self.durations.capacity();
        self.strings.memory_bytes() + numbers * 8 + self.bools.capacity()
    }

    /// The values of both.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        Self {
            strings: self.strings.merged(&other.strings),
            ints: union(&self.ints, &other.ints, i64::cmp),
            floats: union(&self.floats, &other.floats, f64::total_cmp),
            bools: union(&self.bools, &other.bools, bool::cmp),
            durations: union(&self.durations, &other.durations, u64::cmp),
        }
    }
}

fn union<T: Copy>(left: &[T], right: &[T], order: fn(&T, &T) -> std::cmp::Ordering) -> Vec<T> {
    let mut all = [left, right].concat();
    all.sort_by(order);
    all.dedup_by(|a, b| order(a, b).is_eq());
    all
}

/// Values being gathered, up to a number of bytes.
#[derive(Clone, Debug)]
pub struct DistinctValues {
    strings: DistinctTexts,
    ints: HashSet<i64, foldhash::fast::RandomState>,
    /// By their bits.
    floats: HashSet<u64, foldhash::fast::RandomState>,
    bools: [bool; 2],
    durations: HashSet<u64, foldhash::fast::RandomState>,
    number_bytes: usize,
    bytes_max: usize,
}

impl DistinctValues {
    /// None yet; full once their texts have `bytes_max`.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            strings: DistinctTexts::default(),
            ints: HashSet::default(),
            floats: HashSet::default(),
            bools: [false; 2],
            durations: HashSet::default(),
            number_bytes: 0,
            bytes_max,
        }
    }

    /// Whether more would be of no use.
    pub fn is_full(&self) -> bool {
        self.strings.text_bytes() + self.number_bytes >= self.bytes_max
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let bools = self.bools.iter().filter(|seen| **seen).count();
        self.strings.len() + self.ints.len() + self.floats.len() + self.durations.len() + bools
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory held.
    pub fn memory_bytes(&self) -> usize {
        let numbers = self.ints.capacity() + self.floats.capacity() + self.durations.capacity();
        self.strings.memory_bytes() + numbers * 10
    }

    /// Adds a string.
    pub fn string(&mut self, text: &[u8]) {
        if !self.is_full() {
            self.strings.insert(text);
        }
    }

    /// Adds an integer.
    pub fn int(&mut self, value: i64) {
        if !self.is_full() && self.ints.insert(value) {
            let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
            self.number_bytes += digits + usize::from(value < 0);
        }
    }

    /// Adds a double.
    pub fn float(&mut self, value: f64) {
        // At least `1.0`.
        if !self.is_full() && self.floats.insert(value.to_bits()) {
            self.number_bytes += 3;
        }
    }

    /// Adds a boolean.
    pub fn bool(&mut self, value: bool) {
        self.bools[usize::from(value)] = true;
    }

    /// Adds a duration in nanoseconds.
    pub fn duration(&mut self, nanos: u64) {
        // At least `1s`.
        if !self.is_full() && self.durations.insert(nanos) {
            self.number_bytes += 2;
        }
    }

    /// The values in order.
    pub fn sorted(&self) -> TagValues {
        let mut ints: Vec<i64> = self.ints.iter().copied().collect();
        ints.sort_unstable();
        let mut floats: Vec<f64> = self.floats.iter().map(|bits| f64::from_bits(*bits)).collect();
        floats.sort_by(f64::total_cmp);
        let mut durations: Vec<u64> = self.durations.iter().copied().collect();
        durations.sort_unstable();
        let bools = [false, true].into_iter().filter(|value| self.bools[usize::from(*value)]);
        let strings = self.strings.sorted();
        TagValues { strings, ints, floats, bools: bools.collect(), durations }
    }
}
