//! The evaluator that is plainly right (contract traceql.md §3–§7, §10).
//!
//! `expression` says what holds for one span, `tree` what relates spans, `pipeline` which spans
//! are left, `answer` what a client is shown of them, `metrics` and `compare` what series they
//! make. Nothing is prepared, cached, or left out.

mod aggregate;
mod answer;
mod compare;
mod expression;
mod metrics;
mod pipeline;
mod trace;
mod tree;
mod value;

pub use answer::{FoundSet, FoundSpan, FoundTrace, Shown, mentioned, search};
pub use expression::Items;
pub use metrics::{Axis, Points, Series, metrics};
pub use pipeline::{Set, run};
pub use trace::TraceView;
pub use tree::Tree;
pub use value::Value;
