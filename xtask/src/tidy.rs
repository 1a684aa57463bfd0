//! `cargo xtask tidy`: what the compiler and clippy do not look at.
//!
//! From: every text file of the repository but vendored code, test data and build output. To:
//! violations with `file:line`. The rules are pure functions ([`rules`]).

use std::path::{Path, PathBuf};

use crate::error::{What, XtaskError, failed};
use crate::tools;

mod rules;

use rules::{Kind, Violation};

/// Directories that are not ours or not text, from the root.
const SKIPPED: [&str; 10] = [
    ".git",
    ".venv",
    "data",
    "fuzz/artifacts",
    "fuzz/corpus",
    "fuzz/target",
    "target",
    "tests/data",
    "vendor",
    "wal/tests/fixtures",
];

/// The subcommand.
pub fn command() -> clap::Command {
    clap::Command::new("tidy").about("Checks sizes of files, functions and lines, and leftovers")
}

/// Runs it.
///
/// # Errors
/// When something is found, or a file cannot be read.
pub fn run() -> Result<(), XtaskError> {
    let mut files = Vec::new();
    list(tools::root(), &mut files)?;
    files.sort();
    let mut found = 0;
    for file in &files {
        found += check(file)?;
    }
    if found > 0 {
        return failed(format!("tidy: {found} violations in {} files", files.len()));
    }
    println!("tidy: {} files, no violations", files.len());
    Ok(())
}

fn check(file: &Path) -> Result<usize, XtaskError> {
    let bytes = std::fs::read(file).what(|| file.display().to_string())?;
    let name = relative(file);
    let violations = match String::from_utf8(bytes) {
        Ok(text) => rules::check(Kind::of(&name), &text),
        Err(_) => Vec::new(),
    };
    for Violation { line, what } in &violations {
        println!("{name}:{line}: {what}");
    }
    Ok(violations.len())
}

fn list(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), XtaskError> {
    let what = || directory.display().to_string();
    for entry in std::fs::read_dir(directory).what(what)? {
        let entry = entry.what(what)?;
        let (path, kind) = (entry.path(), entry.file_type().what(what)?);
        if kind.is_dir() && !is_skipped(&relative(&path)) {
            list(&path, files)?;
        } else if kind.is_file() && !is_skipped(&relative(&path)) {
            // `.git` is a file in a second working tree.
            files.push(path);
        }
    }
    Ok(())
}

fn is_skipped(name: &str) -> bool {
    SKIPPED.contains(&name) || name.ends_with("__pycache__")
}

fn relative(path: &Path) -> String {
    let inside = path.strip_prefix(tools::root()).unwrap_or(path);
    inside.to_string_lossy().into_owned()
}
