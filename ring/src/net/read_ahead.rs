//! The receive buffer of a connection: lent by the core while it holds unread bytes.

use std::cell::RefCell;
use std::io;
use std::task::{Poll, ready};

/// Bytes asked from the kernel at once.
pub(super) const BUFFER_BYTES: usize = 256 << 10;

/// Empty buffers that a core keeps for the next read: 4 MiB. All connections of a core that read
/// in turn share one; more are in use where readers leave bytes behind.
const KEPT_MAX: usize = 16;

thread_local! {
    static KEPT: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

fn borrow_buffer() -> Box<[u8]> {
    KEPT.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; BUFFER_BYTES].into_boxed_slice())
}

fn give_back(buffer: Box<[u8]>) {
    KEPT.with_borrow_mut(|kept| {
        if kept.len() < KEPT_MAX {
            kept.push(buffer);
        }
    });
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
