//! One answer, to a task on any core.
//!
//! A sender may travel in a message of the [`mesh`](crate::mesh) or to a thread aside; its answer
//! wakes the waiting core even if that is parked. Dropping either end tells the other one.

pub use futures_channel::oneshot::{Canceled, Receiver, Sender, channel};
