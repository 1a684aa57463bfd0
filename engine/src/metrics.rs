//! Counters of one core. Nothing is shared: a scrape asks every core for its numbers and adds them
//! up ([`merge`]); `net` renders the sum.
//!
//! Names and labels are those of contract metrics.md, Part B, and stand in [`families`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

pub mod families;

/// What kind of numbers a family holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down; cores' values add up.
    Gauge,
    /// Cumulative buckets with these upper bounds, sum and count.
    Histogram(&'static [f64]),
}

/// A metric family.
#[derive(Debug, PartialEq)]
pub struct Family {
    /// Full name, as exposed.
    pub name: &'static str,
    /// One line for people.
    pub help: &'static str,
    /// Kind.
    pub kind: Kind,
    /// Label names, in the order in which values are given.
    pub labels: &'static [&'static str],
}

/// The value of one series.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// A counter or gauge.
    Number(f64),
    /// A histogram: counts per bucket (not cumulative, the last is +Inf), sum.
    Buckets(Vec<u64>, f64),
}

/// One series of a snapshot.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its family.
    pub family: &'static Family,
    /// Label values, in the family's order.
    pub labels: Vec<String>,
    /// Its value.
    pub sample: Sample,
}

type Key = (&'static str, Vec<String>);

/// Series of one core at most. Of tenants beyond that there are no series of their own, since
/// clients can make up tenants: they are counted together, as [`OTHER_TENANTS`].
const SERIES_MAX: usize = 65_536;

/// Value of the label of tenants that have no series of their own.
pub const OTHER_TENANTS: &str = "_others";

/// The registry of one core; clones share it.
#[derive(Clone, Default)]
pub struct Metrics {
    series: Rc<RefCell<HashMap<Key, Series>>>,
}

impl Metrics {
    /// Adds to a counter or gauge.
    pub fn add(&self, family: &'static Family, labels: &[&str], amount: f64) {
        self.with(family, labels, |sample| {
            if let Sample::Number(value) = sample {
                *value += amount;
            }
        });
    }

    /// Sets a gauge.
    pub fn set(&self, family: &'static Family, labels: &[&str], value: f64) {
        self.with(family, labels, |sample| *sample = Sample::Number(value));
    }

    /// Sets a histogram that is kept elsewhere: counts per bucket, not cumulative, and the sum.
    pub fn set_buckets(
        &self,
        family: &'static Family,
        labels: &[&str],
        counts: Vec<u64>,
        sum: f64,
    ) {
        self.with(family, labels, |sample| *sample = Sample::Buckets(counts, sum));
    }

    /// Records a value in a histogram.
    pub fn observe(&self, family: &'static Family, labels: &[&str], value: f64) {
        let Kind::Histogram(bounds) = family.kind else { return };
        self.with(family, labels, |sample| {
            if let Sample::Buckets(counts, sum) = sample {
                let bucket =
                    bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
                counts[bucket] += 1;
                *sum += value;
            }
        });
    }

    /// Forgets all series of a family.
    pub fn clear(&self, family: &'static Family) {
        self.series.borrow_mut().retain(|(name, _), _| *name != family.name);
    }

    /// All series of this core.
    pub fn snapshot(&self) -> Vec<Series> {
        self.series.borrow().values().cloned().collect()
    }

    fn with(&self, family: &'static Family, labels: &[&str], change: impl FnOnce(&mut Sample)) {
        debug_assert_eq!(family.labels.len(), labels.len(), "{}", family.name);
        let key = (family.name, labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>());
        let mut series = self.series.borrow_mut();
        let key = match series.len() >= SERIES_MAX && !series.contains_key(&key) {
            true => without_tenant(family, key),
            false => key,
        };
        let entry = series.entry(key).or_insert_with_key(|key| Series {
            family,
            labels: key.1.clone(),
            sample: empty(family),
        });
        change(&mut entry.sample);
    }
}

/// The key for all tenants that have no series of their own.
fn without_tenant(family: &Family, (name, mut values): Key) -> Key {
    for (label, value) in family.labels.iter().zip(&mut values) {
        if matches!(*label, "tenant" | "user") {
            *value = OTHER_TENANTS.to_owned();
        }
    }
    (name, values)
}

fn empty(family: &Family) -> Sample {
    match family.kind {
        Kind::Counter | Kind::Gauge => Sample::Number(0.0),
        Kind::Histogram(bounds) => Sample::Buckets(vec![0; bounds.len() + 1], 0.0),
    }
}

/// Adds up the snapshots of all cores, sorted by name and labels.
pub fn merge(snapshots: Vec<Vec<Series>>) -> Vec<Series> {
    let mut merged: HashMap<Key, Series> = HashMap::new();
    for series in snapshots.into_iter().flatten() {
        match merged.entry((series.family.name, series.labels.clone())) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(series);
            }
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                add_up(&mut entry.get_mut().sample, series.sample);
            }
        }
    }
    let mut all: Vec<_> = merged.into_values().collect();
    all.sort_by(|a, b| (a.family.name, &a.labels).cmp(&(b.family.name, &b.labels)));
    all
}

fn add_up(into: &mut Sample, from: Sample) {
    match (into, from) {
        (Sample::Number(into), Sample::Number(from)) => *into += from,
        (Sample::Buckets(into, sum), Sample::Buckets(from, more)) => {
            into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
            *sum += more;
        }
        _ => {}
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
