//! For tests alone: an S3 server in this process, a proxy that does harm between us and any HTTP
//! server, with TLS if wanted, and small servers of credentials.
//!
//! No product crate depends on it.

// Real time and threads: what is tested here is seen from outside.
#![allow(clippy::disallowed_methods)]

mod endpoint;
mod message;
mod proxy;
mod s3;
mod tls;

pub use endpoint::{Endpoint, Reply};
pub use message::Request;
pub use proxy::{Fault, Proxy};
pub use s3::{ACCESS_KEY, S3Server, SECRET_KEY};
pub use tls::{Tls, certificate_path};
