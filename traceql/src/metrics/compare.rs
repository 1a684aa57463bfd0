//! `compare()`: how often each value of each field occurs among the spans of a selection and among
//! the others (contract §11.10).

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::accumulate::TraceSpans;
use super::axis::TimeAxis;
use super::groups::{self, Found, Groups};
use super::label::{Label, LabelValue};
use super::leg::Read;
use super::series::Series;
use crate::plan::SpanFilter;
use crate::source::SpanColumns;
use crate::value::ValueRef;

/// Values of one field that are counted; a field with more has no series of single values.
const FIELD_VALUES_MAX: u32 = 10_000;

/// Memory of a cell: a slot of the table while it is being doubled.
const CELL_BYTES: u64 = 4 * size_of::<((u32, u32), u64)>() as u64;

/// The label that says which spans a series counts.
const META_TYPE: &str = "__meta_type";

/// Groups of spans; the number is part of keys.
const SELECTION: u8 = 0;
const BASELINE: u8 = 1;

/// What `compare()` asks.
#[derive(Debug)]
pub(super) struct ComparePlan {
    pub selection: SpanFilter,
    /// Start (exclusive) and end (inclusive) of the selection, nanoseconds since the Unix epoch.
    pub range: Option<(u64, u64)>,
    pub top: usize,
    /// Intrinsics that are compared.
    pub intrinsics: Vec<Read>,
    /// Number of columns of the plan, behind which those of attributes are.
    pub columns: usize,
}

/// Counts by field, value and interval.
#[derive(Clone, Debug, Default)]
pub(super) struct Comparison {
    /// (group, name of the field)
    pub(super) fields: Groups,
    /// (field, value)
    pub(super) values: Groups,
    /// By number of value: its field, and all its spans.
    pub(super) totals: Vec<(u32, u64)>,
    /// By number of field: how many values.
    pub(super) field_values: Vec<u32>,
    /// (value, interval)
    pub(super) cells: HashMap<(u32, u32), u64, RandomState>,
    /// (field, interval)
    pub(super) field_cells: HashMap<(u32, u32), u64, RandomState>,
}

impl Comparison {
    pub fn observe<C: SpanColumns, E>(
        &mut self,
        plan: &ComparePlan,
        axis: &TimeAxis,
        trace: &TraceSpans<'_, C>,
        spans: impl Iterator<Item = usize>,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let texts: Vec<String> = trace.attributes.iter().map(ToString::to_string).collect();
        let mut numbers = FieldNumbers::new(plan.intrinsics.len() + texts.len());
        for span in spans {
            let start = trace.start_unix_nanos[span];
            let Some(interval) = axis.interval_of(start) else { continue };
            let group = plan.group_of(trace.columns, span, start);
            let intrinsics = plan.intrinsics.iter().enumerate().filter(|_| !trace.again);
            for (at, read) in intrinsics {
                let value = read.value(trace.columns, span);
                // An intrinsic text that is empty was not given.
                let is_given = value != ValueRef::Str(b"") || read.text == "name";
                if is_given && is_comparable(value) {
                    let field = self.field(&mut numbers, at, group, &read.text, grow)?;
                    self.count(field, value, interval, grow)?;
                }
            }
            for (at, text) in texts.iter().enumerate() {
                let value = trace.columns.value(span, plan.columns + at).single();
                let is_given =
                    value != ValueRef::Str(b"") || !trace.attributes[at].is_service_name();
                if is_given && is_comparable(value) {
                    let at = plan.intrinsics.len() + at;
                    let field = self.field(&mut numbers, at, group, text, grow)?;
                    self.count(field, value, interval, grow)?;
                }
            }
        }
        Ok(())
    }

