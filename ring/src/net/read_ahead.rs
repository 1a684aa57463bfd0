//! The receive buffer of a connection: lent by the core while it holds unread bytes.

use std::cell::RefCell;
use std::io;
use std::task::{Poll, ready};

/// Bytes asked from the kernel at once.
pub(super) const BUFFER_BYTES: usize = 256 << 10;

/// The same where many connections leave bytes behind at once: what they hold is in nobody's
/// budget, and there may be thousands of them.
const SMALL_BUFFER_BYTES: usize = 16 << 10;

/// Large buffers of a core, lent and kept: 4 MiB. All connections that read in turn share one.
const LARGE_MAX: usize = 16;

/// The large buffers of one core.
#[derive(Default)]
struct Buffers {
    kept: Vec<Box<[u8]>>,
    lent: usize,
}

thread_local! {
    static LARGE: RefCell<Buffers> = RefCell::default();
}

fn borrow_buffer() -> Box<[u8]> {
    let large = LARGE.with_borrow_mut(|large| {
        let is_spent = large.lent == LARGE_MAX;
        large.lent += usize::from(!is_spent);
        if is_spent { None } else { Some(large.kept.pop()) }
    });
    match large {
        Some(kept) => kept.unwrap_or_else(|| vec![0; BUFFER_BYTES].into_boxed_slice()),
        None => vec![0; SMALL_BUFFER_BYTES].into_boxed_slice(),
    }
}

fn give_back(buffer: Box<[u8]>) {
    if buffer.len() == BUFFER_BYTES {
        LARGE.with_borrow_mut(|large| {
            large.lent -= 1;
            large.kept.push(buffer);
        });
    }
}

/// Bytes received and not yet read.
#[derive(Default)]
pub(super) struct ReadAhead {
    buffer: Option<Box<[u8]>>,
    read: usize,
    filled: usize,
}

impl ReadAhead {
    pub(super) fn is_empty(&self) -> bool {
        self.read == self.filled
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.as_deref().map_or(&[], |buffer| &buffer[self.read..self.filled])
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.read = self.filled.min(self.read + count);
        if self.is_empty() {
            self.release();
        }
    }

    /// Receives into an empty buffer. Holds none afterwards if there was nothing to receive.
    pub(super) fn poll_fill(
        &mut self,
        receive: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<()>> {
        let mut buffer = self.buffer.take().unwrap_or_else(borrow_buffer);
        let received = receive(&mut buffer);
        self.buffer = Some(buffer);
        (self.read, self.filled) = (0, 0);
        match received {
            Poll::Ready(Ok(count)) if count > 0 => self.filled = count,
            _ => self.release(),
        }
        ready!(received)?;
        Poll::Ready(Ok(()))
    }

    /// Receives more behind what is unread, for who looks at bytes before they are read. 0 bytes
    /// at the end of the stream, and when the buffer is full.
    pub(super) fn poll_more(
        &mut self,
        receive: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.is_empty() {
            ready!(self.poll_fill(receive))?;
            return Poll::Ready(Ok(self.filled));
        }
        let rest =
            self.buffer.as_deref_mut().map_or_else(Default::default, |b| &mut b[self.filled..]);
        if rest.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let count = ready!(receive(rest))?;
        self.filled += count;
        Poll::Ready(Ok(count))
    }

    fn release(&mut self) {
        (self.read, self.filled) = (0, 0);
        self.buffer.take().into_iter().for_each(give_back);
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.release();
    }
}
