//! Configuration, in two steps: what the user wrote → what the program needs.
//!
//! [`cli::parse`] reads the command line, [`load`] reads Tempo's YAML, expands environment
//! references, lays flags over the file, checks every key against one table
//! ([`schema`]) and builds [`Settings`]: typed units, every default filled in.
//! Next stop is the binary's wiring, which hands parts of [`Settings`] to the other crates.
//!
//! This crate does not open files, read the environment or log: all of that is passed in, and
//! warnings are values.

pub mod duration;
pub mod endpoint;
pub mod settings;

pub use endpoint::Endpoint;
pub use settings::Settings;
