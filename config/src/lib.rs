//! Configuration, in two steps: what the user wrote → what the program needs.
//!
//! ```text
//! command line ─ cli ─▶ CliOptions ─┐
//! YAML text ─ expand ─ node ────────┴▶ load ─ check(known_keys) ─▶ Raw ─ build, rules ─▶ Settings
//! ```
//!
//! [`cli::parse`] reads the command line; [`load()`] expands environment references, parses Tempo's
//! YAML, lays flags over it, holds every key against one table ([`known_keys`]) and builds
//! [`Settings`]: typed units, every default filled in. Next stop is the binary's wiring, which
//! hands parts of [`Settings`] to the other crates.
//!
//! The file with limits of single tenants has a way of its own: [`overrides_file`].
//!
//! This crate does not open files, read the environment, resolve names or log: files and
//! environment are passed in, and warnings are values.

pub mod build;
pub mod check;
pub mod cli;
pub mod duration;
pub mod endpoint;
pub mod expand;
pub mod flags;
pub mod known_keys;
pub mod load;
pub mod node;
pub mod overrides_file;
pub mod raw;
pub mod rules;
pub mod settings;
pub mod value;
pub mod warning;
mod yaml;

pub use cli::{BlocksAction, BlocksOptions, BlocksPlace, CliOptions, Command, DemoOptions};
pub use endpoint::Endpoint;
pub use load::{Loaded, load};
pub use settings::Settings;
pub use warning::{ConfigError, Warning, WarningKind};
