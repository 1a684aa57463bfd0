//! The backend on glommio: everything that names it.
//!
//! Known of glommio 0.9, and kept away from the rest: it panics where io_uring is refused (see
//! [`preflight`](crate::preflight)); a panic in its `spawn_blocking` hangs the waiter, so
//! [`offload`](crate::offload) has threads of its own; its file types were the slowest durable
//! path, so [`file`](crate::file) does not use them; sockets need a large read buffer, which
//! [`net`](crate::net) lays over [`net::Socket`]. Wakers may be called from any thread: the core is
//! then woken through an eventfd.

pub(crate) mod executor;
pub(crate) mod net;
pub(crate) mod task;
