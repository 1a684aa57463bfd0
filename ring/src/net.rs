//! Sockets, as the tokio-style traits that `h2` takes and hyper's own.
//!
//! Bytes come from the kernel in large reads into a buffer that is lent by the core only while it
//! holds unread bytes, so an idle connection costs no buffer. They go to `h2` or hyper, which
//! know the protocols; nothing here does.
//!
//! A connection that receives faster than its readers look reads so much and then gives way, even
//! if there is more: what its protocol makes of the bytes is in buffers of its own until the tasks
//! that it is for have had their turn.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::ReadBufCursor;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::ReadBuf;

use crate::backend;
use read_ahead::ReadAhead;

mod read_ahead;

/// Connections that wait to be accepted, per core.
const BACKLOG: i32 = 1024;

/// A listening TCP socket. Every core binds the same address (`SO_REUSEPORT`) and the kernel
/// spreads connections over them.
pub struct TcpListener {
    inner: backend::net::Listener,
}

impl TcpListener {
    /// Binds and listens.
    ///
    /// # Errors
    /// With the address and, where it is known, who holds it or what is missing.
    ///
    /// # Panics
    /// Outside of a core of [`run`](crate::run).
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = listen(address, true).map_err(|error| explain_bind(address, &error))?;
        Ok(Self { inner: backend::net::Listener::from_std(listener) })
    }

    /// The bound address (the port is known even if 0 was asked for).
    ///
    /// # Errors
    /// From the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// The next connection. It sends without delay (`TCP_NODELAY`).
    ///
    /// # Errors
    /// From the operating system; transient ones (out of descriptors) are worth a pause and a
    /// retry.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        TcpStream::new(self.inner.accept().await?)
    }
}

/// Checks that nobody listens on `address`: to be called once, before the cores bind it. Without
/// this check a second process of the same user would share the port unnoticed, because all
/// listeners set `SO_REUSEPORT`.
///
/// # Errors
/// As for [`TcpListener::bind`].
pub fn ensure_free(address: SocketAddr) -> io::Result<()> {
    listen(address, false).map(drop).map_err(|error| explain_bind(address, &error))
}

/// The addresses of `host:port`, where the host is a name or an IP address. Asks the system's
/// resolver and blocks until it answers: for the start, or on a thread aside.
///
/// # Errors
/// With the name, when it has no address.
pub fn resolve(host_and_port: &str) -> io::Result<Vec<SocketAddr>> {
    let describe = |error: io::Error| {
        io::Error::new(error.kind(), format!("address {host_and_port:?}: {error}"))
    };
    let addresses: Vec<_> = host_and_port.to_socket_addrs().map_err(describe)?.collect();
    if addresses.is_empty() {
        return Err(describe(io::Error::new(ErrorKind::NotFound, "the name has no address")));
    }
    Ok(addresses)
}

fn listen(address: SocketAddr, is_shared: bool) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier process that linger (TIME_WAIT) must not hinder a restart.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(is_shared)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn explain_bind(address: SocketAddr, error: &io::Error) -> io::Error {
    let port = address.port();
    let advice = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "another process listens there; `ss -ltnp 'sport = :{port}'` shows which (as root)"
        ),
        ErrorKind::PermissionDenied if port < 1024 => {
            "ports below 1024 need CAP_NET_BIND_SERVICE; a higher port does not".to_owned()
        }
        ErrorKind::AddrNotAvailable => {
            "this machine has no such address; `ip address` lists what it has".to_owned()
        }
        _ => "see the operating system's error before".to_owned(),
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}: {advice}"))
}

/// Bytes that one connection receives before other tasks of its class get a turn.
const TURN_BYTES: usize = read_ahead::BUFFER_BYTES;

/// A connection, read through a large buffer (without which io_uring reads cost 60 % more).
pub struct TcpStream {
    socket: backend::net::Socket,
    unread: ReadAhead,
    /// Bytes received since the last time that this gave way or had nothing.
    turn_bytes: usize,
}

impl TcpStream {
    fn new(socket: backend::net::Socket) -> io::Result<Self> {
        socket.set_nodelay()?;
        Ok(Self { socket, unread: ReadAhead::default(), turn_bytes: 0 })
    }

    /// Connects to `address`.
    ///
    /// # Errors
    /// With the address.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let describe = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot connect to {address}: {error}"))
        };
        let socket = backend::net::Socket::connect(address).await.map_err(describe)?;
        Self::new(socket).map_err(describe)
    }

    /// The other side.
    ///
    /// # Errors
    /// From the operating system.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    /// This side.
    ///
    /// # Errors
    /// From the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Bytes that were received and are not yet read; none at the end of the stream. What is used
    /// of them is told to [`TcpStream::consume`].
    ///
    /// # Errors
    /// From the operating system.
    pub fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.unread.is_empty() {
            ready!(self.poll_receive(context))?;
        }
        Poll::Ready(Ok(self.unread.bytes()))
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.turn_bytes >= TURN_BYTES {
            self.turn_bytes = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Self { socket, unread, .. } = self;
        let received = unread.poll_fill(|buf| socket.poll_read(context, buf));
        self.turn_bytes =
            if received.is_ready() { self.turn_bytes + unread.bytes().len() } else { 0 };
        received
    }

    /// Whether the peer's first bytes are these; they stay unread. Waits until that is known, which
    /// is as soon as a byte differs.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn begins_with(&mut self, expected: &[u8]) -> io::Result<bool> {
        poll_fn(|context| self.poll_begins_with(expected, context)).await
    }

    fn poll_begins_with(
        &mut self,
        expected: &[u8],
        context: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        loop {
            let known = self.unread.bytes();
            let compared = known.len().min(expected.len());
            if known[..compared] != expected[..compared] {
                return Poll::Ready(Ok(false));
            }
            if compared == expected.len() {
                return Poll::Ready(Ok(true));
            }
            let Self { socket, unread, .. } = self;
            if ready!(unread.poll_more(|buf| socket.poll_read(context, buf)))? == 0 {
                return Poll::Ready(Ok(false));
            }
        }
    }

    /// Marks the first `count` received bytes as read.
    pub fn consume(&mut self, count: usize) {
        self.unread.consume(count);
    }
}

impl tokio::io::AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let bytes = ready!(stream.poll_fill(context))?;
        let count = bytes.len().min(buf.remaining());
        buf.put_slice(&bytes[..count]);
        stream.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Read for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let bytes = ready!(stream.poll_fill(context))?;
        let count = bytes.len().min(buf.remaining());
        buf.put_slice(&bytes[..count]);
        stream.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().socket.poll_write(context, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was written is with the kernel already.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().socket.poll_shutdown(context)
    }
}

impl hyper::rt::Write for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        tokio::io::AsyncWrite::poll_write(self, context, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        tokio::io::AsyncWrite::poll_flush(self, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        tokio::io::AsyncWrite::poll_shutdown(self, context)
    }
}
