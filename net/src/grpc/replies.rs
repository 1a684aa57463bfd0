//! The answer of a call in any number of messages, and a status at its end.
//!
//! From: services, with encoded messages. To: `h2`, as fast as the client takes them. Headers go
//! out with the first message, so a call that fails before it is answered in headers alone.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::SendStream;
use h2::server::SendResponse;
use stringendo_ring::timeout;

use super::reply;
use crate::limits::REPLY_SILENCE_MAX;
use crate::status::Refusal;

/// Bytes before each message: whether it is compressed, and its length.
pub const MESSAGE_HEAD_BYTES: usize = 5;

/// A buffer that begins with the head of a message that is not compressed.
pub fn begin_message(capacity: usize) -> Vec<u8> {
    let mut message = Vec::with_capacity(MESSAGE_HEAD_BYTES + capacity);
    message.extend_from_slice(&[0; MESSAGE_HEAD_BYTES]);
    message
}

/// Writes the length of what came behind the head.
pub fn end_message(message: &mut [u8]) {
    let length = u32::try_from(message.len() - MESSAGE_HEAD_BYTES).unwrap_or(u32::MAX);
    message[1..MESSAGE_HEAD_BYTES].copy_from_slice(&length.to_be_bytes());
}

/// The answer of one call.
pub struct Replies {
    state: RefCell<State>,
}

struct State {
    respond: SendResponse<Bytes>,
    /// There once headers were sent.
    stream: Option<SendStream<Bytes>>,
}

impl Replies {
    /// For a call that was not answered yet.
    pub fn new(respond: SendResponse<Bytes>) -> Self {
        Self { state: RefCell::new(State { respond, stream: None }) }
    }

    /// Sends a message with its head; returns when `h2` has all of it, which is when the client has
    /// taken nearly all.
    ///
    /// # Errors
    /// The client has gone, or takes nothing for too long.
    pub async fn send(&self, mut message: Bytes) -> Result<(), Refusal> {
        self.state.borrow_mut().begin().map_err(|_| Refusal::aborted())?;
        while !message.is_empty() {
            let room = poll_fn(|context| self.state.borrow_mut().poll_room(message.len(), context));
            let room = timeout(REPLY_SILENCE_MAX, room).await.flatten();
            let room = room.ok_or_else(Refusal::aborted)?.min(message.len());
            let part = message.split_to(room);
            self.state.borrow_mut().send(part).map_err(|_| Refusal::aborted())?;
        }
        Ok(())
    }

    /// Completes when the client has cancelled the call, or is gone.
    pub async fn cancelled(&self) {
        poll_fn(|context| self.state.borrow_mut().poll_reset(context)).await;
    }

    /// Ends the answer.
    ///
    /// # Errors
    /// The client has gone away.
    pub fn finish(self, outcome: Result<(), &Refusal>) -> Result<(), h2::Error> {
        let mut state = self.state.into_inner();
        match (outcome, &mut state.stream) {
            (Err(refusal), None) => reply::refusal(&mut state.respond, refusal),
            (outcome, _) => {
                let stream = state.begin()?;
                stream.send_trailers(reply::trailers(outcome))
            }
        }
    }
}

impl State {
    /// The stream of messages, behind the headers.
    fn begin(&mut self) -> Result<&mut SendStream<Bytes>, h2::Error> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.respond.send_response(reply::head(), false)?,
        };
        Ok(self.stream.insert(stream))
    }

    /// How much can be sent now; `None` if nothing ever again.
    fn poll_room(&mut self, wanted: usize, context: &mut Context<'_>) -> Poll<Option<usize>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        stream.reserve_capacity(wanted);
        loop {
            if stream.capacity() > 0 {
                return Poll::Ready(Some(stream.capacity()));
            }
            match ready!(stream.poll_capacity(context)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(None),
            }
        }
    }

    fn send(&mut self, part: Bytes) -> Result<(), h2::Error> {
        self.begin()?.send_data(part, false)
    }

    fn poll_reset(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let reset = match &mut self.stream {
            Some(stream) => stream.poll_reset(context),
            None => self.respond.poll_reset(context),
        };
        reset.map(drop)
    }
}
