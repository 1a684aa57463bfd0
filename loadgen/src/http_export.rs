//! OTLP HTTP with protobuf bodies (contract of OTLP 1.x: `POST /v1/traces`).

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use stringendo_proto::otlp::ExportTraceServiceResponse;

use crate::export::Outcome;
use crate::http1::{Connection, Request, Response};
use crate::options::{Compression, Endpoint, RunOptions};

/// One connection; see [`crate::http1`].
#[derive(Clone)]
pub struct HttpClient {
    /// Taken out while a request is under way; absent after an error, then opened again.
    connection: Rc<RefCell<Option<Connection>>>,
    endpoint: Endpoint,
    headers: Rc<str>,
}

impl HttpClient {
    /// Connects.
    ///
    /// # Errors
    /// What the socket said.
    pub async fn open(options: &RunOptions) -> Result<Self, String> {
        let opened = Connection::open(&options.endpoint).await.map_err(|e| e.to_string())?;
        let mut headers = String::from("Content-Type: application/x-protobuf\r\n");
        if options.compression != Compression::None {
            headers.push_str("Content-Encoding: gzip\r\n");
        }
        if let Some(tenant) = &options.tenant {
            headers.push_str(&format!("X-Scope-OrgID: {tenant}\r\n"));
        }
        let connection = Rc::new(RefCell::new(Some(opened)));
        Ok(Self { connection, endpoint: options.endpoint.clone(), headers: headers.into() })
    }

    /// Posts one batch.
    pub async fn export(&mut self, body: Bytes) -> Outcome {
        let mut connection = match self.take().await {
            Ok(connection) => connection,
            Err(error) => return Outcome::Disconnected(error.to_string()),
        };
        let request = Request { method: "POST", path: "/v1/traces", headers: &self.headers, body };
        match connection.send(request).await {
            Ok(response) => {
                if !connection.is_closing() {
                    *self.connection.borrow_mut() = Some(connection);
                }
                judge(&response)
            }
            Err(error) => Outcome::Disconnected(error.to_string()),
        }
    }

    async fn take(&self) -> std::io::Result<Connection> {
        let kept = self.connection.borrow_mut().take();
        match kept {
            Some(connection) => Ok(connection),
            None => Connection::open(&self.endpoint).await,
        }
    }
}

fn judge(response: &Response) -> Outcome {
    let reason = || {
        let status = stringendo_proto::rpc::Status::decode(response.body.clone());
        let text = status.map(|status| status.message);
        let text = text.unwrap_or_else(|_| String::from_utf8_lossy(&response.body).into_owned());
        format!("HTTP {}: {}", response.status, text.trim())
    };
    match response.status {
        200 => judge_success(&response.body),
        429 | 502 | 503 | 504 => {
            let seconds = response.header("retry-after").and_then(|value| value.parse().ok());
            Outcome::Refused { retry_after: seconds.map(Duration::from_secs), reason: reason() }
        }
        _ => Outcome::Failed(reason()),
    }
}

/// Reads the success message: spans may have been refused even then.
pub fn judge_success(body: &[u8]) -> Outcome {
    match ExportTraceServiceResponse::decode(body) {
        Ok(ExportTraceServiceResponse { partial_success: Some(partial) })
            if partial.rejected_spans != 0 =>
        {
            let (spans, why) = (partial.rejected_spans, partial.error_message);
            Outcome::Failed(format!("partial success: {spans} spans refused: {why}"))
        }
        Ok(_) => Outcome::Acknowledged,
        Err(error) => Outcome::Failed(format!("the answer cannot be decoded: {error}")),
    }
}
