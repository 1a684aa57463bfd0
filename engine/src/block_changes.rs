//! Changes of the block list on core 0: those that come while one snapshot is given to all cores
//! are made together in the next one, as groups of a log are. So a thousand changes at once make a
//! few snapshots.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use futures_util::future::join_all;
use stringendo_ring::{Class, spawn_detached};

use crate::block_list::{BlockChange, BlockList};
use crate::message::{Answer, Message};
use crate::node::Node;

/// Changes that wait for the next snapshot.
#[derive(Default)]
pub struct PendingChanges {
    waiting: RefCell<Vec<(Vec<BlockChange>, Answer<()>)>>,
    publishing: Cell<bool>,
}

/// On core 0: makes some changes, all in one step, and answers when every core has the new list.
pub fn change(node: &Node, changes: Vec<BlockChange>, answer: Answer<()>) {
    let pending = &node.shard().block_changes;
    pending.waiting.borrow_mut().push((changes, answer));
    if !pending.publishing.replace(true) {
        spawn_detached(Class::Flush, publish_pending(node.clone()));
    }
}

async fn publish_pending(node: Node) {
    let shard = node.shard();
    loop {
        let waiting = shard.block_changes.waiting.take();
        if waiting.is_empty() {
            shard.block_changes.publishing.set(false);
            return;
        }
        let (changes, answers): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        let changes = changes.into_iter().flatten().collect();
        let list = Arc::new(shard.blocks.borrow().changed(changes));
        shard.blocks.replace(Arc::clone(&list));
        publish(&node, list).await;
        for answer in answers {
            // Whoever asked may have gone away.
            let _ = answer.send(());
        }
    }
}

/// Gives the list to every core.
pub async fn publish(node: &Node, list: Arc<BlockList>) {
    // All cores share it; core 0 holds it on its account, whether there is room or not.
    node.shard().list_charge.borrow_mut().resize(list.memory_bytes());
    let tell = |core| {
        let list = Arc::clone(&list);
        node.ask(core, |answer| Message::SetBlocks(list, answer))
    };
    join_all(node.cores().map(tell)).await;
}
