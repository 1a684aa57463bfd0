//! What the process-level tests share: the real binary in a directory of its own, clients that
//! speak to it through real sockets, load with a ledger, and the recorded corpus.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

pub mod command;
pub mod corpus;
pub mod http;
pub mod load;
pub mod metrics;
pub mod options;
pub mod ports;
pub mod python;
pub mod server;
pub mod spans;
pub mod wait;

pub use http::{Answer, JSON, PROTOBUF};
pub use options::Options;
pub use server::Server;

use std::path::{Path, PathBuf};

/// A file or directory under `tests/data`.
pub fn data_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Bytes of a file under `tests/data`.
pub fn data(name: &str) -> Vec<u8> {
    let path = data_path(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