    fn field<E>(
        &mut self,
        numbers: &mut FieldNumbers,
        at: usize,
        group: u8,
        text: &str,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<u32, E> {
        if let Some(number) = numbers.0[usize::from(group)][at] {
            return Ok(number);
        }
        let key = |key: &mut Vec<u8>| {
            key.push(group);
            key.extend_from_slice(text.as_bytes());
        };
        let found = self.fields.find_key(key);
        let number = self.field_of(found, grow)?;
        numbers.0[usize::from(group)][at] = Some(number);
        Ok(number)
    }

    pub(super) fn field_of<E>(
        &mut self,
        found: Found,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<u32, E> {
        match found {
            Found::Known(number) => Ok(number),
            Found::New(key_bytes) => {
                grow(Groups::entry_bytes(key_bytes) + 8)?;
                self.field_values.push(0);
                Ok(self.fields.insert())
            }
        }
    }

    fn count<E>(
        &mut self,
        field: u32,
        value: ValueRef<'_>,
        interval: usize,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        add(&mut self.field_cells, (field, interval as u32), 1, grow)?;
        let found = self.values.find_key(|key| {
            key.extend_from_slice(&field.to_le_bytes());
            groups::put(key, value);
        });
        if let Some(number) = self.value_of(found, field, grow)? {
            self.totals[number as usize].1 += 1;
            add(&mut self.cells, (number, interval as u32), 1, grow)?;
        }
        Ok(())
    }

    /// The number of a value; `None` if its field has too many.
    pub(super) fn value_of<E>(
        &mut self,
        found: Found,
        field: u32,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<Option<u32>, E> {
        match found {
            Found::Known(number) => Ok(Some(number)),
            Found::New(key_bytes) => {
                let known = &mut self.field_values[field as usize];
                if *known > FIELD_VALUES_MAX {
                    return Ok(None);
                }
                grow(Groups::entry_bytes(key_bytes) + 32)?;
                *known += 1;
                self.totals.push((field, 0));
                Ok(Some(self.values.insert()))
            }
        }
    }

    pub fn memory_bytes(&self) -> u64 {
        let cells = (self.cells.len() + self.field_cells.len()) as u64;
        self.fields.memory_bytes()
            + self.values.memory_bytes()
            + self.totals.len() as u64 * 32
            + cells * CELL_BYTES
    }

    /// How many series there will be at most, and bytes of the texts of their labels.
    pub fn series_max(&self, plan: &ComparePlan) -> (u64, u64) {
        let shown = (self.fields.len() * plan.top).min(self.values.len());
        let longest = self.fields.keys().iter().map(|key| key.len()).max().unwrap_or(0);
        let series = (shown + self.fields.len()) as u64;
        (series, self.values.memory_bytes() + series * longest as u64)
    }

    /// Series of the most frequent values of each field, and of all that have the field.
    pub fn finish(&self, plan: &ComparePlan, axis: &TimeAxis) -> Vec<Series> {
        let fields = self.fields.keys();
        let keys = self.values.keys();
        let intervals = axis.intervals();
        let mut series = Vec::new();
        let mut of_value: HashMap<u32, usize> = HashMap::new();
        for value in self.most_frequent(plan.top, &keys) {
            let (field, _) = self.totals[value as usize];
            let Some((Some(text), _)) = groups::take(&keys[value as usize][4..]) else { continue };
            of_value.insert(value, series.len());
            series.push(empty(fields[field as usize], ["selection", "baseline"], text, intervals));
        }
        for ((value, interval), count) in &self.cells {
            if let Some(at) = of_value.get(value) {
                let series: &mut Series = &mut series[*at];
                series.values[*interval as usize] = *count as f64;
            }
        }
        let first_total = series.len();
        let names = ["selection_total", "baseline_total"];
        let total = |key: &&[u8]| empty(key, names, LabelValue::text("nil"), intervals);
        series.extend(fields.iter().map(total));
        for ((field, interval), count) in &self.field_cells {
            series[first_total + *field as usize].values[*interval as usize] = *count as f64;
        }
        series
    }

    /// Numbers of the values that are shown.
    fn most_frequent(&self, top: usize, keys: &[&[u8]]) -> Vec<u32> {
        let mut by_field: Vec<Vec<u32>> = vec![Vec::new(); self.field_values.len()];
        for (value, (field, _)) in self.totals.iter().enumerate() {
            if self.field_values[*field as usize] <= FIELD_VALUES_MAX {
                by_field[*field as usize].push(value as u32);
            }
        }
        for values in &mut by_field {
            values.sort_by_cached_key(|value| {
                let (total, key) = (self.totals[*value as usize].1, keys[*value as usize]);
                let text = groups::take(&key[4..]).and_then(|(value, _)| value);
                let text = text.map_or_else(Vec::new, |value| value.as_text().into_owned());
                (std::cmp::Reverse(total), text, key)
            });
            values.truncate(top);
        }
        by_field.concat()
    }
}

/// Numbers of fields by group, once they were looked up for a trace.
struct FieldNumbers([Vec<Option<u32>>; 2]);

impl FieldNumbers {
    fn new(fields: usize) -> Self {
        Self([vec![None; fields], vec![None; fields]])
    }
}

impl ComparePlan {
    fn group_of<C: SpanColumns>(&self, columns: &C, span: usize, start: u64) -> u8 {
        let is_in_range = self.range.is_none_or(|(first, last)| start > first && start <= last);
        if is_in_range && self.selection.accepts(columns, span as u32) {
            SELECTION
        } else {
            BASELINE
        }
    }
}

/// Whether a value has a form as a label.
fn is_comparable(value: ValueRef<'_>) -> bool {
    !matches!(value, ValueRef::Missing | ValueRef::Array(_) | ValueRef::Unsupported)
}

pub(super) fn add<E>(
    cells: &mut HashMap<(u32, u32), u64, RandomState>,
    cell: (u32, u32),
    count: u64,
    grow: &mut impl FnMut(u64) -> Result<(), E>,
) -> Result<(), E> {
    if let Some(known) = cells.get_mut(&cell) {
        *known += count;
        return Ok(());
    }
    grow(CELL_BYTES)?;
    cells.insert(cell, count);
    Ok(())
}

/// A series of zeros; `field` is its group and its name.
fn empty(field: &[u8], groups: [&str; 2], value: LabelValue, intervals: usize) -> Series {
    let (group, name) = field.split_first().unwrap_or((&SELECTION, &[]));
    let group = groups[usize::from(*group == BASELINE)];
    let labels = vec![
        Label::new(META_TYPE, LabelValue::text(group)),
        Label::new(String::from_utf8_lossy(name), value),
    ];
    Series::new(labels, vec![0.0; intervals])
}
