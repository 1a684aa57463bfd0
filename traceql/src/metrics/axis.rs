//! The time axis of a metrics query (contract §11.2, §11.3).
//!
//! Intervals are open to the left and closed to the right; a sample carries the right edge. All
//! times are nanoseconds since the Unix epoch.

use crate::duration::format_go;

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;

/// A range is divided into about so many intervals when no step is asked for.
const AUTOMATIC_INTERVALS: u64 = 240;

/// Finest automatic step, of ranges below a minute.
const FINEST_STEP: u64 = 50 * MILLISECOND;

/// What automatic steps are multiples of, coarsest first.
const STEP_UNITS: [u64; 6] =
    [3_600 * SECOND, 300 * SECOND, 60 * SECOND, 15 * SECOND, 5 * SECOND, SECOND];

/// In lists of intervals: none.
pub(super) const NO_INTERVAL: u32 = u32::MAX;

/// What a time range may be.
#[derive(Clone, Copy, Debug)]
pub struct RangeLimits {
    /// Longest range in nanoseconds; 0 = no limit.
    pub range_nanos_max: u64,
    /// Most intervals; 0 = no limit.
    pub intervals_max: u64,
    /// Later ends are pulled back to this.
    pub end_unix_nanos_max: u64,
}

/// A time range that is refused; the texts are those of contract §11.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Nothing lies between start and end.
    #[error("end must be greater than start")]
    Empty,
    /// The range is too long.
    #[error(
        "metrics query time range exceeds the maximum allowed duration of {}",
        text(*range_nanos_max)
    )]
    TooLong {
        /// The limit.
        range_nanos_max: u64,
    },
    /// There would be too many intervals.
    #[error(
        "step of {} is too small, minimum step for given range is {}",
        text(*step_nanos), text(*step_nanos_min)
    )]
    StepTooSmall {
        /// What was asked for.
        step_nanos: u64,
        /// What can be had.
        step_nanos_min: u64,
    },
}

