//! Several processes on one bucket: what one writes the others serve after a poll, whether they
//! list the blocks themselves or read the tenant index of who does; and what is left of tenants
//! without blocks.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use common::{Options, Server, http, spans, wait};
use stringendo_teststores::{ACCESS_KEY, Fault, Proxy, Request, S3Server, SECRET_KEY};
use tempfile::TempDir;

/// An S3 server with one bucket.
struct Bucket {
    dir: TempDir,
    server: S3Server,
}

impl Bucket {
    fn new() -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::create_dir(dir.path().join("traces")).unwrap();
        let server = S3Server::start(dir.path(), true);
        Self { dir, server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("traces").join(name)
    }

    fn index(&self) -> PathBuf {
        self.path("single-tenant/index.pb.zst")
    }

    /// Removes the tenant's index in both forms.
    fn remove_index(&self) {
        std::fs::remove_file(self.index()).unwrap();
        std::fs::remove_file(self.path("single-tenant/index.json.gz")).unwrap();
    }

    /// Options of a process that uses the bucket, with more lines of `storage.trace`.
    fn options(&self, more: &str) -> Options {
        options_at(self.server.address(), more)
    }
}

fn options_at(address: SocketAddr, more: &str) -> Options {
    let blocks = format!(
        "backend: s3
    blocklist_poll: 1s
    {more}
    s3:
      bucket: traces
      endpoint: {address}
      access_key: {ACCESS_KEY}
      secret_key: {SECRET_KEY}
      insecure: true
      retry_max_attempts: 2
      retry_backoff_initial: 1ms
      retry_backoff_max: 5ms"
    );
    Options { blocks: Some(blocks), ..Options::with_cores(1) }
}

const READER: &str = "blocklist_poll_tenant_index_builders: 0";

fn write_block(server: &Server, number: u64) {
    server.export(http::X_PROTOBUF, &spans::numbered(number)).ok();
    server.flush();
}

fn has(server: &Server, number: u64) -> bool {
    server.get(&format!("/api/traces/{}", spans::hex(number))).status == 200
}

fn wait_for(server: &Server, number: u64) {
    wait::until("the other process serves the trace", || has(server, number).then_some(()));
}

/// Waits until the index on the store was written after `write`.
fn indexed<T>(bucket: &Bucket, write: impl FnOnce() -> T) -> T {
    let written = || std::fs::read(bucket.index()).unwrap_or_default();
    let before = written();
    let done = write();
    wait::until("the index is written", || (written() != before).then_some(()));
    done
}

/// Waits until the server has polled twice since.
fn two_polls(server: &Server) {
    let count = || server.metric("tempodb_blocklist_poll_duration_seconds_count", &[]);
    let before = count();
    wait::until("the list was read", || (count() >= before + 2.0).then_some(()));
}

#[test]
fn what_one_process_writes_the_other_serves_after_a_poll() {
    let bucket = Bucket::new();
    let (one, other) = (Server::start(bucket.options("")), Server::start(bucket.options("")));
    write_block(&one, 1);
    write_block(&other, 2);
    wait_for(&other, 1);
    wait_for(&one, 2);
    for server in [&one, &other] {
        assert_eq!(server.search(&[("q", "{}")]).len(), 2);
        assert_eq!(server.metric("tempodb_blocklist_length", &[]), 2.0);
        assert_eq!(server.metric("tempodb_blocklist_tenant_index_builder", &[]), 1.0);
    }
    assert!(bucket.index().exists());
}

#[test]
fn a_reader_of_indexes_serves_new_blocks_without_listing_them() {
    let bucket = Bucket::new();
    let writer = Server::start(bucket.options(""));
    indexed(&bucket, || write_block(&writer, 1));
    let proxy = Proxy::start(bucket.server.address());
    let reader = Server::start(options_at(proxy.address(), READER));
    assert!(has(&reader, 1));
    write_block(&writer, 2);
    wait_for(&reader, 2);
    assert_eq!(reader.metric("tempodb_blocklist_tenant_index_builder", &[]), 0.0);
    let age = reader.metric("tempodb_blocklist_tenant_index_age_seconds", &[]);
    assert!((0.0..600.0).contains(&age), "{age}");
    let lists_blocks = |request: &Request| {
        request.target.contains("list-type=2") && request.target.contains("prefix=single-tenant")
    };
    assert_eq!(proxy.count(lists_blocks), 0, "it believes the index");
    assert!(proxy.count(|request| request.target.contains("index.pb.zst")) > 1);
    // What it writes itself it knows at once, and the writer lists it.
    write_block(&reader, 3);
    assert!(has(&reader, 3));
    wait_for(&writer, 3);
}

