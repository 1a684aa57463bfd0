//! A proxy that does harm: it hands HTTP/1.1 requests on to a server, but for those that it was
//! told to spoil.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::message::{Message, Request};
use crate::tls::Tls;

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server does not see it; the client gets this status.
    Status(u16),
    /// The server does not see it; the client hears nothing for so long, then the connection ends.
    Silence(Duration),
    /// The server does what it says; the client gets this many bytes of the answer's body, then the
    /// connection ends.
    Truncate(usize),
    /// The server does what it says; the client gets so many bytes more than there are.
    Longer(usize),
    /// The server does what it says; the answer's body comes in four parts with so long between.
    Slow(Duration),
    /// The server does not see it; the client is told that it is done.
    FalseSuccess,
    /// The client gets the first answer that there was to the same target.
    Stale,
    /// The server does what it says; the client is told that it failed.
    FalseFailure,
    /// The server does not see it; the client is told that its credentials have expired.
    Expired,
}

type Matches = Box<dyn Fn(&Request) -> bool + Send>;

struct Rule {
    matches: Matches,
    fault: Fault,
    times_left: usize,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    seen: Vec<Request>,
    /// First answers of listings.
    answers: HashMap<String, Vec<u8>>,
}

/// A running proxy. Its threads end with the process.
#[derive(Clone)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    tls: Option<Arc<ServerConfig>>,
    keeps_authorization: bool,
}

/// A connection to a client.
trait Client: Read + Write {
    /// Ends it in both directions.
    fn end(&mut self) -> io::Result<()>;
}

impl Client for TcpStream {
    fn end(&mut self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Both)
    }
}

impl Client for StreamOwned<ServerConnection, TcpStream> {
    fn end(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()?;
        self.sock.end()
    }
}

