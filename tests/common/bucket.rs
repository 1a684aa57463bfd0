//! An S3 server with one bucket, and a proxy before it that can do harm. No part of `common`: only
//! tests that need it link a server.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use stringendo_teststores::{ACCESS_KEY, Proxy, Request, S3Server, SECRET_KEY};
use tempfile::TempDir;

use crate::common::http::X_PROTOBUF;
use crate::common::{Options, Server, spans, wait};

/// Of the last day's blocks one of each level may be left alone.
const BLOCKS_LEFT: usize = 6;

/// The server and the proxy; they end with this.
pub struct Bucket {
    dir: TempDir,
    server: S3Server,
    /// What the servers under test talk to.
    pub proxy: Proxy,
}

impl Bucket {
    /// An empty bucket named `traces`; the server wants signed requests.
    pub fn new() -> Self {
        Self::served(true)
    }

    /// The same without signatures.
    pub fn unsigned() -> Self {
        Self::served(false)
    }

    fn served(signed: bool) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        std::fs::create_dir(dir.path().join("traces")).expect("a bucket");
        let server = S3Server::start(dir.path(), signed);
        let proxy = Proxy::start(server.address());
        Self { dir, server, proxy }
    }

    /// The server behind the proxy.
    pub fn server_address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its directory, which holds the bucket's.
    pub fn root(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// The directory of the bucket.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("traces")
    }

    /// A server with two cores that keeps blocks here, through the proxy.
    pub fn options(&self) -> Options {
        let s3 = s3_yaml(self.proxy.address(), 4);
        let blocks = format!("backend: s3\n    blocklist_poll: 1s\n{s3}");
        Options { blocks: Some(blocks), ..Options::with_cores(2) }
    }

    /// The tenant's objects with this name.
    pub fn objects(&self, name: &str) -> Vec<PathBuf> {
        let blocks = self.blocks().into_keys();
        blocks.map(|block| block.join(name)).filter(|path| path.exists()).collect()
    }

    /// The tenant's blocks, whole or not, and the names of their objects.
    pub fn blocks(&self) -> BTreeMap<PathBuf, Vec<String>> {
        let tenant = self.path().join("some/prefix/single-tenant");
        let blocks = std::fs::read_dir(tenant).into_iter().flatten().flatten();
        let blocks = blocks.map(|block| block.path()).filter(|path| path.is_dir());
        let with_objects = blocks.map(|block| (names(&block), block));
        // The server of the tests leaves directories of objects that are gone.
        let whole = with_objects.filter(|(objects, _)| !objects.is_empty());
        whole.map(|(objects, block)| (block, objects)).collect()
    }

    /// Waits until all is merged, and what was superseded deleted.
    pub fn wait_until_merged(&self) {
        wait::until("all is merged, and what was superseded deleted", || {
            let (live, all) = (self.objects("meta.json").len(), self.blocks().len());
            (live <= BLOCKS_LEFT && all == live).then_some(())
        });
    }

    /// Names of what the server of the tests keeps of unfinished uploads.
    pub fn unfinished_uploads(&self) -> Vec<String> {
        names(self.dir.path()).into_iter().filter(|name| name.starts_with(".upload_id-")).collect()
    }
}

/// Nothing if it has gone meanwhile.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// A block `s3` of the configuration, moved to the right.
pub fn s3_yaml(address: SocketAddr, indent: usize) -> String {
    let keys = format!("access_key: {ACCESS_KEY}\n  secret_key: {SECRET_KEY}\n  insecure: true");
    s3_with(&address.to_string(), &keys, indent)
}

/// The same with these keys beside those of place and tries.
pub fn s3_with(endpoint: &str, keys: &str, indent: usize) -> String {
    let lines = format!(
        "s3:
  bucket: traces
  prefix: some/prefix
  endpoint: {endpoint}
  {keys}
  retry_max_attempts: 3
  retry_backoff_initial: 1ms
  retry_backoff_max: 5ms"
    );
    let lines: Vec<String> = lines.lines().map(|line| format!("{:indent$}{line}", "")).collect();
    lines.join("\n")
}

/// A server that keeps blocks in S3, with these keys; it has no home, where credentials may be.
pub fn options_with(endpoint: &str, keys: &[&str]) -> Options {
    let blocks = format!("backend: s3\n{}", s3_with(endpoint, &keys.join("\n  "), 4));
    let environment = vec![("HOME".to_owned(), "/nonexistent".to_owned())];
    Options { blocks: Some(blocks), environment, ..Options::default() }
}

/// Starts a server and lets it write a block.
pub fn with_a_block(options: Options) -> Server {
    let server = Server::start(options);
    server.export(X_PROTOBUF, &spans::numbered(3)).ok();
    server.flush();
    server
}

/// Whether a request has this method, and this in its target.
pub fn is(method: &'static str, name: &'static str) -> impl Fn(&Request) -> bool + Send + 'static {
    move |request| request.method == method && request.target.contains(name)
}
