//! Spans that are shown with series (contract §11.9): at most one per trace, few per stretch of
//! time, and the same ones whatever the order in which traces are looked at.

use std::collections::HashMap;

use super::axis::TimeAxis;
use super::label::{Label, LabelValue};
use super::leg::Leg;
use super::series::label_bytes;
use crate::source::SpanColumns;

/// Spans kept per slot of time.
const SLOT_SPANS: usize = 2;

/// A span that went into a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// `trace:id`, and the fields that the query reads.
    pub labels: Vec<Label>,
    /// What was measured of the span; the series' own value where nothing is.
    pub value: f64,
    /// Start of the span, nanoseconds since the Unix epoch.
    pub unix_nanos: u64,
    /// Whether `value` is that of the series.
    pub(super) is_placeholder: bool,
}

impl Exemplar {
    /// Bytes held.
    pub fn memory_bytes(&self) -> u64 {
        size_of::<Self>() as u64 + self.labels.iter().map(label_bytes).sum::<u64>()
    }
}

/// A span that may become one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Candidate {
    pub span: usize,
    pub start_unix_nanos: u64,
    pub interval: usize,
    pub group: u32,
    pub bucket: u8,
    pub value: f64,
}

/// A candidate with what is shown of it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub trace_id: [u8; 16],
    pub candidate: Candidate,
    pub labels: Vec<Label>,
}

impl Kept {
    /// Bytes held, in a list that doubles.
    fn memory_bytes(&self) -> u64 {
        2 * size_of::<Self>() as u64 + self.labels.iter().map(label_bytes).sum::<u64>()
    }
}

/// Candidates by slot of time.
#[derive(Clone, Debug)]
pub(super) struct Exemplars {
    limit: usize,
    start: u64,
    slot_nanos: u64,
    slots: Vec<Vec<Kept>>,
}

impl Exemplars {
    pub fn new(limit: usize, axis: &TimeAxis) -> Self {
        let (start, end) = axis.bounds_unix_nanos();
        let limit = if axis.is_instant() { 0 } else { limit };
        let slots = if limit == 0 { 0 } else { (limit / SLOT_SPANS).max(1) };
        let slot_nanos = (end.saturating_sub(start) / slots.max(1) as u64).saturating_add(1);
        Self { limit, start, slot_nanos, slots: vec![Vec::new(); slots] }
    }

    /// Takes a trace's span in, if it is among those that its slot prefers. `keep` says what is
    /// kept of it.
    pub fn offer<E>(
        &mut self,
        trace_id: &[u8; 16],
        start_unix_nanos: u64,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
        keep: impl FnOnce() -> (Candidate, Vec<Label>),
    ) -> Result<(), E> {
        let slot = self.slot_of(start_unix_nanos);
        let Some(at) = self.place(slot, trace_id) else { return Ok(()) };
        let (candidate, labels) = keep();
        let kept = Kept { trace_id: *trace_id, candidate, labels };
        grow(kept.memory_bytes())?;
        self.slots[slot].insert(at, kept);
        self.slots[slot].truncate(SLOT_SPANS);
        Ok(())
    }

    fn slot_of(&self, unix_nanos: u64) -> usize {
        (unix_nanos.saturating_sub(self.start) / self.slot_nanos) as usize
    }

    /// Where the trace would stand in a slot; `None` if there is no place.
    fn place(&self, slot: usize, trace_id: &[u8; 16]) -> Option<usize> {
        let kept = self.slots.get(slot)?;
        let rank = rank(trace_id);
        let at = kept.partition_point(|kept| self::rank(&kept.trace_id) <= rank);
        (at < SLOT_SPANS).then_some(at)
    }

    /// Takes in those of another accumulator, whose groups have these numbers here.
    pub fn merge<E>(
        &mut self,
        other: Self,
        numbers: &[u32],
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        for (slot, theirs) in other.slots.into_iter().enumerate() {
            for mut kept in theirs {
                let Some(group) = numbers.get(kept.candidate.group as usize) else { continue };
                kept.candidate.group = *group;
                if let Some(at) = self.place(slot, &kept.trace_id) {
                    grow(kept.memory_bytes())?;
                    self.slots[slot].insert(at, kept);
                    self.slots[slot].truncate(SLOT_SPANS);
                }
            }
        }
        Ok(())
    }

    /// One per trace, by time.
    pub fn finish(self) -> Vec<Kept> {
        let mut first: HashMap<[u8; 16], Kept> = HashMap::new();
        for kept in self.slots.into_iter().flatten() {
            let time = |kept: &Kept| (kept.candidate.start_unix_nanos, kept.candidate.span);
            match first.get(&kept.trace_id) {
                Some(known) if time(known) <= time(&kept) => {}
                _ => {
                    first.insert(kept.trace_id, kept);
                }
            }
        }
        let mut all: Vec<Kept> = first.into_values().collect();
        all.sort_by_key(|kept| (kept.candidate.start_unix_nanos, kept.trace_id));
        all.truncate(self.limit);
        all
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> u64 {
        self.slots.iter().flatten().map(Kept::memory_bytes).sum()
    }
}

/// An order of traces that has nothing to do with their time, for ids that were counted up too.
fn rank(trace_id: &[u8; 16]) -> (u64, [u8; 16]) {
    let half = |at: usize| trace_id[at..at + 8].iter().fold(0, |n, b| n << 8 | u64::from(*b));
    let mixed = (half(0) ^ half(8).rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29, *trace_id)
}

/// What is shown of a span beside what was measured.
pub(super) fn labels<C: SpanColumns>(
    leg: &Leg,
    trace_id: &[u8; 16],
    columns: &C,
    span: usize,
) -> Vec<Label> {
    let id: String = trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut labels = vec![Label::new("trace:id", LabelValue::text(&id))];
    for read in &leg.shown {
        if let Some(value) = LabelValue::of(read.value(columns, span)) {
            labels.push(Label::new(read.text.clone(), value));
        }
    }
    labels
}
