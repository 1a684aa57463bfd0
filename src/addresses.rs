//! From names and ports of the configuration to addresses that the cores bind.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use stringendo_config::Endpoint;
use stringendo_ring::net::{ensure_free, resolve};

/// How often, and with which pause between, a port that is in use is tried again: 2 s in all. The
/// kernel closes the listeners of a killed process some milliseconds after the process is gone
/// (it first takes down its rings), and service managers start the next one at once.
const TRIES: u32 = 80;
const PAUSE: Duration = Duration::from_millis(25);

/// Addresses to listen on for an endpoint: free, and of a kind that this host has.
///
/// A name may stand for addresses that the host lacks (`localhost` where IPv6 is off); those are
/// left out as long as one remains. An empty host is every address: IPv6's, which takes IPv4 too,
/// or else IPv4's.
///
/// # Errors
/// With the name or the port, and what to do.
pub fn to_bind(endpoint: &Endpoint) -> io::Result<Vec<SocketAddr>> {
    if endpoint.port == 0 {
        let text = format!("{endpoint}: port 0 cannot be shared by the cores; name a port");
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    }
    if endpoint.host.is_empty() {
        return every_address(endpoint.port).map(|address| vec![address]);
    }
    bindable(&resolve(&endpoint.to_string())?)
}

fn every_address(port: u16) -> io::Result<SocketAddr> {
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    match ensure_free_soon(v6) {
        Ok(()) => Ok(v6),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(error),
        Err(_no_ipv6) => {
            let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
            ensure_free_soon(v4).map(|()| v4)
        }
    }
}

fn bindable(addresses: &[SocketAddr]) -> io::Result<Vec<SocketAddr>> {
    let (mut free, mut lacking) = (Vec::new(), None);
    for address in addresses {
        match ensure_free_soon(*address) {
            Ok(()) => free.push(*address),
            Err(error) if is_lacking(&error) => lacking = Some(error),
            Err(error) => return Err(error),
        }
    }
    match lacking {
        Some(error) if free.is_empty() => Err(error),
        _ => Ok(free),
    }
}

fn ensure_free_soon(address: SocketAddr) -> io::Result<()> {
    for _ in 0..TRIES {
        match ensure_free(address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => pause(),
            outcome => return outcome,
        }
    }
    ensure_free(address)
}

#[expect(clippy::disallowed_methods, reason = "before the start there are no shards to hold up")]
fn pause() {
    std::thread::sleep(PAUSE);
}

/// Whether the host has no such address, or no such kind of addresses.
fn is_lacking(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported)
}

#[cfg(test)]
#[path = "addresses_tests.rs"]
mod tests;
