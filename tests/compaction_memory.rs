//! Blocks that are far larger than the memory of the process that merges, checks and rewrites them.

mod common;

use std::process::{Command, Stdio};

use bytes::Bytes;
use common::{Options, Server, http, spans, wait};
use prost::Message;
use stringendo_loadgen::process::usage;
use stringendo_proto::otlp::{ResourceSpans, ScopeSpans, Span, Status, TracesData};

/// The least that a core can have.
const BUDGET_MIB: u64 = 112;
/// What commands may take; they have no budget of their own.
const COMMAND_BYTES_MAX: u64 = 152 << 20;
/// Of one span, each in a trace of its own.
const MESSAGE_BYTES: usize = 64 << 10;
const SPANS_PER_REQUEST: u64 = 32;
const REQUESTS: u64 = 90;
/// What is sent shrinks by a quarter.
const BLOCK_BYTES_MIN: u64 = 140 << 20;
/// Blocks of more than a day ago become one, whatever their levels.
const AGE_NANOS: u64 = 30 * 3_600_000_000_000;

/// Text that hardly shrinks, another one for each number.
fn message(number: u64) -> Bytes {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = spread(number) | 1;
    let mut letters = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (0..8).map(|at| LETTERS[(random >> (8 * at)) as usize & 63]).collect::<Vec<u8>>()
    };
    std::iter::repeat_with(&mut letters).take(MESSAGE_BYTES / 8).flatten().collect()
}

/// What the ids of traces have in them: anything, so that those of all blocks interleave.
fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn request(number: u64, start_unix_nanos: u64) -> Vec<u8> {
    let span = |number: u64| Span {
        trace_id: Bytes::copy_from_slice(&spans::trace_id(spread(number))),
        span_id: Bytes::copy_from_slice(&(number + 1).to_be_bytes()),
        name: Bytes::from_static(b"large"),
        start_time_unix_nano: start_unix_nanos,
        end_time_unix_nano: start_unix_nanos + 1,
        status: Some(Status { message: message(number), code: 2 }),
        ..Span::default()
    };
    let first = number * SPANS_PER_REQUEST;
    let spans = (first..first + SPANS_PER_REQUEST).map(span).collect();
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..<_>::default() }] }
        .encode_to_vec()
}

/// Sends a request until it is taken: a small budget refuses some.
fn send(server: &Server, body: &[u8]) {
    wait::until("the request is taken", || {
        let status = server.export(http::X_PROTOBUF, body).status;
        assert!(status == 200 || status == 429 || status == 503, "{status}");
        (status == 200).then_some(())
    });
}

fn assert_has_large_traces(server: &Server, except: Option<u64>) {
    for number in (0..REQUESTS * SPANS_PER_REQUEST).step_by(97) {
        let hex = spans::hex(spread(number));
        let answer = server.get(&format!("/api/traces/{hex}"));
        if except == Some(number) {
            assert_eq!(answer.status, 404);
            continue;
        }
        let text = answer.ok().text().to_owned();
        let sent = String::from_utf8(message(number).to_vec()).expect("ASCII");
        assert_eq!(text.matches(&sent).count(), 1, "trace {number}");
    }
}

/// Waits until all blocks are one. Merging takes a debug build on a busy machine minutes, so it is
/// waited for as long as it goes on.
fn wait_until_merged(server: &Server) {
    let merged = || server.metric("tempodb_compaction_blocks_total", &[]);
    let mut done = false;
    while !done {
        let before = merged();
        done = wait::until("blocks are merged, or all are one", || {
            let is_one = server.metric("tempodb_blocklist_length", &[]) == 1.0;
            (is_one || merged() > before).then_some(is_one)
        });
    }
}

/// Runs a command on the blocks; what it printed, and the most memory that it held.
fn command(server: &Server, arguments: &[&str]) -> (String, u64) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_stringendo"))
        .arg("blocks")
        .args(arguments)
        .arg("--path")
        .arg(server.dir().join("blocks"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut peak = 0;
    let status = wait::until("the command has ended", || {
        peak = peak.max(usage(process.id()).map_or(0, |usage| usage.rss_bytes_max));
        process.try_wait().expect("waited for")
    });
    let mut printed = String::new();
    let mut stdout = process.stdout.take().expect("piped");
    std::io::Read::read_to_string(&mut stdout, &mut printed).expect("text");
    assert!(status.success(), "{printed}");
    println!("{arguments:?}: {} MiB", peak >> 20);
    (printed, peak)
}

#[test]
fn blocks_far_larger_than_memory_are_merged_checked_and_rewritten_within_it() {
    let more_yaml = "compactor: {compaction: {compaction_cycle: 500ms}}\n";
    let options = Options { budget_mib: BUDGET_MIB, segment_mib: 8, more_yaml, ..<_>::default() };
    let mut server = Server::start(options);
    let start = wait::unix_nanos() - AGE_NANOS;
    (0..REQUESTS).for_each(|number| send(&server, &request(number, start)));
    server.flush();
    wait_until_merged(&server);
    assert!(server.metric("tempodb_compaction_blocks_total", &[]) >= 8.0);
    assert_eq!(server.metric("tempodb_compaction_errors_total", &[]), 0.0);
    assert_has_large_traces(&server, None);
    let peak = usage(server.pid()).expect("it runs").rss_bytes_max;
    println!("the server: {} MiB", peak >> 20);
    assert!(peak <= server.options.budget_bytes(), "{} MiB", peak >> 20);
    assert!(server.terminate().success());

    let (checked, peak) = command(&server, &["check"]);
    let all = REQUESTS * SPANS_PER_REQUEST;
    assert!(checked.contains(&format!("sound ({all} traces, {all} spans, ")), "{checked}");
    let bytes = checked.split(" spans, ").nth(1).and_then(|rest| rest.split(' ').next());
    let bytes: u64 = bytes.expect("bytes").parse().expect("a number");
    assert!(bytes > BLOCK_BYTES_MIN, "{bytes} bytes");
    assert!(peak <= COMMAND_BYTES_MAX, "{} MiB", peak >> 20);

    let gone = 97;
    let (_, peak) = command(&server, &["delete-trace", &spans::hex(spread(gone)), "--purge"]);
    assert!(peak <= COMMAND_BYTES_MAX, "{} MiB", peak >> 20);
    server.start_again();
    assert_has_large_traces(&server, Some(gone));
}
