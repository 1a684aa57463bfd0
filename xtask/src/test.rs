//! `cargo xtask test`: installs what tests need, runs all of them, and counts.
//!
//! Tests that need Python, caches outside the process, or Azurite are ignored by a plain
//! `cargo test` (`#[ignore = "needs Python packages: cargo xtask test"]`). They find the
//! interpreter in the variable [`PYTHON_VARIABLE`], caches by their names, and Azurite, which runs
//! meanwhile, by another variable; S3 servers run within the tests.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Arg, ArgMatches};

use crate::error::{What, XtaskError, failed};
use crate::tools;

mod azurite;
mod packages;
mod python;
mod summary;

use azurite::Azurite;
use summary::Summary;

/// Where tests find an interpreter with the packages of `tests/python/requirements.txt`.
const PYTHON_VARIABLE: &str = "STRINGENDO_TEST_PYTHON";
/// Caches outside the process, which tests start for themselves.
const CACHES: [&str; 4] = ["memcached", "redis-server", "redis-cli", "openssl"];
const CACHES_ADVICE: &str = "tests need memcached, Redis and openssl; on Debian and Ubuntu: \
                             apt-get install memcached redis-server openssl";
/// Tests of this name write a fixture for good; they are ignored for another reason than Python.
const FIXTURE_WRITER: &str = "write_the_fixture";

/// The subcommand.
pub fn command() -> clap::Command {
    let filter = Arg::new("filter").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true);
    clap::Command::new("test")
        .about("Installs what tests need (under target/test-env) and runs all of them")
        .arg(filter.help("More arguments for cargo test, e.g. -p stringendo-wal or part of a name"))
}

/// Runs it.
///
/// # Errors
/// When something cannot be installed or a test fails.
pub fn run(matches: &ArgMatches) -> Result<(), XtaskError> {
    let arguments: Vec<&String> = matches.get_many("filter").unwrap_or_default().collect();
    let python = python::provide()?;
    packages::provide(&CACHES, &["memcached", "redis-server", "openssl"], CACHES_ADVICE)?;
    let blocks = tools::target().join("tmp/blocks");
    tools::remove_dir(&blocks)?;
    let mut summary = Summary::default();
    let azurite = Azurite::start()?;
    cargo_test(&python, &azurite, &arguments, &mut summary)?;
    drop(azurite);
    if blocks.is_dir() || arguments.is_empty() {
        check_blocks(&python, &blocks, &mut summary)?;
    }
    println!("\n{summary}");
    if summary.is_ok() { Ok(()) } else { failed("tests failed") }
}

/// All tests of the workspace, documentation's too; what they print goes on to ours.
fn cargo_test(
    python: &Path,
    azurite: &Azurite,
    arguments: &[&String],
    summary: &mut Summary,
) -> Result<(), XtaskError> {
    let mut command = tools::cargo("test");
    let package_is_named = arguments.iter().any(|a| *a == "-p" || a.starts_with("--package"));
    if !package_is_named {
        command.arg("--workspace");
    }
    command.arg("--no-fail-fast").args(arguments);
    command.args(["--", "--include-ignored", "--skip", FIXTURE_WRITER]);
    command.env(PYTHON_VARIABLE, python).env(azurite::VARIABLE, &azurite.address);
    command.stdout(Stdio::piped());
    println!("{}", tools::line(&command));
    let mut child = command.spawn().what(|| tools::program(&command))?;
    let output = child.stdout.take().expect("stdout was asked to be a pipe");
    for line in BufReader::new(output).split(b'\n') {
        let line = line.what(|| "output of cargo test".to_owned())?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        summary.line(&line);
    }
    let status = child.wait().what(|| tools::program(&command))?;
    summary.ended(status.success(), &status.to_string());
    Ok(())
}

/// Reads the blocks that tests of the block crate wrote with pyarrow.
fn check_blocks(python: &Path, blocks: &PathBuf, summary: &mut Summary) -> Result<(), XtaskError> {
    let script = tools::root().join("tests/python/check_blocks.py");
    let mut command = Command::new(python);
    command.arg(&script).arg(blocks);
    println!("\nwritten blocks, read with pyarrow: {}", tools::line(&command));
    let status = command.status().what(|| tools::program(&command))?;
    summary.step("tests/python/check_blocks.py", status.success());
    Ok(())
}
