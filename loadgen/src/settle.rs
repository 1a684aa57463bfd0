//! After a run: asks the server to flush, and waits until it has no work left, so that the CPU
//! time of everything it does for a span can be counted.

use std::time::Duration;

use bytes::Bytes;
use monoio::time::sleep;

use crate::clock::Stopwatch;
use crate::http1::{Connection, Request};
use crate::options::{Endpoint, LoadError};
use crate::process::usage;
use crate::runtime::block_on;

/// How often the server's CPU time is looked at.
const POLL: Duration = Duration::from_millis(250);
/// This many quiet looks in a row mean idle.
const QUIET_POLLS: u32 = 6;
/// Below this much CPU time per look the server is quiet (6 %: timers, metrics, this very poll).
const QUIET_CPU_S: f64 = 0.015;
/// The longest wait.
const SETTLE_MAX_S: f64 = 180.0;

/// Posts `/flush` to the server and returns when process `pid` has become idle; says whether it
/// did within three minutes.
///
/// # Errors
/// The API refuses, or the process is gone.
pub fn flush_and_settle(http: &Endpoint, pid: u32) -> Result<bool, LoadError> {
    block_on(async {
        flush(http).await?;
        wait_until_idle(pid).await
    })?
}

async fn flush(http: &Endpoint) -> Result<(), LoadError> {
    let what = format!("POST /flush on {}", http.authority);
    let error = |reason: String| LoadError::Api { what: what.clone(), reason };
    let mut connection = Connection::open(http).await.map_err(|e| error(e.to_string()))?;
    let request = Request { method: "POST", path: "/flush", headers: "", body: Bytes::new() };
    let response = connection.send(request).await.map_err(|e| error(e.to_string()))?;
    match response.status {
        200..=299 => Ok(()),
        status => Err(error(format!("status {status}"))),
    }
}

async fn wait_until_idle(pid: u32) -> Result<bool, LoadError> {
    let watch = Stopwatch::start();
    let (mut last_s, mut quiet) = (usage(pid)?.cpu_s, 0);
    while quiet < QUIET_POLLS {
        if watch.elapsed_s() > SETTLE_MAX_S {
            return Ok(false);
        }
        sleep(POLL).await;
        let now_s = usage(pid)?.cpu_s;
        quiet = if now_s - last_s <= QUIET_CPU_S { quiet + 1 } else { 0 };
        last_s = now_s;
    }
    Ok(true)
}
