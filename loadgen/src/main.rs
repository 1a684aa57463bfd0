//! `loadgen`: sends a shop's traces to an OTLP endpoint, measures, and checks what was stored.

use std::process::ExitCode;

use stringendo_loadgen::{LoadError, describe::describe, run, verify};

mod cli;

/// A problem was found, or the command could not be done.
const EXIT_FAILED: u8 = 1;
/// A connection broke, and that was to end the run (`--stop-on-disconnect`).
const EXIT_DISCONNECTED: u8 = 3;

fn main() -> ExitCode {
    let result = match cli::parse(std::env::args_os()) {
        Ok(cli::Command::Run(command)) => run_command(*command),
        Ok(cli::Command::Verify(command)) => verify_command(command),
        Ok(cli::Command::Describe { workload, json }) => describe(&workload).map(|description| {
            if json {
                println!("{}", serde_json::json!(description));
            } else {
                print!("{description}");
            }
            ExitCode::SUCCESS
        }),
        Err(error) => error.exit(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("loadgen: {error}");
        ExitCode::from(EXIT_FAILED)
    })
}

fn run_command(command: cli::RunCommand) -> Result<ExitCode, LoadError> {
    let quiet = command.quiet;
    let report = run(command.options, |progress| {
        if !quiet {
            eprintln!("{progress}");
        }
    })?;
    print!("{report}");
    if let Some(example) = &report.example {
        let (id, spans) = (&example.trace_id, example.spans);
        println!("example trace {id} ({spans} spans, {} services)", example.services.len());
    }
    if let Some(path) = command.report {
        std::fs::write(path, report.to_json()).map_err(LoadError::Report)?;
    }
    Ok(match report.disconnected {
        Some(_) => ExitCode::from(EXIT_DISCONNECTED),
        None => ExitCode::SUCCESS,
    })
}

fn verify_command(command: cli::VerifyCommand) -> Result<ExitCode, LoadError> {
    let quiet = command.quiet;
    let mut told_at = 0;
    let report = verify(command.options, |so_far| {
        if !quiet && so_far.traces_checked >= told_at {
            let (traces, spans) = (so_far.traces_checked, so_far.spans_found);
            eprintln!("{traces} traces checked, {spans} spans found");
            told_at = traces + 10_000;
        }
    })?;
    println!("{}", report.to_json());
    if let Some(path) = command.report {
        std::fs::write(path, report.to_json()).map_err(LoadError::Report)?;
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}
