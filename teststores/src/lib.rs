//! For tests alone: an S3 server in this process, and a proxy that does harm between us and any
//! HTTP server.
//!
//! No product crate depends on it.

// Real time and threads: what is tested here is seen from outside.
#![allow(clippy::disallowed_methods)]

mod message;
mod proxy;
mod s3;

pub use message::Request;
pub use proxy::{Fault, Proxy};
pub use s3::{ACCESS_KEY, S3Server, SECRET_KEY};
