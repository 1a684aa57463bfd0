//! A series that is being made or is finished.

use super::exemplar::Exemplar;
use super::label::{self, Label, LabelValue};

/// Values over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is about, in the order in which answers show it.
    pub labels: Vec<Label>,
    /// One value per interval of the [`TimeAxis`](super::TimeAxis); NaN where there is none.
    pub values: Vec<f64>,
    /// Spans that went into it, by time.
    pub exemplars: Vec<Exemplar>,
}

impl Series {
    pub(super) fn new(labels: Vec<Label>, values: Vec<f64>) -> Self {
        Self { labels, values, exemplars: Vec::new() }
    }

    /// Whether there is any value.
    pub(super) fn has_values(&self) -> bool {
        self.values.iter().any(|value| !value.is_nan())
    }

    /// The function's name, if it carries one.
    pub(super) fn name(&self) -> Option<&LabelValue> {
        let name = self.labels.iter().find(|label| label.key == label::NAME);
        name.map(|label| &label.value)
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> u64 {
        let labels: u64 = self.labels.iter().map(label_bytes).sum();
        let exemplars: u64 = self.exemplars.iter().map(Exemplar::memory_bytes).sum();
        (size_of::<Self>() + size_of_val(self.values.as_slice())) as u64 + labels + exemplars
    }
}

/// Bytes that a label holds.
pub(super) fn label_bytes(label: &Label) -> u64 {
    (size_of::<Label>() + label.key.len()) as u64 + label.value.heap_bytes()
}

/// Sorts series in the order of answers.
pub(super) fn sort(series: &mut [Series]) {
    series.sort_by(|left, right| label::order(&left.labels, &right.labels));
}
