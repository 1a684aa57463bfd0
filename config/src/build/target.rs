//! `target` (config.md §1.2), and what it demands of the rest.

use crate::node::Node;
use crate::raw::Raw;
use crate::settings::{Backend, Settings, Target};
use crate::value::FromNode;
use crate::warning::ConfigError;

/// Parts of Tempo that are no process of their own here.
const PARTS_OF_ALL: [&str; 8] = [
    "distributor",
    "ingester",
    "querier",
    "query-frontend",
    "metrics-generator",
    "metrics-generator-no-local-blocks",
    "block-builder",
    "live-store",
];

impl FromNode for Target {
    fn from_node(node: &Node) -> Result<Self, String> {
        match String::from_node(node)?.as_str() {
            "all" | "scalable-single-binary" | "all-3.0" => Ok(Self::All),
            "backend-worker" | "backend-scheduler" | "compactor" => Ok(Self::BackendWorker),
            part if PARTS_OF_ALL.contains(&part) => {
                Err(format!("target `{part}` is not supported yet; `all` does its work"))
            }
            other => Err(format!("unknown target `{other}`; use `all` or `backend-worker`")),
        }
    }
}

/// Refuses a process that could see nobody's blocks but its own, and has none.
///
/// # Errors
/// Names the target.
pub(super) fn refuse(raw: &Raw, settings: &Settings) -> Result<(), ConfigError> {
    let keeps_others = settings.target == Target::BackendWorker;
    if keeps_others && settings.storage.trace.backend == Backend::Local {
        let why = "a process of its own that merges and deletes blocks needs them in an object \
                   store; with `storage.trace.backend: local` leave it out: target `all` does it";
        return Err(raw.error("target", why));
    }
    Ok(())
}
