//! What was acknowledged is read back, whatever happened to the file. One behaviour per module.

mod crash;
mod damage;
mod fixture;
mod no_segment;
mod recycled;
mod support;
mod truncation;
mod writer;
