//! Blocks that cannot be read since their objects are not what they should be, or are missing:
//! queries answer with the rest, and say which blocks they are.
//!
//! From: every part of a query that reads blocks, with the error ([`missed`]). To: the part's cost,
//! which goes into the answer ([`Damaged`]), and core 0, which knows the damaged blocks of the
//! process ([`crate::damaged_blocks`]). A store that fails and a lack of memory are no damage: they
//! are errors of the query.

use std::fmt;

use stringendo_ring::{Class, CoreId, spawn_detached};
use uuid::Uuid;

use crate::block_list::BlockEntry;
use crate::block_store::StoreError;
use crate::damaged_blocks::{Damage, DamageReport};
use crate::error::QueryError;
use crate::message::Message;
use crate::metrics::families as family;
use crate::node::Node;

/// Blocks that an answer names; more are counted.
const NAMED_MAX: usize = 8;

/// The damaged blocks that a query met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damaged {
    ids: [Uuid; NAMED_MAX],
    named: usize,
    /// Finds of blocks beyond those; one that several parts of a query met counts for each.
    more: u64,
}

impl Damaged {
    /// None.
    pub const NONE: Self = Self { ids: [Uuid::nil(); NAMED_MAX], named: 0, more: 0 };

    /// Adds a block, which may be known.
    pub fn add(&mut self, id: Uuid) {
        if self.ids().contains(&id) {
            return;
        }
        match self.ids.get_mut(self.named) {
            Some(free) => (*free, self.named) = (id, self.named + 1),
            None => self.more += 1,
        }
    }

    /// Adds those of another part.
    pub fn merge(&mut self, other: &Self) {
        other.ids().iter().for_each(|id| self.add(*id));
        self.more += other.more;
    }

    /// The first of them.
    pub fn ids(&self) -> &[Uuid] {
        &self.ids[..self.named]
    }

    /// How many there are, at least one if there are any.
    pub fn count(&self) -> u64 {
        self.named as u64 + self.more
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.named == 0
    }

    /// What an answer says of them; nothing if there are none.
    pub fn message(&self) -> Option<String> {
        (!self.is_empty()).then(|| format!("damaged blocks, of which something is missing: {self}"))
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Parts end in any order.
        let mut ids = self.ids().to_vec();
        ids.sort_unstable();
        for (number, id) in ids.iter().enumerate() {
            write!(f, "{}{id}", if number == 0 { "" } else { ", " })?;
        }
        if self.more > 0 {
            write!(f, " and more")?;
        }
        Ok(())
    }
}

/// What became of a block that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// It was deleted meanwhile.
    Gone,
    /// It is damaged.
    Damaged,
}

/// Says why a block could not be read, and tells of damage.
///
/// # Errors
/// The store fails, or there is no memory: that is not the block's fault.
pub async fn missed(
    node: &Node,
    block: &BlockEntry,
    error: StoreError,
) -> Result<Missed, QueryError> {
    let damage = match error.damage() {
        Some(damage) => damage,
        None if error.is_gone() => match is_live(node, block).await {
            Ok(true) => Damage::Missing,
            Ok(false) => return Ok(Missed::Gone),
            Err(unknown) => return Err(unknown.of_block(block)),
        },
        None => return Err(error.of_block(block)),
    };
    tell(node, block, damage, &error);
    // Any core may read it next time, and somebody may mend it before.
    let cache_id = block.cache_id();
    node.ask_all(|answer| Message::Doubt(cache_id, answer)).await;
    Ok(Missed::Damaged)
}

/// Whether the store has the block's meta: then its other objects should be there, too. Blocks that
/// are deleted lose it first.
async fn is_live(node: &Node, block: &BlockEntry) -> Result<bool, StoreError> {
    let backend = node.shard().store.backend();
    Ok(backend.has_meta(&block.tenant, &block.meta.block_id).await?)
}

/// Tells core 0 of a damaged block.
fn tell(node: &Node, block: &BlockEntry, damage: Damage, error: &dyn fmt::Display) {
    let labels = [block.tenant.as_str(), damage.reason()];
    node.shard().metrics.add(&family::DAMAGED_READS, &labels, 1.0);
    let report = DamageReport::new(block, damage, error);
    let node = node.clone();
    spawn_detached(Class::Background, async move {
        // A core 0 that has ended needs not know.
        let _ = node.mesh().send(CoreId(0), Message::Damaged(report)).await;
    });
}

#[cfg(test)]
#[path = "damage_tests.rs"]
mod tests;
