//! Figures: what was measured, in several rounds, and whether it differs from what was measured
//! before by more than the rounds differ among themselves.
//!
//! Does not know how anything is measured.

use serde_json::{Value, json};

use crate::error::{XtaskError, failed};

/// Medians that differ by less are the same, whatever the rounds say: three rounds may agree by
/// chance.
const SAME_WITHIN: f64 = 0.03;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Costs, times, bytes.
    Lower,
    /// Rates.
    Higher,
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it is, with its unit.
    pub name: String,
    /// Which way is better.
    pub better: Better,
    /// One value per round.
    pub values: Vec<f64>,
}

impl Figure {
    /// Of one round.
    pub fn new(name: impl Into<String>, better: Better, value: f64) -> Self {
        Self { name: name.into(), better, values: vec![value] }
    }

    /// The middle of the rounds.
    pub fn median(&self) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            len if len % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        }
    }

    /// Least and greatest of the rounds.
    pub fn range(&self) -> [f64; 2] {
        let fold = |of: fn(f64, f64) -> f64| self.values.iter().copied().reduce(of);
        [fold(f64::min).unwrap_or(f64::NAN), fold(f64::max).unwrap_or(f64::NAN)]
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "lower_is_better": self.better == Better::Lower,
            "values": self.values,
        })
    }

    fn of_json(json: &Value) -> Option<Self> {
        let values = json["values"].as_array()?.iter().map(Value::as_f64);
        Some(Self {
            name: json["name"].as_str()?.to_owned(),
            better: match json["lower_is_better"].as_bool()? {
                true => Better::Lower,
                false => Better::Higher,
            },
            values: values.collect::<Option<_>>()?,
        })
    }
}

/// Figures of several rounds, in the order in which they first came.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// All.
    pub all: Vec<Figure>,
}

impl Figures {
    /// Adds those of a round.
    pub fn add(&mut self, round: Vec<Figure>) {
        for figure in round {
            match self.all.iter_mut().find(|known| known.name == figure.name) {
                Some(known) => known.values.extend(figure.values),
                None => self.all.push(figure),
            }
        }
    }

    /// That of a name.
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.all.iter().find(|figure| figure.name == name)
    }

    /// As a JSON array.
    pub fn json(&self) -> Value {
        self.all.iter().map(Figure::json).collect()
    }

    /// Reads what [`Self::json`] wrote.
    ///
    /// # Errors
    /// Says what is not of that form.
    pub fn of_json(json: &Value) -> Result<Self, XtaskError> {
        let figures = json.as_array().into_iter().flatten();
        let read = |figure| match Figure::of_json(figure) {
            Some(figure) => Ok(figure),
            None => failed(format!("not a figure: {figure}")),
        };
        Ok(Self { all: figures.map(read).collect::<Result<_, _>>()? })
    }
}

/// How a figure stands to an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No further away than the rounds are from each other.
    Same,
    /// Beyond that, for the better.
    Better,
    /// Beyond that, for the worse.
    Worse,
}

/// Compares rounds: they differ if no round of one lies among those of the other, and the medians
/// are not nearly the same. One round on either side says nothing about noise, so that only medians
/// which are a quarter apart count then.
pub fn verdict(before: &Figure, now: &Figure) -> Verdict {
    let change = relative_change(before, now);
    let few = before.values.len().min(now.values.len()) < 2;
    let ([least_before, most_before], [least_now, most_now]) = (before.range(), now.range());
    let overlap = least_now <= most_before && least_before <= most_now;
    let same_within = if few { 0.25 } else { SAME_WITHIN };
    if change.is_nan() || change.abs() < same_within || (!few && overlap) {
        return Verdict::Same;
    }
    let lower = change < 0.0;
    if lower == (now.better == Better::Lower) { Verdict::Better } else { Verdict::Worse }
}

/// Of the medians, as a part of the earlier one.
pub fn relative_change(before: &Figure, now: &Figure) -> f64 {
    (now.median() - before.median()) / before.median()
}

#[cfg(test)]
#[path = "figure_tests.rs"]
mod tests;
