//! Which core reads which block, so that each block's footer and filters are cached once.

use stringendo_ring::CoreId;
use uuid::Uuid;

/// The core that reads `block_id`.
pub fn core_of(block_id: &Uuid, cores: u16) -> CoreId {
    // Ids are random, so any bytes do.
    let (low, high) = block_id.as_u64_pair();
    CoreId(((low ^ high) % u64::from(cores.max(1))) as u16)
}
