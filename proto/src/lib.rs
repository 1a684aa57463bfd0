//! Wire formats: what arrives and what is answered, as bytes and as messages.
//!
//! Hot path: [`walk`] reads an OTLP batch once, without allocation per span, and says where every
//! span is; [`mod@cut`] copies the spans of each owner into a batch of its own. Everything that is
//! not hot uses the prost messages of [`otlp`], [`tempopb`] and [`rpc`].
//!
//! JSON comes in through [`otlp_json`] and goes out through [`render_json`]; [`api_json`] reads
//! what went out.
//!
//! This crate does not know I/O, time, threads or configuration.

pub mod api_json;
pub mod cut;
pub mod id;
pub mod json;
mod json_model;
pub mod otlp;
pub mod otlp_json;
pub mod render_json;
pub mod rpc;
pub mod tempopb;
#[cfg(test)]
mod test_data;
pub mod truncate;
pub mod walk;
pub mod wire;

pub use id::{SpanId, TraceId};
