//! Memory of requests in flight, charged to the core's budget as it grows.

use stringendo_engine::Node;
use stringendo_engine::budget::{Charge, Use};

use crate::status::Refusal;

/// What one request holds; given back when dropped.
pub struct RequestMemory {
    node: Node,
    charge: Charge,
}

impl RequestMemory {
    /// Nothing yet.
    pub fn new(node: &Node) -> Self {
        let charge = node.shard().budget.charge(Use::Requests, 0);
        Self { node: node.clone(), charge }
    }

    /// Charges `bytes` more, before they are allocated.
    ///
    /// # Errors
    /// The core's budget is used up; the client should try again later.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Refusal> {
        let shard = self.node.shard();
        if !shard.budget.has_room(bytes) {
            return Err(shard.overloaded("memory budget of the core is used up").into());
        }
        self.charge.resize(self.charge.bytes() + bytes);
        Ok(())
    }

    /// Bytes charged.
    pub fn bytes(&self) -> u64 {
        self.charge.bytes()
    }
}
