//! One server of memcached: its connections, in plain TCP or TLS, and questions over them.
//!
//! From: [`super`], which knows which server has a key. Connections are used by one question at a
//! time and kept for the next ones; one whose question failed, or was given up, is closed.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::wire::{self, Answer};

/// Connections to one server at a time; more questions wait.
const CONNECTIONS_MAX: usize = 64;

/// How to reach a server.
#[derive(Clone)]
pub(super) struct Reach {
    /// Of connecting.
    pub(super) connect_timeout: Duration,
    /// Of a question, connecting included.
    pub(super) timeout: Duration,
    /// Connections that are kept without a use.
    pub(super) idle_max: usize,
    /// TLS, or plain TCP.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

/// A server's connections.
pub(super) struct Server {
    /// `host:port`.
    address: String,
    /// What its certificate is for.
    host: String,
    reach: Reach,
    places: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

struct Connection(BufReader<Box<dyn Stream>>);

impl Server {
    pub(super) fn new(address: String, host: String, reach: Reach) -> Self {
        let places = Semaphore::new(CONNECTIONS_MAX);
        Self { address, host, reach, places, idle: Mutex::default() }
    }

    /// Sends a command and reads the answer.
    ///
    /// # Errors
    /// The server cannot be reached, is too slow, or does not talk memcached's protocol.
    pub(super) async fn ask(&self, command: &[u8]) -> io::Result<Answer> {
        timeout(self.reach.timeout, self.ask_now(command)).await?
    }

    async fn ask_now(&self, command: &[u8]) -> io::Result<Answer> {
        let _place = self.places.acquire().await.map_err(io::Error::other)?;
        while let Some(connection) = self.take_idle() {
            // The server may have closed it meanwhile; the commands here can be sent twice.
            if let Some(connection) = connection.if_quiet()
                && let Ok(answer) = self.ask_over(connection, command).await
            {
                return Ok(answer);
            }
        }
        let connection = timeout(self.reach.connect_timeout, self.connect()).await??;
        self.ask_over(connection, command).await
    }

    async fn ask_over(&self, mut connection: Connection, command: &[u8]) -> io::Result<Answer> {
        connection.0.write_all(command).await?;
        connection.0.flush().await?;
        let answer = wire::read(&mut connection.0).await?;
        let mut idle = self.idle();
        // After a refusal it is not certain where the next answer begins.
        if !matches!(answer, Answer::Refused(_)) && idle.len() < self.reach.idle_max {
            idle.push(connection);
        }
        Ok(answer)
    }

    async fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.reach.tls {
            None => Box::new(stream),
            Some(config) => {
                let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
                let connector = TlsConnector::from(Arc::clone(config));
                Box::new(connector.connect(name, stream).await?)
            }
        };
        Ok(Connection(BufReader::new(stream)))
    }

    fn take_idle(&self) -> Option<Connection> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Itself, unless it was closed or has something to read, which nobody asked for.
    fn if_quiet(mut self) -> Option<Self> {
        let (mut byte, mut context) = ([0; 1], Context::from_waker(Waker::noop()));
        let mut byte = ReadBuf::new(&mut byte);
        let has_no_rest = self.0.buffer().is_empty();
        let polled = Pin::new(self.0.get_mut()).poll_read(&mut context, &mut byte);
        (has_no_rest && polled.is_pending()).then_some(self)
    }
}