#[test]
fn an_old_index_is_believed_or_not_as_configured() {
    let bucket = Bucket::new();
    let mut writer = Server::start(bucket.options(""));
    indexed(&bucket, || write_block(&writer, 1));
    two_polls(&writer);
    let old = std::fs::read(bucket.index()).unwrap();
    write_block(&writer, 2);
    assert!(writer.terminate().success());
    std::fs::write(bucket.index(), old).unwrap();
    let believer = Server::start(bucket.options(READER));
    assert!(has(&believer, 1) && !has(&believer, 2));
    drop(believer);
    let strict = format!("{READER}\n    blocklist_poll_stale_tenant_index: 1ms");
    let lister = Server::start(bucket.options(&strict));
    assert!(has(&lister, 1) && has(&lister, 2), "it lists the blocks itself");
    assert!(lister.metric("tempodb_blocklist_tenant_index_errors_total", &[]) > 0.0);
    drop(lister);
    let strictest = format!("{strict}\n    blocklist_poll_fallback: false");
    let helpless = Server::start(bucket.options(&strictest));
    assert!(!has(&helpless, 1));
    assert!(helpless.metric("tempodb_blocklist_poll_errors_total", &[]) > 0.0);
}

#[test]
fn a_reader_without_an_index_lists_blocks_or_waits_for_one() {
    let bucket = Bucket::new();
    let mut writer = Server::start(bucket.options(""));
    indexed(&bucket, || write_block(&writer, 1));
    assert!(writer.terminate().success());
    bucket.remove_index();
    let reader = Server::start(bucket.options(READER));
    assert!(has(&reader, 1), "it falls back to listing");
    assert!(!bucket.index().exists(), "and writes none");
    drop(reader);
    let waits = format!("{READER}\n    blocklist_poll_fallback: false");
    let reader = Server::start(bucket.options(&waits));
    assert!(!has(&reader, 1));
    writer.start_again();
    wait_for(&reader, 1);
}

#[test]
fn a_damaged_index_is_told_and_does_no_harm() {
    let bucket = Bucket::new();
    let mut writer = Server::start(bucket.options(""));
    indexed(&bucket, || write_block(&writer, 1));
    assert!(writer.terminate().success());
    let index = std::fs::read(bucket.index()).unwrap();
    for damaged in [index[..index.len() / 2].to_vec(), b"not an index".to_vec(), Vec::new()] {
        std::fs::write(bucket.index(), damaged).unwrap();
        for more in ["", READER] {
            let mut options = bucket.options(more);
            // Nobody mends it meanwhile.
            options.blocks = options.blocks.map(|lines| lines.replace("poll: 1s", "poll: 1h"));
            let server = Server::start(options);
            assert!(has(&server, 1), "{more}");
        }
    }
}

#[test]
fn a_reader_keeps_its_list_while_the_index_cannot_be_read() {
    let bucket = Bucket::new();
    let writer = Server::start(bucket.options(""));
    indexed(&bucket, || write_block(&writer, 1));
    let proxy = Proxy::start(bucket.server.address());
    let waits = format!("{READER}\n    blocklist_poll_fallback: false");
    let reader = Server::start(options_at(proxy.address(), &waits));
    assert!(has(&reader, 1));
    proxy.spoil(usize::MAX, Fault::Status(503), |request| request.target.contains("index."));
    let errors = || reader.metric("tempodb_blocklist_poll_errors_total", &[]);
    wait::until("a poll has failed", || (errors() > 1.0).then_some(()));
    assert!(has(&reader, 1));
}

#[test]
fn the_age_of_an_index_that_cannot_be_written_grows() {
    let bucket = Bucket::new();
    let proxy = Proxy::start(bucket.server.address());
    let server = Server::start(options_at(proxy.address(), ""));
    indexed(&bucket, || write_block(&server, 1));
    proxy.spoil(usize::MAX, Fault::Status(503), |request| {
        request.method == "PUT" && request.target.contains("index.")
    });
    let errors = || server.metric("tempodb_blocklist_tenant_index_errors_total", &[]);
    wait::until("an index was not written", || (errors() > 2.0).then_some(()));
    assert!(server.metric("tempodb_blocklist_tenant_index_age_seconds", &[]) > 0.5);
}

