//! Memory of requests in flight, charged to the core's budget as it grows.

use stringendo_engine::Node;
use stringendo_engine::budget::{Charge, Use};
use stringendo_engine::query::memory::AnswerMemory;

use crate::api::failure::Failure;
use crate::status::Refusal;

/// What one request holds; given back when dropped.
pub struct RequestMemory {
    node: Node,
    held: Held,
}

enum Held {
    /// Gives way to what was acknowledged.
    Spans(Charge),
    /// Has its part, whatever the load of spans.
    Query(AnswerMemory),
}

impl RequestMemory {
    /// Nothing yet, of a request with spans.
    pub fn new(node: &Node) -> Self {
        let charge = node.shard().budget.charge(Use::Requests, 0);
        Self { node: node.clone(), held: Held::Spans(charge) }
    }

    /// Nothing yet, of a query.
    pub fn of_query(node: &Node) -> Self {
        Self { node: node.clone(), held: Held::Query(node.shard().answer_memory()) }
    }

    /// Charges `bytes` more, before they are allocated.
    ///
    /// # Errors
    /// The core's budget is used up; the client should try again later.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Refusal> {
        match &mut self.held {
            Held::Query(memory) => memory.grow(bytes).map_err(|error| Failure::from(error).into()),
            Held::Spans(charge) => {
                let shard = self.node.shard();
                if !shard.budget.has_room(bytes) {
                    return Err(shard.overloaded("memory budget of the core is used up").into());
                }
                charge.resize(charge.bytes() + bytes);
                Ok(())
            }
        }
    }

    /// Bytes charged.
    pub fn bytes(&self) -> u64 {
        match &self.held {
            Held::Spans(charge) => charge.bytes(),
            Held::Query(memory) => memory.bytes(),
        }
    }
}
