//! Sockets, as the tokio-style traits that `h2` takes and hyper's own.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A listening TCP socket. Every core binds the same address (`SO_REUSEPORT`) and the kernel
/// spreads connections over them.
pub struct TcpListener {
    _private: (),
}

impl TcpListener {
    /// Binds and listens.
    ///
    /// # Errors
    /// With the address and, where it is known, who holds it or what is missing.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let _ = address;
        todo!()
    }

    /// The bound address (the port is known even if 0 was asked for).
    ///
    /// # Errors
    /// From the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        todo!()
    }

    /// The next connection.
    ///
    /// # Errors
    /// From the operating system; transient ones (out of descriptors) are worth a pause and a retry.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        todo!()
    }
}

/// A connection, read through a large buffer (without which io_uring reads cost 60 % more).
pub struct TcpStream {
    _private: (),
}

impl TcpStream {
    /// The other side.
    ///
    /// # Errors
    /// From the operating system.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        todo!()
    }
}

impl tokio::io::AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let _ = (context, buf);
        todo!()
    }
}

impl tokio::io::AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let _ = (context, buf);
        todo!()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = context;
        todo!()
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = context;
        todo!()
    }
}
