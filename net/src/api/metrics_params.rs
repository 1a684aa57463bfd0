//! Parameters of metrics queries (contract http-api.md §6.1, traceql.md §9.4, §11.2).

use std::sync::Arc;
use std::time::Duration;

use stringendo_engine::query::metrics::MetricsRequest;
use stringendo_traceql::duration::{parse_go, parse_prometheus};
use stringendo_traceql::metrics::{MetricsPlan, RangeLimits, TimeAxis, TimeError, compile_metrics};

use super::failure::Failure;
use super::params::Params;
use super::search_params::ensure_length;
use crate::settings::MetricsSettings;

const SECOND: u64 = 1_000_000_000;

/// Range of a query that does not say since when.
const DEFAULT_RANGE: u64 = 3600 * SECOND;

/// Whole numbers with more digits are nanoseconds.
const SECONDS_DIGITS_MAX: usize = 10;

/// What is asked, as far as it was said. Times are nanoseconds since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub struct MetricsQuery<'p> {
    /// TraceQL.
    pub text: &'p str,
    /// Start of the range.
    pub start: Option<u64>,
    /// End of the range; now.
    pub end: Option<u64>,
    /// How long before the end it starts, if no start is given; one hour.
    pub since: Option<u64>,
    /// Length of intervals in nanoseconds; automatic.
    pub step: Option<u64>,
    /// Exemplars wanted; 0: as many as there may be.
    pub exemplars: usize,
    /// Series wanted at most; 0: as many as there may be.
    pub series_max: usize,
}

impl<'p> MetricsQuery<'p> {
    /// Reads the parameters of a range query.
    ///
    /// # Errors
    /// 400 with what is wrong.
    pub fn of_range(params: &'p Params) -> Result<Self, Failure> {
        Ok(Self {
            step: params.get("step").map(step).transpose()?,
            exemplars: params.typed::<u32>("exemplars")?.unwrap_or(0) as usize,
            series_max: params.typed::<u32>("maxSeries")?.unwrap_or(0) as usize,
            ..Self::of_instant(params)?
        })
    }

    /// Reads the parameters of an instant query.
    ///
    /// # Errors
    /// 400 with what is wrong.
    pub fn of_instant(params: &'p Params) -> Result<Self, Failure> {
        let time_of = |name| params.get(name).map(|text| time(name, text)).transpose();
        Ok(Self {
            text: params.get("q").or_else(|| params.get("query")).unwrap_or_default(),
            start: time_of("start")?,
            end: time_of("end")?,
            since: params.get("since").map(since).transpose()?,
            ..Self::default()
        })
    }

    /// The range query that is meant.
    ///
    /// # Errors
    /// 400 with what is wrong.
    pub fn range(&self, settings: &MetricsSettings, now: u64) -> Result<MetricsRequest, Failure> {
        let plan = self.plan(settings, false)?;
        let (start, end) = self.bounds(now);
        let axis = TimeAxis::range(start, end, self.step, &limits(settings, now));
        let series_max = match settings.series_max {
            0 => self.series_max,
            most if self.series_max == 0 => most,
            most => self.series_max.min(most),
        };
        let exemplars = plan.exemplars(self.exemplars, settings.exemplars_max);
        Ok(MetricsRequest {
            plan: Arc::new(plan),
            axis: axis.map_err(bad_time)?,
            exemplars,
            series_max,
        })
    }

    /// The instant query that is meant.
    ///
    /// # Errors
    /// 400 with what is wrong.
    pub fn instant(&self, settings: &MetricsSettings, now: u64) -> Result<MetricsRequest, Failure> {
        let plan = Arc::new(self.plan(settings, true)?);
        let (start, end) = self.bounds(now);
        let axis = TimeAxis::instant(start, end, &limits(settings, now)).map_err(bad_time)?;
        Ok(MetricsRequest { plan, axis, exemplars: 0, series_max: settings.series_max })
    }

    fn plan(&self, settings: &MetricsSettings, is_instant: bool) -> Result<MetricsPlan, Failure> {
        ensure_length(self.text, settings.query_bytes_max)?;
        compile_metrics(self.text).map_err(|error| Failure::bad(error.response_text(is_instant)))
    }

    fn bounds(&self, now: u64) -> (u64, u64) {
        let end = self.end.unwrap_or(now);
        let since = self.since.unwrap_or(DEFAULT_RANGE);
        (self.start.unwrap_or_else(|| end.min(now).saturating_sub(since)), end)
    }
}

fn limits(settings: &MetricsSettings, now: u64) -> RangeLimits {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    RangeLimits {
        range_nanos_max: nanos(settings.range_max),
        intervals_max: settings.intervals_max,
        end_unix_nanos_max: now.saturating_sub(nanos(settings.end_cutoff)),
    }
}

fn bad_time(error: TimeError) -> Failure {
    Failure::bad(error.to_string())
}

/// A moment: seconds, nanoseconds, seconds with a fraction, or as RFC 3339 has it.
fn time(name: &str, text: &str) -> Result<u64, Failure> {
    let bad =
        || Failure::bad(format!("invalid {name}: cannot parse {text:?} to a valid timestamp"));
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: u64 = text.parse().map_err(|_| bad())?;
        return Ok(if text.len() > SECONDS_DIGITS_MAX { number } else { number * SECOND });
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return from_seconds(seconds).ok_or_else(bad);
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| bad())?;
    u64::try_from(time.as_nanosecond()).map_err(|_| bad())
}

/// Whole seconds and the fraction apart, so that nothing of the fraction is lost.
fn from_seconds(seconds: f64) -> Option<u64> {
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    let micros = (seconds.fract() * 1e6).round() as u64;
    duration.as_secs().checked_mul(SECOND)?.checked_add(micros * 1_000)
}

fn step(text: &str) -> Result<u64, Failure> {
    let bad = |why: &str| Failure::bad(format!("invalid step: {why}: {text:?}"));
    let nanos = match text.parse::<f64>() {
        Ok(seconds) if !seconds.is_finite() => return Err(bad("not a duration")),
        Ok(seconds) => seconds * SECOND as f64,
        Err(_) => parse_go(text).map_err(|error| bad(&error.to_string()))? as f64,
    };
    if nanos < 0.0 { Err(bad("must not be negative")) } else { Ok(nanos.round() as u64) }
}

fn since(text: &str) -> Result<u64, Failure> {
    let bad = |why: &dyn std::fmt::Display| Failure::bad(format!("invalid since: {why}"));
    let nanos = parse_prometheus(text).map_err(|error| bad(&error))?;
    match u64::try_from(nanos) {
        Ok(nanos) if nanos > 0 => Ok(nanos),
        _ => Err(bad(&format!("must be positive: {text:?}"))),
    }
}

#[cfg(test)]
#[path = "metrics_params_tests.rs"]
mod tests;
