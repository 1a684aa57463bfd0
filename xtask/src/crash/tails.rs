//! Cuts and flips at every byte of the last groups of a killed server's segment.
//!
//! All of them go through recovery as a function, some through the real server
//! ([`crate::crash::samples`]).

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use crate::crash::damage::Damage;
use crate::crash::image::{Image, recovered};
use crate::crash::{Setup, samples};
use crate::error::{XtaskError, failed};
use crate::loadgen;
use crate::rng::Rng;
use crate::server::{Server, ServerOptions};

/// Groups at the end that are damaged byte by byte.
const GROUPS: usize = 3;
/// Spans sent: few, so that every byte can have its turn.
const SPANS: u64 = 400;
/// Spans of a batch, sent over several connections, so that groups hold several frames.
const BATCH_SPANS: u64 = 8;
/// Longest start of the server.
pub const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// The stream of the seed that draws which damage is sampled and which bits flip.
const STREAM: u64 = u64::MAX;

/// Runs it.
///
/// # Errors
/// When a frame is lost or invented, nothing is reported, or something panics.
pub fn run(setup: &Setup, sample_count: u64) -> Result<(), XtaskError> {
    let dir = setup.dir.join("tails");
    let ledger = dir.join("tails.ledger");
    let image = killed_segment(setup, &dir.join("written"), &ledger)?;
    let mut rng = Rng::new(setup.seed, STREAM);
    let tail = tail(&image)?;
    let (groups, frames) = (image.groups.len(), image.frames.len());
    println!("segment of {groups} groups and {frames} frames; damaged: bytes {tail:?}");
    let cases = every_byte(&image, tail.clone(), &mut rng)?;
    println!("recovery, at every byte: {cases} cuts and flips, each a valid prefix and a report");
    samples::run(setup, &dir, &image, &ledger, sample_count, tail, &mut rng)
}

/// The one core that all is written and read by, with one segment that is never sealed.
pub fn server_options(data: &Path) -> ServerOptions {
    ServerOptions {
        data: data.to_owned(),
        cores: 1,
        durability: "sync",
        segment_bytes: 4 << 20,
        budget_bytes: 128 << 20,
        block_age: Duration::from_secs(600),
        block_bytes: 1 << 30,
        compacts: false,
        cpu: None,
    }
}

fn killed_segment(setup: &Setup, data: &Path, ledger: &Path) -> Result<Image, XtaskError> {
    let mut server = Server::start(&setup.binaries.server, &server_options(data))?;
    server.wait_ready(READY_TIMEOUT)?;
    let mut arguments = Vec::new();
    for (name, value) in [
        ("--spans", SPANS),
        ("--batch-spans", BATCH_SPANS),
        ("--connections", 4),
        ("--inflight", 2),
        ("--run-id", setup.seed),
    ] {
        arguments.extend([name.to_owned(), value.to_string()]);
    }
    arguments.extend(["--ledger".to_owned(), ledger.display().to_string()]);
    loadgen::run(&setup.binaries.loadgen, server.ports().otlp_grpc, &arguments)?;
    server.kill()?;
    Image::read(&data.join("wal"))
}

/// From the first of the last groups to the end of the last.
fn tail(image: &Image) -> Result<Range<usize>, XtaskError> {
    match image.last_groups(GROUPS) {
        [first, .., last] => Ok(first.start..last.end),
        _ => failed("the segment has fewer than two groups"),
    }
}

/// Recovers from every damage; returns how many there were.
fn every_byte(image: &Image, tail: Range<usize>, rng: &mut Rng) -> Result<u64, XtaskError> {
    let mut zeroed = image.bytes.clone();
    zeroed[tail.end..].fill(0);
    let mut flipped = image.bytes.clone();
    let mut cases = 0;
    for at in tail.rev() {
        let bit = (rng.next() % 8) as u8;
        zeroed[at] = 0;
        flipped[at] ^= 1 << bit;
        judge(image, &Damage::Cut(at), &image.bytes[..at])?;
        judge(image, &Damage::Zeroed(at), &zeroed)?;
        judge(image, &Damage::Flip { at, bit }, &flipped)?;
        flipped[at] ^= 1 << bit;
        cases += 3;
    }
    Ok(cases)
}

fn judge(image: &Image, damage: &Damage, bytes: &[u8]) -> Result<(), XtaskError> {
    let verdict = damage.judge(image, &recovered(bytes));
    verdict.map_err(|why| XtaskError::Failed(format!("{damage}: {why}")))
}
