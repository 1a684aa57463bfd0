//! What dictionaries and bounds tell about needs, before any data page is read.
//!
//! From: [`super::probe`]. To: [`super::sift`], which looks at the data pages of what is left.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use super::needs::{Accepts, Scalar, Wanted};
use super::plan::Plan;
use super::probe::{CodeSet, NeedProbes, Probe, probes};
use super::{AttributeScope, BlockReader, Fetched, KnownDictionaries, ReadError, ScanRequest};
use crate::read::columns::Column;
use crate::read::footer::{Bounds, Chunk};
use crate::read::join_ranges;
use crate::read::stream::DecodeBudget;
use crate::read::values::Dictionary;

/// What is known of a row group after its dictionaries were looked at.
#[derive(Clone, Default)]
pub struct Lookup {
    /// Needs that may be satisfied, with their numbers; `None` if every row is wanted.
    pub(super) needs: Option<Vec<(usize, NeedProbes)>>,
    /// Scopes of whose generic attributes none has a key that the request names.
    pub(super) absent: Arc<[AttributeScope]>,
    read_bytes: u64,
}

impl Lookup {
    /// Whether no row can be worth reading.
    pub fn excludes_all(&self) -> bool {
        self.needs.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether every row of the requested time is wanted, so that there is nothing to sift.
    pub fn wants_every_row(&self) -> bool {
        self.needs.is_none()
    }

    /// Bytes of the file that were decoded.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> u64 {
        let probes = self.needs.iter().flatten().flat_map(|(_, tests)| tests).flatten();
        let codes = |probe: &Probe| probe.codes.as_ref().map_or(0, |codes| codes.passes.len());
        probes.map(|probe| (codes(probe) + size_of::<Probe>()) as u64).sum()
    }
}

/// Numbers of a column that may pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberRange {
    low: i64,
    high: i64,
    /// Makes unsigned numbers comparable as signed ones.
    flip: i64,
}

impl NumberRange {
    pub(super) const ALL: Self = Self { low: i64::MIN, high: i64::MAX, flip: 0 };

    pub(super) fn new(range: &RangeInclusive<i128>, is_unsigned: bool) -> Self {
        let (min, max, flip) = match is_unsigned {
            true => (0, i128::from(u64::MAX), i64::MIN),
            false => (i128::from(i64::MIN), i128::from(i64::MAX), 0),
        };
        let (low, high) = ((*range.start()).max(min), (*range.end()).min(max));
        match low <= high {
            true => Self { low: low as i64 ^ flip, high: high as i64 ^ flip, flip },
            false => Self { low: 1, high: 0, flip },
        }
    }

    pub(super) fn contains(self, number: i64) -> bool {
        (self.low..=self.high).contains(&(number ^ self.flip))
    }

    /// Whether nothing within the bounds may pass.
    fn excludes(self, bounds: &Bounds) -> bool {
        let number = |bytes: &Option<Vec<u8>>| {
            let bytes: [u8; 8] = bytes.as_deref()?.try_into().ok()?;
            Some(i64::from_le_bytes(bytes) ^ self.flip)
        };
        let is_below = number(&bounds.max).is_some_and(|max| max < self.low);
        is_below || number(&bounds.min).is_some_and(|min| min > self.high)
    }
}

impl BlockReader {
    /// Ranges to fetch before [`BlockReader::look_up`]: dictionaries of the columns that the needs
    /// look at, and of keys, unless they are known.
    pub fn lookup_ranges(
        &self,
        row_group: usize,
        request: &ScanRequest,
        known: &dyn KnownDictionaries,
    ) -> Vec<Range<u64>> {
        if !self.may_hold_time(row_group, request) {
            return Vec::new();
        }
        let needs = probes(&self.columns, &request.fields, &request.needs);
        let probes = needs.iter().flatten().flatten().flatten();
        let plan = Plan::new(&self.columns, request, &[]);
        let keys = plan.groups.iter().map(|group| group.keys().0);
        let columns = probes.flat_map(Probe::columns).chain(keys);
        let ranges = columns.filter_map(|it| self.unknown_dictionary(row_group, it, known));
        join_ranges(ranges.collect())
    }

    /// Asks dictionaries, with at most `decoded_bytes_max` decoded at a time.
    ///
    /// # Errors
    /// Ranges missing from `fetched`, damaged columns, or too little memory.
    pub fn look_up(
        &self,
        row_group: usize,
        request: &ScanRequest,
        fetched: &Fetched,
        decoded_bytes_max: u64,
    ) -> Result<Lookup, ReadError> {
        if !self.may_hold_time(row_group, request) {
            return Ok(Lookup { needs: Some(Vec::new()), ..Lookup::default() });
        }
        let budget = DecodeBudget::within(decoded_bytes_max);
        let mut lookup = Asking { reader: self, row_group, fetched, budget, known: Vec::new() };
        let absent = lookup.absent(request)?.into();
        let Some(needs) = probes(&self.columns, &request.fields, &request.needs) else {
            let read_bytes = lookup.budget.read_bytes;
            return Ok(Lookup { needs: None, absent, read_bytes });
        };
        let mut left = Vec::new();
        for (number, need) in needs.into_iter().enumerate().filter(|(_, need)| !need.is_empty()) {
            if let Some(need) = lookup.need(need)? {
                left.push((number, need));
            } else if request.needs.wanted == Wanted::AllNeeds {
                left.clear();
                break;
            }
        }
        Ok(Lookup { needs: Some(left), absent, read_bytes: lookup.budget.read_bytes })
    }

