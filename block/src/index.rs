//! The row-group index object (contract blocks.md §5).
