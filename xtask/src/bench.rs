//! `cargo xtask bench`: figures of the real server, as tables and JSON.

use clap::ArgMatches;

use crate::error::XtaskError;

mod ingest;

/// The subcommand.
pub fn command() -> clap::Command {
    clap::Command::new("bench")
        .about("Measures the release server; without a name, everything that there is")
        .subcommand(ingest::command())
}

/// Runs it.
///
/// # Errors
/// When a server or the load generator fails.
pub fn run(matches: &ArgMatches) -> Result<(), XtaskError> {
    match matches.subcommand() {
        Some((_, matches)) => ingest::run(matches),
        None => ingest::run(&ingest::command().get_matches_from(["ingest"])),
    }
}