    fn chunk(&self, row_group: usize, column: Column) -> Option<&Chunk> {
        self.footer.row_groups.get(row_group)?.chunks.get(column)
    }

    pub(super) fn dictionary_range(&self, row_group: usize, column: Column) -> Option<Range<u64>> {
        self.chunk(row_group, column)?.dictionary.clone()
    }
}

impl Probe {
    /// Columns whose dictionaries are asked.
    fn columns(&self) -> impl Iterator<Item = Column> + use<> {
        let key = self.keyed.as_ref().map(|keyed| keyed.key_column);
        [Some(self.column), key].into_iter().flatten()
    }
}

/// Asks dictionaries; each is decoded once.
struct Asking<'a> {
    reader: &'a BlockReader,
    row_group: usize,
    fetched: &'a Fetched,
    budget: DecodeBudget,
    known: Vec<(Column, Option<Arc<Dictionary>>)>,
}

impl Asking<'_> {
    /// Scopes of whose generic attributes the dictionary of keys has none that the request names.
    fn absent(&mut self, request: &ScanRequest) -> Result<Vec<AttributeScope>, ReadError> {
        let plan = Plan::new(&self.reader.columns, request, &[]);
        let mut absent = Vec::new();
        for group in &plan.groups {
            let (column, keys) = group.keys();
            let is_all = self.reader.chunk(self.row_group, column).is_some_and(|c| c.is_all_codes);
            let Some(dictionary) = self.dictionary(column)?.filter(|_| is_all) else { continue };
            let Dictionary::Bytes(known) = &*dictionary else { continue };
            if !(0..known.len()).any(|at| keys.iter().any(|key| key == known.get(at))) {
                absent.push(group.scope);
            }
        }
        Ok(absent)
    }

    /// What is left to look at; `None` if the need cannot be satisfied.
    fn need(&mut self, tests: NeedProbes) -> Result<Option<NeedProbes>, ReadError> {
        let mut left = Vec::with_capacity(tests.len());
        for probes in tests {
            let mut alive = Vec::new();
            for probe in probes {
                alive.extend(self.probe(probe)?);
            }
            if alive.is_empty() {
                return Ok(None);
            }
            left.push(alive);
        }
        Ok(Some(left))
    }

    fn probe(&mut self, mut probe: Probe) -> Result<Option<Probe>, ReadError> {
        let Some(chunk) = self.reader.chunk(self.row_group, probe.column) else {
            return Ok(None);
        };
        let numbers = probe.numbers.as_ref();
        let numbers = numbers.map(|(range, unsigned)| NumberRange::new(range, *unsigned));
        if numbers.is_some_and(|numbers| numbers.excludes(&chunk.bounds)) {
            return Ok(None);
        }
        if let Some(keyed) = &mut probe.keyed {
            let key = keyed.key.clone();
            let is_key: Accepts = Arc::new(move |value| value == Scalar::Bytes(&key));
            let all = NumberRange::ALL;
            let (is_excluded, codes) = self.is_excluded(keyed.key_column, all, &is_key)?;
            if is_excluded {
                return Ok(None);
            }
            keyed.codes = codes;
        }
        let numbers = numbers.unwrap_or(NumberRange::ALL);
        let (is_excluded, codes) = self.is_excluded(probe.column, numbers, &probe.accepts)?;
        probe.codes = codes;
        Ok((!is_excluded).then_some(probe))
    }

    /// Whether the column's dictionary says that no value passes, and which entries do.
    fn is_excluded(
        &mut self,
        column: Column,
        numbers: NumberRange,
        accepts: &Accepts,
    ) -> Result<(bool, Option<Arc<CodeSet>>), ReadError> {
        let Some(dictionary) = self.dictionary(column)? else { return Ok((false, None)) };
        self.budget.take(dictionary.len())?;
        let codes = passing(&dictionary, numbers, accepts);
        let is_all = self.reader.chunk(self.row_group, column).is_some_and(|c| c.is_all_codes);
        Ok((is_all && codes.count == 0, Some(Arc::new(codes))))
    }

    fn dictionary(&mut self, column: Column) -> Result<Option<Arc<Dictionary>>, ReadError> {
        if let Some((_, known)) = self.known.iter().find(|(known, _)| *known == column) {
            return Ok(known.clone());
        }
        let Self { reader, row_group, fetched, budget, .. } = self;
        let dictionary = match reader.dictionary_range(*row_group, column) {
            Some(range) => reader.dictionary(*row_group, column, &range, fetched, budget)?,
            None => None,
        };
        self.known.push((column, dictionary.clone()));
        Ok(dictionary)
    }
}

fn passing(dictionary: &Dictionary, numbers: NumberRange, accepts: &Accepts) -> CodeSet {
    let mut codes = CodeSet::default();
    match dictionary {
        Dictionary::Bytes(values) => {
            (0..values.len()).for_each(|at| codes.push(accepts(Scalar::Bytes(values.get(at)))))
        }
        Dictionary::Int(values) => {
            let passes = |value: i64| numbers.contains(value) && accepts(Scalar::Int(value));
            values.iter().for_each(|value| codes.push(passes(*value)));
        }
        Dictionary::Float(values) => {
            values.iter().for_each(|value| codes.push(accepts(Scalar::Float(*value))));
        }
    }
    codes
}
