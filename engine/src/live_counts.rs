//! Cores tell each other how many live traces each tenant has, four times a second.
//!
//! Only what can matter is told: a tenant of whom no core holds more than half of an equal share of
//! its limit is within it, so nobody is told of it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use stringendo_ring::sleep;

use crate::message::Message;
use crate::node::Node;
use crate::tenant::TenantId;

/// Time between two words to the other cores.
const INTERVAL: Duration = Duration::from_millis(250);

/// Tells the other cores until the end of the process. A core without others tells nobody, and
/// forgets tenants that have gone.
pub async fn run(node: Node) {
    let shard = Rc::clone(node.shard());
    loop {
        sleep(INTERVAL).await;
        let limits = shard.limits();
        let cores = u64::from(shard.cores);
        let is_worth_telling = |tenant: &TenantId, live: u32| {
            let max = limits.of(tenant).live_traces_max;
            cores > 1 && max > 0 && u64::from(live).saturating_mul(2 * cores) > max
        };
        let news = shard.recent.borrow_mut().news(shard.now(), is_worth_telling);
        if news.is_empty() {
            continue;
        }
        let news = Arc::new(news);
        for core in node.cores().filter(|core| *core != shard.core) {
            // A core that has ended needs to know nothing.
            drop(node.mesh().send(core, Message::LiveCounts(shard.core, Arc::clone(&news))).await);
        }
    }
}