#[test]
fn damaged_objects_in_a_bucket_make_answers_partial_and_a_store_that_is_away_makes_errors() {
    let bucket = Bucket::new();
    let proxy = Proxy::start(bucket.server.address());
    let mut server = Server::start(options_at(proxy.address(), ""));
    write_block(&server, 1);
    write_block(&server, 2);
    let tenant = std::fs::read_dir(bucket.path("single-tenant")).unwrap();
    let data = tenant.map(|block| block.unwrap().path().join("data.parquet"));
    let data = data.into_iter().find(|path| path.exists()).unwrap();
    let block = data.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    let sound = std::fs::read(&data).unwrap();
    let damages: [(&str, &dyn Fn()); 4] = [
        ("cut", &|| std::fs::write(&data, &sound[..sound.len() / 3]).unwrap()),
        ("empty", &|| std::fs::write(&data, "").unwrap()),
        ("foreign", &|| std::fs::write(&data, vec![7; sound.len()]).unwrap()),
        ("gone", &|| std::fs::remove_file(&data).unwrap()),
    ];
    for (what, damage) in damages {
        damage();
        server.restart();
        let answer = server.get("/api/search?q=%7B%7D").ok().json();
        let named = &answer["metrics"]["additionalMetrics"][format!("blockDamaged:{block}")];
        assert!(!named.is_null(), "{what}: {answer}");
        assert_eq!(answer["traces"].as_array().unwrap().len(), 1, "{what}");
        assert!(server.metric("stringendo_damaged_block_reads_total", &[]) > 0.0);
        std::fs::write(&data, &sound).unwrap();
        assert_eq!(server.search(&[("q", "{}")]).len(), 2, "{what}: mended");
    }
    server.restart();
    proxy.spoil(usize::MAX, Fault::Status(503), |request| request.target.contains("data.parquet"));
    assert_eq!(server.get("/api/search?q=%7B%7D").status, 500);
    assert_eq!(server.metric("stringendo_damaged_block_reads_total", &[]), 0.0);
    proxy.heal();
    assert_eq!(server.search(&[("q", "{}")]).len(), 2);
    // A block without rows is damaged, or was deleted: only the store can tell.
    std::fs::remove_file(&data).unwrap();
    server.restart();
    proxy.spoil(usize::MAX, Fault::Status(503), |request| request.target.contains("/meta."));
    assert_eq!(server.get("/api/search?q=%7B%7D").status, 500);
    proxy.heal();
    std::fs::write(&data, &sound).unwrap();
    assert_eq!(server.search(&[("q", "{}")]).len(), 2);
}

/// Pieces of a block that was never finished, of a tenant.
fn leave_pieces(tenant: &Path) {
    let block = tenant.join("00000000-0000-4000-8000-000000000007");
    std::fs::create_dir_all(&block).unwrap();
    std::fs::write(block.join("data.parquet"), "half").unwrap();
}

const DELETES: &str = "empty_tenant_deletion_enabled: true\n    empty_tenant_deletion_age: 1ms";

/// Tenants with what is left of them, below the root of a store.
fn fill_tenants(root: &Path) {
    leave_pieces(&root.join("forgotten"));
    leave_pieces(&root.join("with-notes"));
    std::fs::write(root.join("with-notes/notes.txt"), "mine").unwrap();
    leave_pieces(&root.join("with-a-damaged-block"));
    let damaged = root.join("with-a-damaged-block/00000000-0000-4000-8000-000000000007");
    std::fs::write(damaged.join("meta.json"), "{").unwrap();
}

fn assert_only_forgotten_is_gone(server: &Server, root: &Path) {
    let deleted = || server.metric("stringendo_empty_tenants_deleted_total", &[]);
    wait::until("a tenant is deleted", || (deleted() > 0.0).then_some(()));
    two_polls(server);
    let pieces = |tenant: &str| {
        root.join(tenant).join("00000000-0000-4000-8000-000000000007/data.parquet").exists()
    };
    assert!(!pieces("forgotten"));
    assert!(pieces("with-notes"), "somebody uses it for something else");
    assert!(pieces("with-a-damaged-block"), "it may be mended");
    write_block(server, 1);
    assert!(has(server, 1));
}

#[test]
fn what_is_left_of_tenants_without_blocks_is_deleted_in_a_bucket() {
    let bucket = Bucket::new();
    fill_tenants(&bucket.path(""));
    let server = Server::start(bucket.options(DELETES));
    assert_only_forgotten_is_gone(&server, &bucket.path(""));
}

#[test]
fn what_is_left_of_tenants_without_blocks_is_deleted_in_a_directory() {
    let mut server = Server::prepare(Options::default());
    let root = server.dir().join("blocks");
    let lines = format!("backend: local\n    blocklist_poll: 1s\n    {DELETES}\n    local: ");
    server.options.blocks = Some(format!("{lines}{{path: {}}}", root.display()));
    fill_tenants(&root);
    server.start_again();
    assert_only_forgotten_is_gone(&server, &root);
    assert!(!root.join("forgotten").exists());
}

#[test]
fn what_is_left_of_tenants_stays_where_nothing_is_configured() {
    let bucket = Bucket::new();
    fill_tenants(&bucket.path(""));
    let server = Server::start(bucket.options(""));
    two_polls(&server);
    let piece = "forgotten/00000000-0000-4000-8000-000000000007/data.parquet";
    assert!(bucket.path(piece).exists());
}
