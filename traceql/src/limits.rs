//! Every limit of the crate, with its reason.

/// Longest query text in bytes (contract §9.4, §13). A server may set its own, lower or higher,
/// before it calls this crate; this one bounds what the parser is ever given.
pub const QUERY_BYTES_MAX: usize = 131_072;

/// Deepest nesting of parentheses and prefix operators that the parser follows. Each level costs a
/// few stack frames while parsing; people write fewer than ten.
pub const NESTING_MAX: usize = 128;

/// Greatest height of an expression tree. Chains such as `a || b || c` lean to the left and are as
/// high as they are long, and trees are printed and dropped by recursion: this keeps them within
/// half a megabyte of stack even in a debug build, and is far more than people write.
pub const TREE_HEIGHT_MAX: usize = 500;

/// Memory that the sets may take that `by(…)` makes of one trace. It is some 300,000 groups, far
/// more than anybody looks at, and little beside the spans that they are made of.
pub const SPANSETS_BYTES_MAX: usize = 64 << 20;

/// Memory that one compiled regular expression may take. Counted repetitions of large classes are
/// refused by it.
pub const REGEX_BYTES_MAX: usize = 4 << 20;

/// Memory that the lazy automaton of one regular expression may use as cache while matching.
pub const REGEX_CACHE_BYTES_MAX: usize = 1 << 20;

/// Deepest nesting of groups in a regular expression.
pub const REGEX_NESTING_MAX: u32 = 100;

const _: () = assert!(NESTING_MAX < TREE_HEIGHT_MAX);
