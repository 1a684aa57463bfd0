//! Metrics queries: from sets of spans to series over time (contract `traceql.md` §11).
//!
//! ```text
//! Query ─ compile ─▶ MetricsPlan ─┬ Leg ─ SearchPlan (which spans), what is measured of them
//!                                 └ arithmetic between legs, what is done to series
//! spans of a trace ─ Accumulator::observe ─▶ merge (across cores) ─▶ MetricsPlan::finish ─▶ Series
//! ```
//!
//! Where filters judge spans one by one, [`Accumulator::observe_batch`] takes the spans of many
//! traces at once (`batch`).
//!
//! `axis` cuts time into intervals, `groups` tells series apart by their labels, `accumulate`
//! counts and sums per series and interval (`buckets`: histograms and quantiles), `compare` does
//! what `compare()` asks, `exemplar` picks spans to show, `merge` adds up what several cores have
//! counted, `second` and `math` work on finished series.
//!
//! It does not know where spans come from, what time it is, nor how answers are written.

mod accumulate;
mod axis;
mod batch;
mod buckets;
mod compare;
mod compile;
mod exemplar;
mod finish;
mod groups;
mod label;
mod leg;
mod math;
mod merge;
mod second;
mod series;

pub use accumulate::{Accumulator, TraceSpans};
pub use axis::{RangeLimits, TimeAxis, TimeError, automatic_step_nanos};
pub use batch::{BatchSpans, Codes, KnownGroups, NO_CODE};
pub use compile::{MetricsPlan, MetricsQueryError, compile_metrics};
pub use exemplar::Exemplar;
pub use label::{Label, LabelValue};
pub use leg::Leg;
pub use merge::Merging;
pub use series::Series;