fn text(nanos: u64) -> String {
    format_go(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// Intervals of equal length, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeAxis {
    /// Left edge of the first interval, which does not belong to it. Negative when a range begins
    /// at the epoch.
    start: i64,
    step: u64,
    intervals: usize,
    is_instant: bool,
}

impl TimeAxis {
    /// The axis of a range query; without a step it is chosen. There is no interval at all when the
    /// range is later than any end may be.
    ///
    /// # Errors
    /// The range or the step is refused.
    pub fn range(
        start: u64,
        end: u64,
        step: Option<u64>,
        limits: &RangeLimits,
    ) -> Result<Self, TimeError> {
        check_range(start, end, limits)?;
        let length = end - start;
        let step = step.unwrap_or_else(|| automatic_step_nanos(length));
        check_step(length, step, limits.intervals_max)?;
        let first = start / step * step;
        let newest = limits.end_unix_nanos_max;
        let rounded_up = end.div_ceil(step).saturating_mul(step);
        let last = if rounded_up > newest { end.min(newest) / step * step } else { rounded_up };
        // One more in front, which ends where the range begins.
        let intervals = last.checked_sub(first).map_or(0, |length| length / step + 1);
        Ok(Self {
            start: signed(first) - signed(step),
            step,
            intervals: usize::try_from(intervals).unwrap_or(usize::MAX),
            is_instant: false,
        })
    }

    /// The axis of an instant query: the range as one interval. An end that is too late is moved
    /// back by whole seconds.
    ///
    /// # Errors
    /// The range is refused.
    pub fn instant(start: u64, end: u64, limits: &RangeLimits) -> Result<Self, TimeError> {
        check_range(start, end, limits)?;
        let too_late = end.saturating_sub(limits.end_unix_nanos_max);
        let excess = too_late.div_ceil(SECOND).saturating_mul(SECOND);
        let length = end.saturating_sub(excess).saturating_sub(start);
        Ok(Self {
            start: signed(start),
            step: length.max(1),
            intervals: usize::from(length > 0),
            is_instant: true,
        })
    }

    /// The interval of a moment.
    pub fn interval_of(&self, unix_nanos: u64) -> Option<usize> {
        let since = i64::try_from(unix_nanos).ok()?.checked_sub(self.start)?;
        let since = u64::try_from(since).ok()?.checked_sub(1)?;
        let interval = (since / self.step) as usize;
        (interval < self.intervals).then_some(interval)
    }

    /// Writes the interval of each of these moments to `out`; [`NO_INTERVAL`] for those that have
    /// none.
    pub(super) fn intervals_of(&self, unix_nanos: &[u64], out: &mut Vec<u32>) {
        // What is before the first interval wraps around to what is behind the last.
        let first = self.start.wrapping_add(1) as u64;
        let (mut low, mut interval) = (0, if self.intervals > 0 { 0 } else { NO_INTERVAL });
        out.clear();
        out.extend(unix_nanos.iter().map(|nanos| {
            let since = nanos.wrapping_sub(first);
            // Spans of a trace are close together: most are where the one before is.
            let is_same = since.wrapping_sub(low) < self.step && (since | nanos) as i64 >= 0;
            if !is_same || interval == NO_INTERVAL {
                let found = self.interval_of(*nanos).and_then(|found| u32::try_from(found).ok());
                interval = found.unwrap_or(NO_INTERVAL);
                low = u64::from(found.unwrap_or(0)).wrapping_mul(self.step);
            }
            interval
        }));
    }

    /// The first interval to which nothing belongs that is not later than this moment; their number
    /// if there is none.
    pub fn first_after(&self, unix_nanos: u64) -> usize {
        let before = i128::from(unix_nanos) - i128::from(self.start);
        let intervals = u128::try_from(before).map_or(0, |nanos| nanos.div_ceil(self.step.into()));
        usize::try_from(intervals).map_or(self.intervals, |first| first.min(self.intervals))
    }

    /// What the sample of an interval carries.
    pub fn timestamp_ms(&self, interval: usize) -> i64 {
        let right = i128::from(self.start) + i128::from(self.step) * (interval as i128 + 1);
        (right / i128::from(MILLISECOND)) as i64
    }

    /// Number of intervals.
    pub fn intervals(&self) -> usize {
        self.intervals
    }

    /// Whether it is that of an instant query.
    pub fn is_instant(&self) -> bool {
        self.is_instant
    }

    /// Length of an interval.
    pub fn step_nanos(&self) -> u64 {
        self.step
    }

    /// Length of an interval in seconds.
    pub fn step_seconds(&self) -> f64 {
        self.step as f64 / SECOND as f64
    }

    /// First and last nanosecond that belong to an interval; the last is before the first when
    /// there is none.
    pub fn bounds_unix_nanos(&self) -> (u64, u64) {
        let length = u128::from(self.step) * self.intervals as u128;
        let last = i128::from(self.start) + length as i128;
        let clamped = |edge: i128| u64::try_from(edge.max(0)).unwrap_or(u64::MAX);
        (clamped(i128::from(self.start) + 1), clamped(last))
    }
}

/// Times beyond the year 2262 behave like the last representable one.
fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

fn check_range(start: u64, end: u64, limits: &RangeLimits) -> Result<(), TimeError> {
    let Some(length) = end.checked_sub(start).filter(|length| *length > 0) else {
        return Err(TimeError::Empty);
    };
    let range_nanos_max = limits.range_nanos_max;
    if range_nanos_max > 0 && length > range_nanos_max {
        return Err(TimeError::TooLong { range_nanos_max });
    }
    Ok(())
}

fn check_step(length: u64, step_nanos: u64, intervals_max: u64) -> Result<(), TimeError> {
    let step_nanos_min = if intervals_max > 0 { length.div_ceil(intervals_max) } else { 1 };
    if step_nanos < step_nanos_min {
        return Err(TimeError::StepTooSmall { step_nanos, step_nanos_min });
    }
    Ok(())
}

/// The step of a range of this length, for which none was asked.
pub fn automatic_step_nanos(length: u64) -> u64 {
    let likely = length / AUTOMATIC_INTERVALS;
    if length < 60 * SECOND {
        return (likely / FINEST_STEP * FINEST_STEP).max(FINEST_STEP);
    }
    // Compared before the division rounds.
    let is_smaller = |unit: &&u64| unit.saturating_mul(AUTOMATIC_INTERVALS) < length;
    match STEP_UNITS.iter().find(is_smaller) {
        Some(unit) => likely / unit * unit,
        None => SECOND,
    }
}

#[cfg(test)]
#[path = "axis_tests.rs"]
mod tests;
