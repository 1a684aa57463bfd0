//! A small HTTP/1.1 server whose answers a test says: services that hand out credentials.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::message::{Message, Request};

/// Status and body of an answer; a body that begins with `{` is JSON.
pub type Reply = (u16, String);
type Answers = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

/// A running server. Its threads end with the process.
#[derive(Clone)]
pub struct Endpoint {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Endpoint {
    /// Listens, and answers as `answer` says.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let endpoint = Self { address, seen: Arc::default() };
        let (accepting, answer): (_, Arc<Answers>) = (endpoint.clone(), Arc::new(Box::new(answer)));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (endpoint, answer) = (accepting.clone(), Arc::clone(&answer));
                // A client that goes away ends the connection, no more.
                thread::spawn(move || drop(endpoint.serve(client, &answer)));
            }
        });
        endpoint
    }

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Request> {
        self.requests().clone()
    }

    fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut client: TcpStream, answer: &Answers) -> io::Result<()> {
        let mut reader = BufReader::new(client.try_clone()?);
        while let Some(message) = Message::read_request(&mut reader)? {
            let request = message.request();
            self.requests().push(request.clone());
            let (status, body) = answer(&request);
            let kind = if body.starts_with('{') { "application/json" } else { "text/plain" };
            let length = if request.method == "HEAD" { 0 } else { body.len() };
            let head = format!(
                "HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
                 ETag: \"said\"\r\nLast-Modified: Wed, 01 Jan 2025 00:00:00 GMT\r\n\r\n"
            );
            client.write_all(head.as_bytes())?;
            client.write_all(&body.as_bytes()[..length])?;
        }
        Ok(())
    }
}
