//! Which core owns a trace id.

use crate::CoreId;

/// The rule of ownership: a slice of the hash space for each core. An owner is a value of this
/// rule, not a core number in disguise, so that other machines can join it later.
#[derive(Clone, Copy, Debug)]
pub struct Owners {
    cores: u16,
}

impl Owners {
    /// Ownership among `cores` cores (at least 1).
    pub fn new(cores: u16) -> Self {
        Self { cores: cores.max(1) }
    }

    /// How many owners there are.
    pub fn count(&self) -> u16 {
        self.cores
    }

    /// The owner of `trace_id` (any 16 bytes, not necessarily random).
    pub fn of(&self, trace_id: &[u8; 16]) -> CoreId {
        let id = u128::from_be_bytes(*trace_id);
        // Clients may count ids up or leave the upper half zero, so mix before slicing.
        let folded = (id as u64) ^ ((id >> 64) as u64).rotate_left(32);
        let mixed = folded.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let spread = mixed ^ (mixed >> 32);
        CoreId(
            ((u128::from(spread.wrapping_mul(0xd6e8_feb8_6659_fd93)) * u128::from(self.cores))
                >> 64) as u16,
        )
    }
}

#[cfg(test)]
#[path = "owner_tests.rs"]
mod tests;
