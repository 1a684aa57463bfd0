//! `cargo xtask crash`: what was acknowledged is there after every crash, once.
//!
//! ```text
//! rounds  plan (from the seed) ─▶ server + loadgen ─▶ kill -9 ─▶ restart ─▶ every ledger verified
//! tails   a killed server's segment ─▶ image ─▶ damage at every byte ─▶ recovery as a function
//!                                                └ a sample of it ─▶ the real server
//! ```

use std::path::PathBuf;

use clap::{Arg, ArgMatches, value_parser};

use crate::error::XtaskError;
use crate::{rng, tools};

mod damage;
mod image;
mod plan;
mod rounds;
mod samples;
mod spans;
mod tails;

use tools::Binaries;

/// What both parts need.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What is tested.
    pub binaries: Binaries,
    /// Where data, logs and ledgers go.
    pub dir: PathBuf,
    /// What everything is drawn from.
    pub seed: u64,
    /// Most cores of a server.
    pub cores: u64,
}

/// The subcommand.
pub fn command() -> clap::Command {
    let number = |name, help| {
        Arg::new(name).long(name).value_name("N").help(help).value_parser(value_parser!(u64))
    };
    clap::Command::new("crash")
        .about("kill -9 under load, damaged WAL tails: every acknowledged span is there, once")
        .args([
            number("rounds", "Kills under load").default_value("50"),
            number("cores", "Most cores of the server [default: the machine's]"),
            number("seed", "Repeat a run [default: by the time]"),
            number("samples", "Damaged tails given to the real server").default_value("36"),
            Arg::new("profile")
                .long("profile")
                .help("Cargo profile of server and load generator")
                .default_value("release"),
            Arg::new("part")
                .long("part")
                .help("What to run")
                .value_parser(["all", "rounds", "tails"])
                .default_value("all"),
            tools::no_build_arg(),
        ])
}

/// Runs it.
///
/// # Errors
/// When a span is lost or doubled, or anything panics; data and logs are then kept.
pub fn run(matches: &ArgMatches) -> Result<(), XtaskError> {
    let number = |name: &str| matches.get_one::<u64>(name).copied();
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let seed = number("seed").unwrap_or_else(rng::fresh_seed);
    let dir = tools::target().join("crash").join(seed.to_string());
    let binaries = tools::build(text("profile"), matches)?;
    tools::fresh_dir(&dir)?;
    let setup = Setup {
        binaries: binaries.copied_to(&dir)?,
        dir,
        seed,
        cores: number("cores").unwrap_or(cores).max(1),
    };
    println!("seed {seed}, data and logs in {}", setup.dir.display());
    let part = text("part");
    if part != "tails" {
        rounds::run(&setup, number("rounds").unwrap_or(50))?;
    }
    if part != "rounds" {
        tails::run(&setup, number("samples").unwrap_or(36))?;
    }
    // Kept only when something went wrong.
    tools::remove_dir(&setup.dir)
}
