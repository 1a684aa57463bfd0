//! `server`: listeners of the API, and logs (config.md §3.1).

use serde::Serialize;
use std::time::Duration;

use crate::duration::as_text;

/// Listeners of the API, and logs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Server {
    /// Address that the HTTP API binds; empty is every address.
    pub http_listen_address: String,
    /// Port of the HTTP API.
    pub http_listen_port: u16,
    /// Open HTTP connections at once; 0 is no limit.
    pub http_listen_conn_limit: u64,
    /// Address that the gRPC API binds; empty is every address.
    pub grpc_listen_address: String,
    /// Port of the gRPC API.
    pub grpc_listen_port: u16,
    /// Open gRPC connections at once; 0 is no limit.
    pub grpc_listen_conn_limit: u64,
    /// How long requests in flight may take after SIGTERM.
    #[serde(serialize_with = "as_text")]
    pub graceful_shutdown_timeout: Duration,
    /// Time to read one whole request; zero is no limit.
    #[serde(serialize_with = "as_text")]
    pub http_server_read_timeout: Duration,
    /// Time to read a request's head; zero means `http_server_read_timeout`.
    #[serde(serialize_with = "as_text")]
    pub http_server_read_header_timeout: Duration,
    /// Time to answer one request; zero is no limit.
    #[serde(serialize_with = "as_text")]
    pub http_server_write_timeout: Duration,
    /// How long a kept-alive connection may be idle; zero is no limit.
    #[serde(serialize_with = "as_text")]
    pub http_server_idle_timeout: Duration,
    /// Largest gRPC message taken, bytes.
    pub grpc_server_max_recv_msg_size: u64,
    /// Largest gRPC message sent, bytes.
    pub grpc_server_max_send_msg_size: u64,
    /// Streams at once on one gRPC connection; 0 is no limit.
    pub grpc_server_max_concurrent_streams: u32,
    /// Form of log lines.
    pub log_format: LogFormat,
    /// Least severe level that is logged.
    pub log_level: LogLevel,
    /// Put before every path of the HTTP server (API and operations), empty or starting with `/`.
    pub http_path_prefix: String,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            http_listen_address: String::new(),
            http_listen_port: 3200,
            http_listen_conn_limit: 0,
            grpc_listen_address: String::new(),
            grpc_listen_port: 9095,
            grpc_listen_conn_limit: 0,
            graceful_shutdown_timeout: Duration::from_secs(30),
            http_server_read_timeout: Duration::from_secs(30),
            http_server_read_header_timeout: Duration::ZERO,
            http_server_write_timeout: Duration::from_secs(30),
            http_server_idle_timeout: Duration::from_secs(120),
            grpc_server_max_recv_msg_size: 16 << 20,
            grpc_server_max_send_msg_size: 16 << 20,
            grpc_server_max_concurrent_streams: 100,
            log_format: LogFormat::Logfmt,
            log_level: LogLevel::Info,
            http_path_prefix: String::new(),
        }
    }
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Least severe level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Everything of use to a developer.
    Debug,
    /// What an operator may want to know.
    Info,
    /// What an operator should look at.
    Warn,
    /// What went wrong.
    Error,
}

impl LogLevel {
    /// The level as Tempo's configuration spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}
