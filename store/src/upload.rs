//! An object on its way into the store, piece by piece.
//!
//! Pieces gather until they make a part; parts are sent while the next ones gather. An object
//! smaller than a part is written at once. In the end the store is asked what it has.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, PutPayload};

use crate::client::{Inner, Store, WRITE_MAX, verify};

/// Parts on their way at a time, of one object.
const PARTS_IN_FLIGHT_MAX: usize = 2;

type Sending = Pin<Box<dyn Future<Output = io::Result<()>>>>;

/// An object that is being written. It is there when [`Upload::finish`] has returned.
pub struct Upload {
    store: Store,
    key: String,
    path: Path,
    begun: Option<Box<dyn MultipartUpload>>,
    gathered: VecDeque<Bytes>,
    gathered_bytes: usize,
    sending: FuturesUnordered<Sending>,
    length: u64,
}

impl Upload {
    pub(crate) fn new(store: Store, key: &str, path: Path) -> Self {
        Self {
            store,
            key: key.to_owned(),
            path,
            begun: None,
            gathered: VecDeque::new(),
            gathered_bytes: 0,
            sending: FuturesUnordered::new(),
            length: 0,
        }
    }

    /// Bytes of pieces that an upload to `store` holds at most, beyond the last one given.
    #[must_use]
    pub fn memory_bytes(store: &Store) -> u64 {
        (store.part_bytes() * (PARTS_IN_FLIGHT_MAX + 1)) as u64
    }

    /// Bytes given so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether none were given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes the next bytes, and sends parts that are full.
    ///
    /// # Errors
    /// From the store; the upload must then be given up.
    pub async fn append(&mut self, data: Bytes) -> io::Result<()> {
        self.length += data.len() as u64;
        self.gathered_bytes += data.len();
        self.gathered.push_back(data);
        let part_bytes = self.store.part_bytes();
        // The last part may be a full one; it is sent when there is more, or at the end.
        while self.gathered_bytes > part_bytes {
            let part = self.take(part_bytes);
            self.send(part).await?;
        }
        Ok(())
    }

    /// The next `bytes` of what has gathered.
    fn take(&mut self, bytes: usize) -> Vec<Bytes> {
        let mut part = Vec::new();
        let mut missing = bytes;
        while missing > 0
            && let Some(mut piece) = self.gathered.pop_front()
        {
            if piece.len() > missing {
                self.gathered.push_front(piece.split_off(missing));
            }
            missing -= piece.len();
            part.push(piece);
        }
        self.gathered_bytes -= bytes - missing;
        part
    }

    async fn send(&mut self, part: Vec<Bytes>) -> io::Result<()> {
        while self.sending.len() >= PARTS_IN_FLIGHT_MAX {
            self.sent().await?;
        }
        let begun = match &mut self.begun {
            Some(begun) => begun,
            None => self.begun.insert(begin(&self.store, &self.key, &self.path).await?),
        };
        let sent = begun.put_part(PutPayload::from_iter(part));
        let (store, action) = (self.store.clone(), format!("write a part of {}", self.key));
        self.sending.push(Box::pin(async move {
            store.run(action, WRITE_MAX, async move { Ok(sent.await?) }).await
        }));
        // Polled once, it is on its way.
        match futures_util::poll!(self.sending.next()) {
            std::task::Poll::Ready(Some(outcome)) => outcome,
            _ => Ok(()),
        }
    }

    /// Waits until one of the parts has arrived.
    async fn sent(&mut self) -> io::Result<()> {
        self.sending.next().await.unwrap_or(Ok(()))
    }

    /// Writes what is left, and looks whether the object is there.
    ///
    /// # Errors
    /// From the store; or it said that the object was written, and it is not. What was written is
    /// then given up.
    pub async fn finish(mut self) -> io::Result<()> {
        let outcome = self.complete().await;
        if outcome.is_err() {
            self.abort_parts().await;
        }
        outcome
    }

    async fn complete(&mut self) -> io::Result<()> {
        let rest = self.take(self.gathered_bytes);
        if self.begun.is_none() {
            return self.store.put_parts(&self.key, rest).await;
        }
        self.send(rest).await?;
        while !self.sending.is_empty() {
            self.sent().await?;
        }
        let Some(mut begun) = self.begun.take() else { return Ok(()) };
        let (store, path, size) = (self.store.clone(), self.path.clone(), self.length);
        let action = format!("write {}", self.key);
        let (outcome, begun) = self
            .store
            .run(action, WRITE_MAX, async move {
                let outcome = begun.complete().await;
                // After an error it can still be given up.
                Ok((outcome, begun))
            })
            .await?;
        let written = match outcome {
            Ok(written) => written,
            Err(error) => {
                self.begun = Some(begun);
                return Err(crate::error::io_error(&format!("write {}", self.key), error));
            }
        };
        let action = format!("look at {}", self.key);
        self.store
            .run(action, WRITE_MAX, async move {
                verify(&*store.inner.client, &path, size, written.e_tag.as_deref()).await
            })
            .await
    }

    /// Gives up. What the store does not remove now, a rule of the bucket should.
    ///
    /// # Errors
    /// From the store.
    pub async fn abort(mut self) -> io::Result<()> {
        self.sending.clear();
        let Some(mut begun) = self.begun.take() else { return Ok(()) };
        let action = format!("give up {}", self.key);
        self.store.run(action, WRITE_MAX, async move { Ok(begun.abort().await?) }).await
    }

    async fn abort_parts(self) {
        let key = self.key.clone();
        if let Err(error) = self.abort().await {
            tracing::warn!(key, %error, "parts of an object that was given up stay in the store");
        }
    }
}

async fn begin(store: &Store, key: &str, path: &Path) -> io::Result<Box<dyn MultipartUpload>> {
    let (inner, path) = (store.clone(), path.clone());
    store
        .run(format!("begin to write {key}"), WRITE_MAX, async move {
            let Inner { client, labels, .. } = &*inner.inner;
            let begin =
                || async { Ok(client.put_multipart_opts(&path, labels.put_multipart()).await?) };
            inner.inner.ask(begin).await
        })
        .await
}
