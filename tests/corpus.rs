//! The recorded corpus through the real process: every answer is Tempo's, whatever has happened
//! to the server since the spans were acknowledged.

mod common;

use std::time::Duration;

use common::corpus::{
    assert_equal, assert_equal_to_recorded, of_ours, recorded_v4, requests, send_over_http,
};
use common::{Options, Server, load};
use stringendo_loadgen::Compression;
use stringendo_loadgen::export::{Client, Outcome};
use stringendo_loadgen::runtime::block_on;
use stringendo_loadgen::template::grpc_frame;

#[test]
fn every_trace_sent_over_http_comes_back_as_tempo_gave_it_live_flushed_and_restarted() {
    let mut server = Server::start(Options::default());
    send_over_http(&server);
    assert_equal_to_recorded(&server, "live");
    server.flush();
    assert_equal_to_recorded(&server, "flushed");
    server.restart();
    assert_equal_to_recorded(&server, "restarted after a flush");
}

#[test]
fn every_trace_comes_back_from_vparquet4_as_tempo_gives_it_from_there() {
    let server = Server::start(Options { block_version: "vParquet4", ..Options::default() });
    send_over_http(&server);
    let expected = of_ours(recorded_v4());
    assert_equal(&server, "live, for vParquet4", &expected);
    server.flush();
    assert_equal(&server, "flushed to vParquet4", &expected);
}

#[test]
fn every_trace_comes_back_after_kill_9_from_the_log_and_then_from_a_block() {
    let mut server = Server::start(Options::with_cores(2));
    send_over_http(&server);
    server.kill9();
    server.start_again();
    assert_equal_to_recorded(&server, "killed while live");
    server.flush();
    server.kill9();
    server.start_again();
    assert_equal_to_recorded(&server, "killed after a flush");
}

#[test]
fn sigterm_moves_everything_that_is_live_into_blocks() {
    let mut server = Server::start(Options::default());
    send_over_http(&server);
    server.restart();
    assert!(server.metric("tempodb_blocklist_length", &[("tenant", "single-tenant")]) >= 1.0);
    assert_equal_to_recorded(&server, "restarted without a flush");
}

#[test]
fn every_trace_sent_over_grpc_comes_back_as_tempo_gave_it() {
    let server = Server::start(Options::with_cores(2));
    for compression in [Compression::None, Compression::Gzip(1)] {
        send_over_grpc(&server, compression);
        // A trace that was sent twice shows once: the copies are dropped.
        assert_equal_to_recorded(&server, &format!("{compression:?}"));
    }
}

fn send_over_grpc(server: &Server, compression: Compression) {
    let mut options = load::options(server, server.dir(), Duration::ZERO);
    options.compression = compression;
    let send = async {
        let mut client = Client::open(&options).await.expect("connected");
        for request in requests() {
            let outcome = client.export(grpc_frame(false, &request), compression).await;
            assert_eq!(outcome, Outcome::Acknowledged);
        }
    };
    block_on(send).expect("a runtime");
}