impl Proxy {
    /// Listens, and hands on to `server`.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn start(server: SocketAddr) -> Self {
        Self::listening(server, None, true)
    }

    /// The same for clients that speak TLS.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn with_tls(server: SocketAddr, tls: Tls) -> Self {
        Self::listening(server, Some(tls.server_config()), true)
    }

    /// The same before a server that does not know the clients' kind of authorization, which it
    /// does not see.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn without_authorization(server: SocketAddr) -> Self {
        Self::listening(server, None, false)
    }

    fn listening(
        server: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        keeps_authorization: bool,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let proxy = Self { address, state: Arc::default(), tls, keeps_authorization };
        let accepting = proxy.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let proxy = accepting.clone();
                // A client or server that goes away ends the connection, no more.
                thread::spawn(move || drop(proxy.accepted(client, server)));
            }
        });
        proxy
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Spoils the next `times` requests that match.
    pub fn spoil(
        &self,
        times: usize,
        fault: Fault,
        matches: impl Fn(&Request) -> bool + Send + 'static,
    ) {
        self.state().rules.push(Rule { matches: Box::new(matches), fault, times_left: times });
    }

    /// Spoils no more.
    pub fn heal(&self) {
        self.state().rules.clear();
    }

    /// All requests so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Request> {
        self.state().seen.clone()
    }

    /// How many requests there were that match.
    #[must_use]
    pub fn count(&self, matches: impl Fn(&Request) -> bool) -> usize {
        self.state().seen.iter().filter(|request| matches(request)).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accepted(&self, client: TcpStream, server: SocketAddr) -> io::Result<()> {
        match &self.tls {
            None => self.serve(client, server),
            Some(tls) => {
                let connection =
                    ServerConnection::new(Arc::clone(tls)).map_err(io::Error::other)?;
                self.serve(StreamOwned::new(connection, client), server)
            }
        }
    }

    fn serve(&self, client: impl Client, server: SocketAddr) -> io::Result<()> {
        let mut client = BufReader::new(client);
        while let Some(mut message) = Message::read_request(&mut client)? {
            let fault = self.fault_for(message.request());
            if !self.keeps_authorization {
                message.remove_header("authorization");
            }
            match self.answer(&message, fault, server, client.get_mut())? {
                Connection::Stays => {}
                Connection::Ends => return client.get_mut().end(),
            }
        }
        Ok(())
    }

    fn fault_for(&self, request: Request) -> Option<Fault> {
        let mut state = self.state();
        let rule =
            state.rules.iter_mut().find(|rule| rule.times_left > 0 && (rule.matches)(&request));
        let fault = rule.map(|rule| {
            rule.times_left -= 1;
            rule.fault
        });
        state.seen.push(request);
        fault
    }

    fn answer(
        &self,
        message: &Message,
        fault: Option<Fault>,
        server: SocketAddr,
        client: &mut impl Client,
    ) -> io::Result<Connection> {
        match fault {
            Some(Fault::Status(status)) => reply(client, status, ""),
            Some(Fault::Expired) => expired(client, message),
            Some(Fault::FalseSuccess) => reply(client, 200, "ETag: \"0123456789abcdef\"\r\n"),
            Some(Fault::Silence(duration)) => {
                thread::sleep(duration);
                Ok(Connection::Ends)
            }
            Some(Fault::Stale) => match self.state().answers.get(&message.request().target) {
                Some(answer) => client.write_all(answer).map(|()| Connection::Ends),
                None => reply(client, 503, ""),
            },
            Some(Fault::FalseFailure) => {
                exchange(message, server)?;
                reply(client, 500, "")
            }
            Some(Fault::Truncate(bytes)) => {
                let answer = exchange(message, server)?;
                client.write_all(&answer.head)?;
                client.write_all(&answer.body[..bytes.min(answer.body.len())])?;
                Ok(Connection::Ends)
            }
            Some(Fault::Longer(bytes)) => {
                let mut answer = exchange(message, server)?;
                answer.remove_header("content-length");
                let length = format!("Content-Length: {}", answer.body.len() + bytes);
                client.write_all(&answer.head_with(&length))?;
                client.write_all(&answer.body)?;
                client.write_all(&vec![0; bytes])?;
                Ok(Connection::Ends)
            }
            Some(Fault::Slow(pause)) => {
                let answer = exchange(message, server)?;
                client.write_all(&answer.head)?;
                for part in answer.body.chunks(answer.body.len().div_ceil(4).max(1)) {
                    thread::sleep(pause);
                    client.write_all(part)?;
                }
                Ok(Connection::Ends)
            }
            None => self.hand_on(message, server, client),
        }
    }

    fn hand_on(
        &self,
        message: &Message,
        server: SocketAddr,
        client: &mut impl Client,
    ) -> io::Result<Connection> {
        let answer = exchange(message, server)?;
        let whole = [answer.head.as_slice(), &answer.body].concat();
        client.write_all(&whole)?;
        let request = message.request();
        if request.method == "GET" && request.target.contains("list-type=2") {
            self.state().answers.entry(request.target).or_insert(whole);
        }
        // The server was asked to end its connection, and says so to the client.
        Ok(Connection::Ends)
    }
}

enum Connection {
    Stays,
    Ends,
}

fn exchange(message: &Message, server: SocketAddr) -> io::Result<Message> {
    let mut upstream = TcpStream::connect(server)?;
    upstream.write_all(&message.head_with("Connection: close"))?;
    upstream.write_all(&message.body)?;
    Message::read_answer(&mut upstream)
}

fn reply(client: &mut impl Client, status: u16, headers: &str) -> io::Result<Connection> {
    let answer = format!("HTTP/1.1 {status} Spoiled\r\n{headers}Content-Length: 0\r\n\r\n");
    client.write_all(answer.as_bytes()).map(|()| Connection::Stays)
}

fn expired(client: &mut impl Client, message: &Message) -> io::Result<Connection> {
    const BODY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>ExpiredToken</Code>\
                        <Message>The provided token has expired.</Message></Error>";
    let body = if message.request().method == "HEAD" { "" } else { BODY };
    let length = body.len();
    let answer = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {length}\r\n\r\n{body}");
    client.write_all(answer.as_bytes()).map(|()| Connection::Stays)
}
