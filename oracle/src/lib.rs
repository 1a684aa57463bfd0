//! What queries must answer, computed plainly, for tests of everything that computes it fast.
//!
//! ```text
//! dice ─▶ random_trace ─▶ rows ─┬▶ otlp ─▶ a server or an engine ─▶ its answer ┐
//!   └───▶ random_query ─▶ text ─┼▶ naive ─▶ the right answer ──────────────────┴▶ equal?
//!                               └▶ columns ─▶ plan and evaluation alone
//! ```
//!
//! [`naive`] follows the contract (`traceql.md` §3–§7, §10, §11) word by word over [`rows`], with
//! loops within loops. It shares the parser's tree with the product and nothing else: neither the
//! plan nor the evaluation nor a stored form. [`fixture`] holds the traces of the contract's
//! examples. No product crate depends on this one.

pub mod answers;
pub mod columns;
pub mod dice;
pub mod examples;
pub mod fixture;
pub mod naive;
pub mod otlp;
pub mod random_metrics;
pub mod random_query;
pub mod random_trace;
pub mod rows;
pub mod shrink;
