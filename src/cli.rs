//! The edges of the command line: arguments, environment and files in, text and exit status out.
//!
//! What the flags mean is `stringendo_config`'s; the steps that run a server are `main`'s.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use stringendo_config::{CliOptions, Command, Loaded, cli};

/// How long `-health` waits for each step of its request.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer that `-health` looks at.
const PROBE_ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Reads the process's arguments. Help and usage are printed here.
///
/// # Errors
/// The exit status when there is nothing to run: 0 after help, 2 after wrong flags.
pub fn command() -> Result<Command, ExitCode> {
    cli::parse(std::env::args_os().skip(1)).map_err(|exit| {
        if exit.code == 0 {
            print!("{}", exit.text);
            return ExitCode::SUCCESS;
        }
        eprint!("{}", exit.text);
        ExitCode::from(2)
    })
}

/// Loads the configuration from the real environment and files. The error is printed here.
///
/// # Errors
/// Exit status 1.
pub fn load(options: &CliOptions) -> Result<Loaded, ExitCode> {
    let env = |name: &str| std::env::var(name).ok();
    let loaded = stringendo_config::load(options, &env, &|path| std::fs::read_to_string(path));
    loaded.map_err(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

/// `-config.verify`: prints warnings, one a line; status 0 if there are none.
#[must_use]
pub fn verify(options: &CliOptions) -> ExitCode {
    match load(options) {
        Err(status) => status,
        Ok(loaded) if loaded.warnings.is_empty() => ExitCode::SUCCESS,
        Ok(loaded) => {
            for warning in &loaded.warnings {
                eprintln!("warning: {warning}");
            }
            ExitCode::FAILURE
        }
    }
}

/// `-health`: asks the URL and prints what it said; status 0 if it answered 200.
#[must_use]
pub fn health(url: &str) -> ExitCode {
    match probe(url) {
        Ok(()) => {
            println!("{url} is healthy");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{url} is not healthy: {why}");
            ExitCode::FAILURE
        }
    }
}

/// One GET of an `http://` URL; anything but status 200 is an error.
fn probe(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("http://").ok_or("only http:// URLs can be asked")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let has_port = authority.rsplit(']').next().is_some_and(|tail| tail.contains(':'));
    let target = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    let answer = exchange(&target, &request(authority, path))
        .map_err(|error| format!("{target}: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split_whitespace().nth(1) {
        Some("200") => Ok(()),
        Some(status) => Err(format!("status {status}: {}", body.trim())),
        None => Err("the answer is not HTTP".to_owned()),
    }
}

fn request(authority: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")
}

/// Sends to the first address that takes a connection, and reads until the other side closes.
fn exchange(target: &str, request: &str) -> std::io::Result<String> {
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in target.to_socket_addrs()? {
        let mut stream = match TcpStream::connect_timeout(&address, PROBE_TIMEOUT) {
            Ok(stream) => stream,
            Err(error) => {
                last = error;
                continue;
            }
        };
        stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
        stream.set_write_timeout(Some(PROBE_TIMEOUT))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(PROBE_ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        return Ok(String::from_utf8_lossy(&answer).into_owned());
    }
    Err(last)
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
