//! Log lines to stderr, as the settings say.
//!
//! Events come from `tracing` macros everywhere; this module alone decides their form and level.

use std::io;

use stringendo_config::settings::{LogFormat, LogLevel};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Libraries whose own events are of use only to who debugs them.
const QUIET_LIBRARIES: [&str; 4] = ["h2", "hyper", "glommio", "monoio"];

/// Starts logging; to be called once, before the first event.
///
/// # Errors
/// When a logger was set before.
pub fn init(format: LogFormat, level: LogLevel) -> Result<(), String> {
    let lines = match format {
        LogFormat::Logfmt => tracing_logfmt::builder().layer().with_writer(io::stderr).boxed(),
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(io::stderr)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter(level)))
        .try_init()
        .map_err(|error| format!("cannot start logging: {error}"))
}

/// The level for our own events; libraries are heard from warnings on, or from info on at `debug`.
fn filter(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    let libraries = match level {
        LogLevel::Debug => LevelFilter::INFO,
        LogLevel::Info | LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    Targets::new()
        .with_default(own)
        .with_targets(QUIET_LIBRARIES.map(|library| (library, libraries)))
}

#[cfg(test)]
#[path = "logging_tests.rs"]
mod tests;
