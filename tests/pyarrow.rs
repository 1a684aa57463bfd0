//! What a real server writes, read with pyarrow and held against the contract and Tempo's blocks.

mod common;

use std::time::Duration;

use common::corpus::send_over_http;
use common::{Options, Server, load, python};

#[test]
#[ignore = "needs Python packages: cargo xtask test"]
fn blocks_of_the_corpus_have_exactly_tempos_columns_and_filters() {
    let server = Server::start(Options::default());
    send_over_http(&server);
    server.flush();
    let printed = python::run("check_blocks.py", &[server.tenant_dir()]);
    assert!(printed.contains(" 0 faults"), "{printed}");
}

#[test]
#[ignore = "needs Python packages: cargo xtask test"]
fn vparquet4_blocks_of_the_corpus_have_exactly_tempos_columns_and_filters() {
    let server = Server::start(Options { block_version: "vParquet4", ..Options::default() });
    send_over_http(&server);
    server.flush();
    let printed = python::run("check_blocks.py", &[server.tenant_dir()]);
    assert!(printed.contains("103 columns") && printed.contains(" 0 faults"), "{printed}");
}

#[test]
#[ignore = "needs Python packages: cargo xtask test"]
fn blocks_of_load_on_two_cores_have_exactly_tempos_columns_and_filters() {
    let server = Server::start(Options::with_cores(2));
    let ledger = load::ledger(&server, "load");
    let mut options = load::options(&server, &ledger, Duration::from_secs(60));
    options.spans = Some(20_000);
    let report = load::send(options);
    assert!(report.acknowledged.spans >= 20_000, "{report}");
    server.flush();
    let printed = python::run("check_blocks.py", &[server.tenant_dir()]);
    // A core writes blocks of its own.
    assert!(printed.matches(" 0 faults").count() >= 2, "{printed}");
    load::assert_all_there(&server, &ledger, Some(load::SAMPLE));
}
