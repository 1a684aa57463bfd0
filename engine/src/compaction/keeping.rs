//! What core 0 knows of blocks that are being merged or deleted, shared by the conductor of
//! compaction and by retention, so that they leave each other's blocks alone.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};

use uuid::Uuid;

use super::ending::Ending;
use super::keeper::Tenure;
use crate::metrics::families as family;
use crate::node::Node;
use crate::tenant::TenantId;

/// Whose block, and which.
pub type BlockKey = (TenantId, Uuid);

/// Blocks that are not to be touched now.
#[derive(Default)]
pub struct Keeping {
    /// Whether this process may merge and delete at all.
    pub tenure: Tenure,
    /// How it ends.
    pub ending: Ending,
    /// Inputs and outputs of jobs under way.
    busy: RefCell<HashSet<BlockKey>>,
    /// Superseded on the list, and not yet marked in the backend.
    unmarked: RefCell<BTreeSet<BlockKey>>,
}

impl Keeping {
    /// Claims the inputs and the output of a job.
    pub fn claim(&self, blocks: impl IntoIterator<Item = BlockKey>) {
        self.busy.borrow_mut().extend(blocks);
    }

    /// The job has ended.
    pub fn release<'a>(&self, blocks: impl IntoIterator<Item = &'a BlockKey>) {
        let mut busy = self.busy.borrow_mut();
        blocks.into_iter().for_each(|block| {
            busy.remove(block);
        });
    }

    /// Whether a job has the block for an input or makes it.
    pub fn is_busy(&self, block: &BlockKey) -> bool {
        self.busy.borrow().contains(block)
    }

    /// Notes blocks that the backend still shows as live.
    pub fn owe_marks(&self, blocks: impl IntoIterator<Item = BlockKey>) {
        self.unmarked.borrow_mut().extend(blocks);
    }

    /// Whether the backend still shows the block as live.
    pub fn owes_mark(&self, block: &BlockKey) -> bool {
        self.unmarked.borrow().contains(block)
    }

    /// Marks superseded blocks in the backend. What fails is tried again by the next call; until
    /// then the list knows that they are superseded, and a restart finds it out again.
    pub async fn pay_marks(&self, node: &Node) {
        let owed: Vec<BlockKey> = self.unmarked.borrow().iter().cloned().collect();
        for (tenant, id) in owed {
            match node.shard().store.backend().mark_compacted(&tenant, &id).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::error!(
                        %tenant, block = %id, %error,
                        "a superseded block could not be marked; will try again"
                    );
                    node.counters().add(&family::COMPACTION_FAILURES, &["mark"], 1.0);
                }
                // What is gone needs no mark.
                _ => {
                    self.unmarked.borrow_mut().remove(&(tenant, id));
                }
            }
        }
    }
}
