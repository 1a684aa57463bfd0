//! The `stringendo` binary: a tracing backend that takes the place of Grafana Tempo.
//!
//! `cli` → `stringendo_config` → `wiring` → `server`; `demo` runs the same server with the bundled
//! workload, `blocks` works on what is stored. This package knows every crate and no data: spans
//! pass through `net` and `engine`.

mod addresses;
mod allocator;
mod blocks;
mod build_info;
mod cli;
mod data_lock;
mod demo;
mod logging;
mod outer_caches;
mod resident;
mod server;
mod stop;
mod stores;
mod tenant_limits;
mod wiring;

use std::process::ExitCode;

use stringendo_config::{CliOptions, Command};

fn main() -> ExitCode {
    allocator::configure();
    match cli::command() {
        Ok(Command::Serve(options)) => serve(&options),
        Ok(Command::Verify(options)) => cli::verify(&options),
        Ok(Command::Demo(options)) => demo::run(&options),
        Ok(Command::Blocks(options)) => blocks::run(&options),
        Ok(Command::Version) => {
            print!("{}", build_info::version_text());
            ExitCode::SUCCESS
        }
        Ok(Command::Health { url }) => cli::health(&url),
        Err(status) => status,
    }
}

fn serve(options: &CliOptions) -> ExitCode {
    let loaded = match cli::load(options) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    let server = &loaded.settings.server;
    if let Err(reason) = logging::init(server.log_format, server.log_level) {
        eprintln!("{reason}");
        return ExitCode::FAILURE;
    }
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    server::serve(&loaded.settings)
}
