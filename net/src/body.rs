//! Bodies of HTTP/1 requests whose handler may leave them unread.
//!
//! From: `http1`, around each request. A client that is still sending when the server closes loses
//! the answer: its system drops what it received when the reset comes. So what a handler leaves is
//! read and dropped, within limits, before the answer goes out; then the connection can go on, too.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use stringendo_ring::timeout;

use crate::limits::{DISCARD_BYTES_MAX, DISCARD_TIME_MAX};

/// What a handler left of a body.
#[derive(Clone, Default)]
pub struct Leftover(Rc<RefCell<Option<Incoming>>>);

impl Leftover {
    /// The body for the handler.
    pub fn watch(&self, body: Incoming) -> RequestBody {
        RequestBody { body: Some(body), leftover: self.clone() }
    }

    /// Reads what was left. Whether the connection can go on.
    pub async fn discard(&self) -> bool {
        let left = self.0.borrow_mut().take();
        let Some(body) = left else { return true };
        if body.size_hint().lower() > DISCARD_BYTES_MAX {
            return false;
        }
        timeout(DISCARD_TIME_MAX, read_to_end(body)).await.unwrap_or(false)
    }
}

async fn read_to_end(mut body: Incoming) -> bool {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
        if bytes > DISCARD_BYTES_MAX {
            return false;
        }
    }
    true
}

/// A request's body. Dropped before its end, it goes to its [`Leftover`].
pub struct RequestBody {
    /// There until it is dropped.
    body: Option<Incoming>,
    leftover: Leftover,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let left = self.body.take().filter(|body| !body.is_end_stream());
        *self.leftover.0.borrow_mut() = left;
    }
}
