//! What the log costs one core: appending spans to groups (copy, checksum, seal), and reading a
//! segment back. Twin of the fuzz target `wal_recover`. The disk is left out.
//!
//! `cargo run --release -p stringendo-benches --bin wal_append`

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use stringendo_wal::{
    AlignedBuf, Commit, FrameHeader, FrameKind, Group, SegmentFile, SegmentHeader, SegmentWriter,
    recover,
};

const SPAN_BYTES: usize = 430;
const SEGMENT_BYTES: usize = 64 << 20;
const GROUP_BYTES: usize = 256 << 10;
const ROUNDS: usize = 7;

/// Takes every write and keeps nothing.
struct Nowhere;

impl SegmentFile for Nowhere {
    async fn write_at(&self, _: u64, _: Arc<AlignedBuf>) -> io::Result<()> {
        Ok(())
    }
    async fn sync(&self) -> io::Result<()> {
        Ok(())
    }
    async fn write_and_sync(&self, _: u64, _: Arc<AlignedBuf>) -> io::Result<()> {
        Ok(())
    }
}

fn main() {
    println!("spans of {SPAN_BYTES} bytes, groups of {GROUP_BYTES}; best of {ROUNDS} rounds");
    for spans_per_frame in [1, 10, 100] {
        let fresh = best(|| append_ns_per_span(spans_per_frame, &mut Vec::new()));
        let mut memory = Vec::new();
        let reused = best(|| append_ns_per_span(spans_per_frame, &mut memory));
        let (replay_gb_s, bytes) = recovery(&std::mem::take(&mut memory));
        println!(
            "{spans_per_frame:>4} spans a frame: append {fresh:.0} ns/span in fresh memory, \
             {reused:.0} in reused; recovery {replay_gb_s:.1} GB/s over {bytes} bytes"
        );
    }
}

fn best(mut round: impl FnMut() -> f64) -> f64 {
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

/// Fills a segment; takes the memory of the groups from `memory` and leaves it there.
fn append_ns_per_span(spans_per_frame: usize, memory: &mut Vec<AlignedBuf>) -> f64 {
    let parts: Vec<Vec<u8>> = (0..spans_per_frame).map(|i| vec![i as u8; SPAN_BYTES]).collect();
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let header = segment_header();
    let begun = SegmentWriter::begin(Nowhere, &header, SEGMENT_BYTES as u64);
    let mut writer = block_on(begun).expect("writing nowhere has no errors");
    let mut image = Vec::new();
    let mut spans = 0;
    let start = now();
    while writer.bytes_left() >= 2 * GROUP_BYTES as u64 {
        let buf = memory.pop().unwrap_or_else(|| AlignedBuf::with_capacity(GROUP_BYTES));
        let mut group = Group::reuse(header.segment_id, buf);
        while group.bytes_on_disk() < GROUP_BYTES {
            group.append_parts(&frame_header(), &parts);
            spans += spans_per_frame;
        }
        let written = block_on(writer.write(group, Commit::Durable));
        image.push(written.expect("writing nowhere has no errors"));
    }
    let elapsed = start.elapsed();
    memory.extend(image.into_iter().rev().filter_map(|group| Arc::into_inner(group.pages)));
    elapsed.as_nanos() as f64 / spans as f64
}

/// Reads back a segment made of these groups (taken from the end, as they were written).
fn recovery(groups: &[AlignedBuf]) -> (f64, usize) {
    let mut file = header_page();
    for group in groups.iter().rev() {
        file.append(group.as_pages());
    }
    let file = file.as_pages();
    let gb_s = best(|| {
        let start = now();
        let (_, report) = recover(file, |frame| {
            std::hint::black_box(frame);
        })
        .expect("the segment was just written");
        assert!(report.frames > 0 && report.damaged.is_empty() && !report.torn_tail);
        -(file.len() as f64 / start.elapsed().as_nanos() as f64)
    });
    (-gb_s, file.len())
}

/// The first page as a writer writes it.
fn header_page() -> AlignedBuf {
    let disk = stringendo_wal::SimDisk::new(8192);
    let header = segment_header();
    let begun = SegmentWriter::begin(disk.clone(), &header, 8192);
    assert!(block_on(begun).is_ok(), "the simulated disk has no errors");
    let mut page = AlignedBuf::with_capacity(SEGMENT_BYTES);
    page.append(&disk.crash(|_| true)[..4096]);
    page
}

fn segment_header() -> SegmentHeader {
    let segment_id = uuid::Uuid::from_u128(1);
    SegmentHeader { segment_id, core: 0, cores: 1, created_unix_nanos: 1 }
}

fn frame_header() -> FrameHeader<'static> {
    FrameHeader { kind: FrameKind::OtlpTraces, received_unix_nanos: 1, tenant: b"single-tenant" }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(value) = polled {
            return value;
        }
    }
}
