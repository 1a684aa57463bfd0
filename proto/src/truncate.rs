//! Cuts attribute keys and string values that are too long (contract receivers.md §2.2).
//! Rare, so it may allocate and decode.

/// How many attributes were cut, by scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truncated {
    /// Resource attributes.
    pub resource: u64,
    /// Scope attributes.
    pub scope: u64,
    /// Span attributes.
    pub span: u64,
    /// Event attributes.
    pub event: u64,
    /// Link attributes.
    pub link: u64,
}

/// Returns `batch`, which [`crate::walk::walk`] has accepted, with every attribute key and string
/// value of more than `attribute_bytes_max` bytes cut to that many bytes, never inside a character.
pub fn truncate(batch: &[u8], attribute_bytes_max: usize) -> (Vec<u8>, Truncated) {
    let _ = (batch, attribute_bytes_max);
    todo!()
}
