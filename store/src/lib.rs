//! Objects in S3, Google Cloud Storage and Azure: bytes under keys, written so that what was
//! acknowledged is known to be there.
//!
//! ```text
//!  engine (a core) ── Store::get, put, list; Upload ──▶ ring::aside ──▶ object_store
//!        ▲ awaits                                     (threads beside)   │ signs, tries again
//!        └────────── bytes, io::Error ◀─── hedge, verify ◀─── http ◀─────┘
//! ```
//!
//! From: the engine's backend, which knows what the objects mean. To: `object_store`, over a client
//! of our own that counts every request ([`Requests`]) and holds time limits and TLS.
//!
//! What is absent: blocks, tenants, the configuration file. Only [`stringendo_ring`] starts a
//! runtime; no future here is polled on a core.

mod build;
mod client;
mod credentials;
mod error;
mod hedge;
mod http;
mod labels;
mod list;
mod renewal;
mod requests;
pub mod settings;
mod tls;
mod upload;
mod version;

pub use client::Store;
pub use error::BuildError;
pub use list::Listed;
pub use requests::{BOUNDS_SECONDS, RequestSample, Requests};
pub use settings::{Secret, Settings};
pub use tls::client_config;
pub use upload::Upload;
pub use version::{Version, is_conflict};
