//! What was acknowledged is read back, whatever happened to the file. One behaviour per module.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]
#![allow(clippy::single_range_in_vec_init, reason = "reports are lists of ranges")]

mod corpus;
mod crash;
mod damage;
mod fixture;
mod no_segment;
mod recover_check;
mod recycled;
mod support;
mod truncation;
mod writer;
