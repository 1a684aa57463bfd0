//! Sockets: plain, unbuffered, by readiness. glommio tries the system call first and asks the ring
//! only when it would block.
#![allow(unsafe_code)]

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::{FromRawFd, IntoRawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use glommio::net::{TcpListener, TcpStream};

/// A listening socket of this core.
pub(crate) struct Listener {
    inner: TcpListener,
}

impl Listener {
    /// Takes a socket that listens already.
    pub(crate) fn from_std(listener: StdListener) -> Self {
        // SAFETY: `into_raw_fd` gives up the ownership of an open listening socket, and it is
        // handed to exactly one new owner, who closes it.
        let inner = unsafe { TcpListener::from_raw_fd(listener.into_raw_fd()) };
        Self { inner }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr().map_err(io::Error::from)
    }

    pub(crate) async fn accept(&self) -> io::Result<Socket> {
        let inner = self.inner.accept().await.map_err(io::Error::from)?;
        Ok(Socket { inner })
    }
}

/// A connection.
pub(crate) struct Socket {
    inner: TcpStream,
}

impl Socket {
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let inner = TcpStream::connect(address).await.map_err(io::Error::from)?;
        Ok(Self { inner })
    }

    pub(crate) fn set_nodelay(&self) -> io::Result<()> {
        self.inner.set_nodelay(true).map_err(io::Error::from)
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr().map_err(io::Error::from)
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr().map_err(io::Error::from)
    }

    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_read(context, buf)
    }

    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, buf)
    }

    /// Closes the sending half: the other side reads the end of the stream.
    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(context)
    }
}
