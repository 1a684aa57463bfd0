//! Developer commands: `cargo xtask test|tidy|crash|bench`.
//!
//! ```text
//! test   tools ─▶ python (venv) ─▶ cargo test ─▶ summary
//! tidy   files ─▶ rules ─▶ violations with file:line
//! crash  rounds: server + loadgen ─▶ kill -9 ─▶ restart ─▶ loadgen verify
//!        tails: a killed server's WAL, cut and flipped ─▶ recover, and the real server
//! bench  server on one CPU + loadgen ─▶ figures, JSON under target/bench
//! ```
//!
//! Knows the product by its binaries, its public protocols and the page of the WAL's format alone;
//! of its crates only `stringendo-wal`, whose recovery is a pure function. Builds on its own, with
//! few dependencies, so that `cargo xtask` starts soon after a fresh clone.

// Seams of the product are not those of a tool that drives it from outside: here real time, threads
// and processes are what is tested.
#![allow(clippy::disallowed_methods)]

use std::process::ExitCode;

use clap::{ArgMatches, Command};

mod bench;
mod crash;
mod error;
mod loadgen;
mod rng;
mod server;
mod test;
mod tidy;
mod tools;

use error::XtaskError;

fn main() -> ExitCode {
    let matches = command().get_matches();
    match run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> Command {
    Command::new("cargo xtask")
        .about("Developer commands of Stringendo")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(test::command())
        .subcommand(tidy::command())
        .subcommand(crash::command())
        .subcommand(bench::command())
}

fn run(matches: &ArgMatches) -> Result<(), XtaskError> {
    match matches.subcommand() {
        Some(("test", matches)) => test::run(matches),
        Some(("tidy", _)) => tidy::run(),
        Some(("crash", matches)) => crash::run(matches),
        Some(("bench", matches)) => bench::run(matches),
        _ => unreachable!("clap demands one of the subcommands above"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
