//! Ports that belong to one server for as long as it lives, over restarts, whatever other tests
//! and processes do.

use std::net::{Ipv4Addr, TcpListener};

/// Below the range from which the system takes ports for outgoing connections.
const FIRST: u16 = 20_000;
const GROUPS: u16 = 1_600;
/// The port that marks a group as taken, and those of the server.
const GROUP_PORTS: u16 = 5;

/// The ports of one server, on 127.0.0.1.
#[derive(Debug)]
pub struct Ports {
    /// Tempo's HTTP API.
    pub api: u16,
    /// OTLP over gRPC.
    pub otlp_grpc: u16,
    /// OTLP over HTTP.
    pub otlp_http: u16,
    /// Queries over gRPC.
    pub grpc_api: u16,
    /// Bound without sharing, so that no other test takes the group.
    _mark: TcpListener,
}

impl Ports {
    /// Takes a free group of ports.
    pub fn take() -> Self {
        let start = (std::process::id() % u32::from(GROUPS)) as u16;
        (0..GROUPS)
            .map(|step| FIRST + (start + step) % GROUPS * GROUP_PORTS)
            .find_map(Self::take_group)
            .expect("some group of ports is free")
    }

    fn take_group(first: u16) -> Option<Self> {
        let _mark = bind(first)?;
        let rest: Option<Vec<_>> = (first + 1..first + GROUP_PORTS).map(bind).collect();
        rest?;
        let (api, otlp_grpc, otlp_http, grpc_api) = (first + 1, first + 2, first + 3, first + 4);
        Some(Self { api, otlp_grpc, otlp_http, grpc_api, _mark })
    }
}

fn bind(port: u16) -> Option<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()
}
