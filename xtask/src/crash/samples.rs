//! The real server on damaged segments: it becomes ready, counts the damage, and has just what
//! recovery as a function finds.

use std::ops::Range;
use std::path::Path;

use crate::crash::Setup;
use crate::crash::damage::Damage;
use crate::crash::image::{Image, recovered, spans_in};
use crate::crash::tails::{READY_TIMEOUT, server_options};
use crate::error::{What, XtaskError, failed};
use crate::loadgen;
use crate::rng::Rng;
use crate::server::{self, Server};
use crate::tools;

/// Where the server counts damaged parts of its log.
const REPLAY_ERRORS: &str = "tempo_ingester_replay_errors_total";

/// What the server must have after its recovery.
#[derive(Debug, PartialEq)]
struct Wanted {
    spans: u64,
    replay_errors: f64,
}

/// Runs the samples, one server each.
///
/// # Errors
/// At the first that is not as it must be; its data is kept.
pub fn run(
    setup: &Setup,
    dir: &Path,
    image: &Image,
    ledger: &Path,
    count: u64,
    tail: Range<usize>,
    rng: &mut Rng,
) -> Result<(), XtaskError> {
    for number in 1..=count {
        let damage = draw(number, tail.clone(), rng);
        let data = dir.join(format!("sample-{number}"));
        let told = sample(setup, &data, image, ledger, &damage).map_err(|error| {
            XtaskError::Failed(format!("{damage}: {error} ({})", data.display()))
        })?;
        println!("sample {number:>3}: {damage}: {told}");
        tools::remove_dir(&data)?;
    }
    println!("crash: {count} damaged segments, each ready with a valid prefix, live and in blocks");
    Ok(())
}

/// First what has a rule of its own, then whatever comes.
fn draw(number: u64, tail: Range<usize>, rng: &mut Rng) -> Damage {
    let at = rng.within(tail.start as u64..tail.end as u64) as usize;
    let bit = (rng.next() % 8) as u8;
    match number {
        1 => Damage::Headless,
        2 => Damage::Flip { at: 0, bit },
        3 => Damage::Flip { at: tail.start, bit },
        4 => Damage::Cut(tail.start),
        5 => Damage::Cut(tail.end - 1),
        6 => Damage::Zeroed(tail.start + 1),
        _ => [Damage::Cut(at), Damage::Zeroed(at), Damage::Flip { at, bit }][number as usize % 3]
            .clone(),
    }
}

fn sample(
    setup: &Setup,
    data: &Path,
    image: &Image,
    ledger: &Path,
    damage: &Damage,
) -> Result<String, XtaskError> {
    let bytes = damage.apply(image);
    let wal = data.join("wal");
    tools::fresh_dir(&wal)?;
    let segment = wal.join(&image.name);
    std::fs::write(&segment, &bytes).what(|| segment.display().to_string())?;
    let wanted = wanted(&bytes)?;
    let mut server = Server::start(&setup.binaries.server, &server_options(data))?;
    server.wait_ready(READY_TIMEOUT)?;
    let replay_errors = server.metric(REPLAY_ERRORS)?;
    let all = spans_in(&image.bytes, &image.frames)?;
    for state in ["live", "in a block"] {
        let found = spans_there(setup, &server, ledger, all)?;
        if found != wanted.spans || replay_errors != wanted.replay_errors {
            return failed(format!(
                "{state}: {found} spans and {replay_errors} replay errors, expected {wanted:?}"
            ));
        }
        server.flush()?;
    }
    server.kill()?;
    server::no_panic(data)?;
    Ok(format!("{} of {all} spans, {replay_errors} replay errors", wanted.spans))
}

/// What recovery as a function says.
fn wanted(bytes: &[u8]) -> Result<Wanted, XtaskError> {
    match recovered(bytes) {
        Ok((frames, report)) => Ok(Wanted {
            spans: spans_in(bytes, &frames)?,
            replay_errors: report.damaged.len() as f64,
        }),
        // The file is set aside, which is one error.
        Err(_) => Ok(Wanted { spans: 0, replay_errors: 1.0 }),
    }
}

/// How many of the `all` spans are there, each once, as they were sent.
fn spans_there(setup: &Setup, server: &Server, ledger: &Path, all: u64) -> Result<u64, XtaskError> {
    let verified = loadgen::verify(&setup.binaries.loadgen, server, ledger, None)?;
    let adds_up = verified.expected == all && verified.found + verified.missing == all;
    if verified.wrong > 0 || !adds_up {
        return failed(format!("of {all} spans: {}", verified.json));
    }
    Ok(verified.found)
}
