//! The v5 tree as a table (contract blocks.md §7).
