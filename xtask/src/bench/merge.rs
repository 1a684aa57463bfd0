//! What compaction costs, from the bench of the codec that merges blocks
//! (`benches/src/bin/block_merge.rs`): no server is needed for that.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::figure::{Better, Figure};
use crate::error::{What, XtaskError, failed};
use crate::tools;

/// Spans that are merged.
const SPANS: &str = "200000";

/// Builds the bench; says where it is.
///
/// # Errors
/// When the build fails.
pub fn build() -> Result<PathBuf, XtaskError> {
    let mut build = tools::cargo("build");
    tools::run(build.args(["--release", "-p", "stringendo-benches", "--bin", "block_merge"]))?;
    Ok(tools::target().join("release/block_merge"))
}

/// Runs it once.
///
/// # Errors
/// When it fails, or prints something else than it should.
pub fn figures(bench: &Path) -> Result<Vec<Figure>, XtaskError> {
    let output = Command::new(bench).arg(SPANS).output();
    let output = output.what(|| bench.display().to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<_> = text.lines().filter_map(figure).collect();
    match output.status.success() && !figures.is_empty() {
        true => Ok(figures),
        false => failed(format!("{}: {}", bench.display(), text.trim())),
    }
}

/// Of a line such as `whole traces: 1200 ns per span; …`.
fn figure(line: &str) -> Option<Figure> {
    let (what, rest) = line.trim().split_once(": ")?;
    let ns: f64 = rest.split_once(" ns per span")?.0.parse().ok()?;
    Some(Figure::new(format!("compaction: CPU-ns per span, {what}"), Better::Lower, ns))
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
