//! Starts one pinned executor per core and waits for all of them.

use std::future::Future;

use crate::mesh::Mesh;

/// A core of this process, counted from 0; not a CPU number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreId(pub u16);

/// How to run.
#[derive(Clone, Debug)]
pub struct RingOptions {
    /// Number of cores to run on; 0 = all that the process may use.
    pub cores: u16,
    /// Pin each core's thread to a CPU of its own.
    pub pin: bool,
    /// Messages that wait in one lane of the mesh (from one core to one other).
    pub mesh_lane_messages: usize,
}

/// Why the ring did not start or ended.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// Fewer CPUs than cores asked for.
    #[error("{wanted} cores are configured, but the process may use only {available} CPUs")]
    Cores {
        /// From the configuration.
        wanted: u16,
        /// From the process's CPU affinity.
        available: u16,
    },
    /// An executor did not start.
    #[error("core {core}: executor did not start: {reason}")]
    Start {
        /// Which.
        core: u16,
        /// What the runtime said.
        reason: String,
    },
    /// A core ended with an error or a panic.
    #[error("core {core}: {reason}")]
    Ended {
        /// Which.
        core: u16,
        /// What it said.
        reason: String,
    },
}

/// What each core's main future gets.
pub struct CoreContext<M: Send + 'static> {
    /// This core.
    pub id: CoreId,
    /// How many cores there are.
    pub cores: u16,
    /// This core's end of the mesh.
    pub mesh: Mesh<M>,
}

/// Runs `main` on every core and returns when all of them have returned.
///
/// `main` is called once per core, on that core's thread; its future need not be `Send`.
///
/// # Errors
/// See [`RingError`]; the first error is returned when all cores have ended.
pub fn run<M, F, Fut, E>(options: &RingOptions, main: F) -> Result<(), RingError>
where
    M: Send + 'static,
    F: Fn(CoreContext<M>) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = Result<(), E>> + 'static,
    E: std::fmt::Display + Send + 'static,
{
    let _ = (options, main);
    todo!()
}
