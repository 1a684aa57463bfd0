//! Asks the API over HTTP, as Grafana would.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use stringendo_loadgen::Endpoint;
use stringendo_loadgen::http1::{Connection, Request};
use stringendo_loadgen::runtime::block_on;

use super::DemoError;

/// Between two questions whether the server is ready.
const READY_PAUSE: Duration = Duration::from_millis(50);
/// A start takes longer than this only while a large log is read back, which goes on regardless.
const READY_WAITS_MAX: u32 = 20 * 60;

/// A client of the API on this machine.
pub struct Client {
    api: Endpoint,
}

impl Client {
    /// For `host:port`.
    pub fn new(api: &str) -> Result<Self, DemoError> {
        Ok(Self { api: Endpoint::parse(api)? })
    }

    /// Returns when `/ready` says yes.
    #[expect(clippy::disallowed_methods, reason = "this thread is no core; it may sleep")]
    pub fn wait_until_ready(&self) -> Result<(), DemoError> {
        for _ in 0..READY_WAITS_MAX {
            if matches!(self.ask("/ready"), Ok((200, _))) {
                return Ok(());
            }
            std::thread::sleep(READY_PAUSE);
        }
        Err(failure("/ready", "the server has not become ready within a minute".to_owned()))
    }

    /// The JSON of an answer with status 200.
    pub fn json(&self, path: &str) -> Result<Value, DemoError> {
        let (status, body) = self.ask(path)?;
        if status != 200 {
            let text = String::from_utf8_lossy(&body);
            return Err(failure(path, format!("status {status}: {text}")));
        }
        serde_json::from_slice(&body).map_err(|error| failure(path, error.to_string()))
    }

    fn ask(&self, path: &str) -> Result<(u16, Bytes), DemoError> {
        let answered = block_on(async {
            let mut connection = Connection::open(&self.api).await?;
            let headers = "Accept: application/json\r\nConnection: close\r\n";
            let request = Request { method: "GET", path, headers, body: Bytes::new() };
            connection.send(request).await
        })?;
        let response = answered.map_err(|error| failure(path, error.to_string()))?;
        Ok((response.status, response.body))
    }
}

fn failure(path: &str, reason: String) -> DemoError {
    DemoError::Ask { what: format!("GET {path}"), reason }
}
