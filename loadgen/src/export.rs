//! What a request can come to, for both protocols, and the compression of its body.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::write::GzEncoder;

use crate::grpc::GrpcClient;
use crate::http_export::HttpClient;
use crate::options::{Compression, Protocol, RunOptions};
use crate::template::{GRPC_PREFIX_BYTES, grpc_frame};

/// What became of one request.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The server has all spans.
    Acknowledged,
    /// The server is overloaded or away and says so.
    Refused {
        /// When to try again, if it said so.
        retry_after: Option<Duration>,
        /// Status and message.
        reason: String,
    },
    /// Another answer than these: a bad status, a partial success.
    Failed(String),
    /// The connection broke before the answer came.
    Disconnected(String),
    /// No answer came in time.
    TimedOut,
}

/// A connection that can carry requests.
#[derive(Clone)]
pub enum Client {
    /// OTLP gRPC; clones share the connection.
    Grpc(GrpcClient),
    /// OTLP HTTP; one request at a time.
    Http(HttpClient),
}

impl Client {
    /// Connects as `options` say.
    ///
    /// # Errors
    /// What the socket or the handshake said.
    pub async fn open(options: &RunOptions) -> Result<Self, String> {
        match options.protocol {
            Protocol::Grpc => GrpcClient::open(options).await.map(Client::Grpc),
            Protocol::Http => HttpClient::open(options).await.map(Client::Http),
        }
    }

    /// Closes the connection in order, once no other clone is left.
    pub async fn close(self) {
        match self {
            Client::Grpc(client) => client.close().await,
            // HTTP/1.1 has no farewell.
            Client::Http(_) => {}
        }
    }

    /// Sends one batch, given with its gRPC prefix.
    pub async fn export(&mut self, framed: Bytes, compression: Compression) -> Outcome {
        let message = || framed.slice(GRPC_PREFIX_BYTES..);
        match (self, compression) {
            (Client::Grpc(client), Compression::None) => client.export(framed).await,
            (Client::Http(client), Compression::None) => client.export(message()).await,
            (client, Compression::Gzip(level)) => match gzip(&message(), level) {
                Ok(body) => client.export_compressed(body).await,
                Err(error) => Outcome::Failed(format!("gzip: {error}")),
            },
        }
    }

    async fn export_compressed(&mut self, body: Bytes) -> Outcome {
        match self {
            Client::Grpc(client) => client.export(grpc_frame(true, &body)).await,
            Client::Http(client) => client.export(body).await,
        }
    }
}

fn gzip(message: &[u8], level: u32) -> std::io::Result<Bytes> {
    let buffer = Vec::with_capacity(message.len() / 6);
    let mut encoder = GzEncoder::new(buffer, flate2::Compression::new(level));
    encoder.write_all(message)?;
    encoder.finish().map(Bytes::from)
}
