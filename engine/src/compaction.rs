//! Compaction: blocks of a tenant and a window of time become one, in which a trace is in one piece
//! (contract blocks.md §20).
//!
//! ```text
//!  block list ─▶ plan ─▶ conductor (core 0) ─ a job ─▶ the core with the fewest jobs
//!                            │                            │ merge, write, publish meta.json
//!                            ◀──────── outcome ───────────┘
//!                            └▶ one change of the list on every core ─▶ inputs marked compacted
//! ```
//!
//! The moment at which `meta.json` of the output is there is the moment at which it takes the place
//! of its inputs: it names them ([`stringendo_block::BlockMeta::inputs`]). Whoever lists the blocks
//! leaves out what a listed block names, so it does not matter where a crash comes between.

pub mod columns_hash;
pub mod conductor;
mod ending;
mod failures;
pub mod fresh;
mod intents;
pub mod job;
pub mod keeper;
pub mod keeping;
mod memory;
pub mod plan;
pub mod put_off;
pub mod report;
pub mod superseded;
