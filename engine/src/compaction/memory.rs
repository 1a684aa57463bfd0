//! Memory to merge with. It comes out of what queries may have at most, so merging never takes
//! anything from live spans; and it is asked for when there is room beside them, without a place in
//! line.

use std::time::Duration;

use stringendo_ring::sleep;

use super::job::JobError;
use crate::budget::{Charge, Use};
use crate::shard::Shard;

/// Between two looks whether there is room.
const PAUSE: Duration = Duration::from_millis(200);
/// A good start, and as much for every input.
const LIKELY_BYTES: (u64, u64) = (64 << 20, 32 << 20);

/// A job needs more than merging may have.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "merging needs {bytes} bytes of memory at once, more than the limit ({limit}): raise the \
     memory budget"
)]
pub struct NoMemory {
    /// Bytes that it needs.
    pub bytes: u64,
    /// The limit in bytes.
    pub limit: u64,
}

/// Waits until there is room to merge `inputs` blocks, with `least` bytes if that is known.
///
/// # Errors
/// There never can be, or the process is going down.
pub async fn wait_for(shard: &Shard, inputs: usize, least: u64) -> Result<Charge, JobError> {
    let limit = shard.budget.limit_for(Use::Compact);
    if least > limit {
        return Err(NoMemory { bytes: least, limit }.into());
    }
    let likely = LIKELY_BYTES.0 + LIKELY_BYTES.1 * inputs as u64;
    let bytes = likely.max(least).min(limit);
    loop {
        if let Some(charge) = shard.budget.try_charge(Use::Compact, bytes) {
            return Ok(charge);
        }
        if shard.stopping.get() {
            return Err(JobError::Stopping);
        }
        sleep(PAUSE).await;
    }
}
