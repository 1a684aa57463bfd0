//! Core 0 reads the overrides file again and again, and gives its limits to every core.
//!
//! A file that cannot be read or does not parse changes nothing: the limits stay as they were, and
//! `tempo_runtime_config_last_reload_successful` says so.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use stringendo_ring::{offload, sleep};

use crate::message::Message;
use crate::metrics::families as family;
use crate::node::Node;
use crate::tenant_limits::Limits;

/// However it is configured, the file is not read more often.
const PERIOD_MIN: Duration = Duration::from_millis(50);

/// Reads limits; `None` where they are those that it is shown. Runs on a thread aside.
pub type ReadLimits = Arc<dyn Fn(&Limits) -> Result<Option<Limits>, String> + Send + Sync>;

/// Where limits come from.
#[derive(Clone, Default)]
pub struct LimitsSource {
    /// Those at the start.
    pub initial: Arc<Limits>,
    /// How often they are read again, and how; `None` if they never change.
    pub reload: Option<(Duration, ReadLimits)>,
}

impl LimitsSource {
    /// Limits that never change.
    pub fn fixed(limits: Limits) -> Self {
        Self { initial: Arc::new(limits), reload: None }
    }
}

impl fmt::Debug for LimitsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = self.reload.as_ref().map(|(period, _)| period);
        f.debug_struct("LimitsSource").field("period", &period).finish_non_exhaustive()
    }
}

/// Reads them again until the end of the process.
pub async fn run(node: Node) {
    let Some((period, read)) = node.settings().limits.reload.clone() else { return };
    node.counters().set(&family::RELOAD_SUCCESSFUL, &[], 1.0);
    let mut failure = None;
    loop {
        sleep(period.max(PERIOD_MIN)).await;
        let (read, now) = (Arc::clone(&read), node.shard().limits());
        let outcome = match offload(move || read(&now)).await {
            Ok(outcome) => outcome,
            Err(error) => Err(error.to_string()),
        };
        let succeeded = if outcome.is_ok() { 1.0 } else { 0.0 };
        node.counters().set(&family::RELOAD_SUCCESSFUL, &[], succeeded);
        match outcome {
            Ok(limits) => {
                failure = None;
                if let Some(limits) = limits {
                    tracing::info!(
                        entries = limits.tenants.len(),
                        "limits of tenants have changed"
                    );
                    publish(&node, |now| limits.with_user_of(now)).await;
                }
            }
            Err(why) if failure.as_ref() == Some(&why) => {}
            Err(why) => {
                tracing::error!(error = why, "the overrides file is not taken; limits stay");
                failure = Some(why);
            }
        }
    }
}

/// Core 0: changes the limits, and gives them to every core.
pub async fn publish(node: &Node, change: impl FnOnce(&Limits) -> Limits) {
    let now = node.shard().limits();
    let mut limits = change(&now);
    limits.version = now.version + 1;
    let limits = Arc::new(limits);
    // In one step with reading them, so that no change is lost.
    node.shard().limits.replace(Arc::clone(&limits));
    let tell = |core| {
        let limits = Arc::clone(&limits);
        node.ask(core, |answer| Message::SetLimits(limits, answer))
    };
    join_all(node.cores().map(tell)).await;
}
