//! The ring under each core and the ring between cores.
//!
//! One pinned thread per core runs one io_uring executor ([`run`]); on it tasks of several classes
//! share the core ([`spawn`], [`Class`]), with sockets ([`net`]), files ([`mod@file`]), timers
//! ([`sleep`]) and blocking work on threads aside ([`mod@offload`]). Cores talk through a [`mesh`];
//! [`owner`] says which of them owns a trace id.
//!
//! **This is the only crate of the server that names a runtime**, and it does not know spans.
//! Everything that names glommio is in the private module `glommio`; the public modules reach it
//! as `backend`, so that a second runtime can take its place. The mesh, files, offloaded work and
//! clocks need no runtime: only threads and wakers. [`mod@aside`] has a small tokio runtime on
//! threads beside the cores, for clients of things far away that exist for tokio alone.

pub mod aside;
pub mod clock;
pub mod core;
pub mod file;
mod glommio;
pub mod mesh;
pub mod net;
pub mod notify;
pub mod offload;
pub mod oneshot;
pub mod owner;
pub mod preflight;
pub mod signal;
pub mod task;
mod threads;

use self::glommio as backend;

pub use crate::core::{CoreContext, CoreId, RingError, RingOptions, run};
pub use aside::{AsideError, aside};
pub use clock::Clock;
pub use mesh::{Mesh, TrySendError};
pub use notify::Notify;
pub use offload::{OffloadError, offload};
pub use task::{Class, JoinHandle, sleep, spawn, spawn_detached, timeout, yield_if_due};
pub use threads::repeat_aside;
