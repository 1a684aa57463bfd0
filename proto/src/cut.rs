//! Cuts a walked batch into one batch per owner. Each is itself valid OTLP: resource and scope
//! bytes are repeated around untouched span bytes.

use crate::TraceId;
use crate::walk::BatchIndex;

/// The part of a batch that one owner gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubBatch {
    /// Valid OTLP (`ExportTraceServiceRequest`).
    pub bytes: Vec<u8>,
    /// Positions inside `bytes`; the same that [`crate::walk::walk`] would find there.
    pub index: BatchIndex,
}

/// Cuts `batch` into `owners` parts; part `i` of the answer belongs to owner `i` and may be empty.
/// `owner_of` must return values below `owners`.
pub fn cut(
    batch: &[u8],
    index: &BatchIndex,
    owners: usize,
    owner_of: impl Fn(&TraceId) -> usize,
) -> Vec<SubBatch> {
    let _ = (batch, index, owners, owner_of);
    todo!()
}
