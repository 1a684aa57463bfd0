//! What can be done with a store. Every operation runs aside; the core awaits its outcome.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt, PutPayload};
use stringendo_ring::aside::{aside, timeout};

use crate::build::{Built, build};
use crate::error::{BuildError, io_error, timed_out};
use crate::hedge::hedged;
use crate::http::Connector;
use crate::labels::Labels;
use crate::renewal::{Renewal, is_expired};
use crate::requests::Requests;
use crate::settings::{Hedging, Settings};
use crate::upload::Upload;

/// A read with all its tries: whoever asked waits no longer.
pub(crate) const READ_MAX: Duration = Duration::from_secs(120);
/// A write with all its tries.
pub(crate) const WRITE_MAX: Duration = Duration::from_secs(600);

/// A bucket or container. Clones share connections and counters; any core may use it.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) client: Arc<dyn ObjectStore>,
    pub(crate) labels: Labels,
    pub(crate) part_bytes: usize,
    pub(crate) listings_at_once: usize,
    pub(crate) prefix: String,
    renewal: Option<Arc<dyn Renewal>>,
    hedging: Option<Hedging>,
    requests: Arc<Requests>,
    name: &'static str,
}

impl Store {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    /// The settings do not fit, or a file that they name cannot be read.
    pub fn new(settings: &Settings) -> Result<Self, BuildError> {
        let requests = Arc::new(Requests::default());
        let connector = Connector::new(settings, Arc::clone(&requests))?;
        let Built { client, renewal } = build(settings, connector)?;
        let inner = Inner {
            client,
            renewal,
            labels: Labels::new(&settings.labels),
            part_bytes: settings.part_bytes,
            listings_at_once: settings.listings_at_once.max(1),
            prefix: settings.prefix.trim_matches('/').to_owned(),
            hedging: settings.hedging,
            requests,
            name: settings.kind.name(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Requests that were made.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.inner.requests
    }

    /// `s3`, `gcs` or `azure`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.inner.name
    }

    /// Bytes of a part of a multipart upload.
    #[must_use]
    pub fn part_bytes(&self) -> usize {
        self.inner.part_bytes
    }

    /// Ranges of keys that are listed at the same time.
    #[must_use]
    pub fn listings_at_once(&self) -> usize {
        self.inner.listings_at_once
    }

    /// Reads an object whole.
    ///
    /// # Errors
    /// `NotFound`; `InvalidData` if it is larger than `bytes_max`; others from the store.
    pub async fn get(&self, key: &str, bytes_max: u64) -> io::Result<Bytes> {
        self.read(key, GetOptions::default(), bytes_max).await
    }

    /// Reads a range; shorter at the end of the object.
    ///
    /// # Errors
    /// `NotFound`; others from the store.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> io::Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let bytes_max = range.end - range.start;
        let start = range.start;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        match self.read(key, options, bytes_max).await {
            // Stores refuse a range that begins behind the end.
            Err(error) if is_beyond_end(&error) => match self.size(key).await {
                Ok(size) if start >= size => Ok(Bytes::new()),
                _ => Err(error),
            },
            outcome => outcome,
        }
    }

    async fn read(&self, key: &str, options: GetOptions, bytes_max: u64) -> io::Result<Bytes> {
        let (store, path) = (self.clone(), self.path(key)?);
        self.run(format!("read {key}"), READ_MAX, async move {
            let Inner { client, hedging, requests, .. } = &*store.inner;
            let read = || get(&**client, &path, options.clone(), bytes_max);
            store.inner.ask(|| hedged(*hedging, requests, read)).await
        })
        .await
    }

    /// Bytes of an object.
    ///
    /// # Errors
    /// `NotFound`; others from the store.
    pub async fn size(&self, key: &str) -> io::Result<u64> {
        let (store, path) = (self.clone(), self.path(key)?);
        self.run(format!("look at {key}"), READ_MAX, async move {
            let Inner { client, hedging, requests, .. } = &*store.inner;
            let look = || async { Ok(client.head(&path).await?.size) };
            store.inner.ask(|| hedged(*hedging, requests, look)).await
        })
        .await
    }

    /// Writes an object, and looks whether it is there.
    ///
    /// # Errors
    /// From the store; or it said that the object was written, and it is not.
    pub async fn put(&self, key: &str, data: Bytes) -> io::Result<()> {
        self.put_parts(key, vec![data]).await
    }

    pub(crate) async fn put_parts(&self, key: &str, data: Vec<Bytes>) -> io::Result<()> {
        let (store, path) = (self.clone(), self.path(key)?);
        self.run(format!("write {key}"), WRITE_MAX, async move {
            let payload = PutPayload::from_iter(data);
            let size = payload.content_length() as u64;
            let Inner { client, labels, .. } = &*store.inner;
            let put = || async { Ok(client.put_opts(&path, payload.clone(), labels.put()).await?) };
            let put = store.inner.ask(put).await?;
            verify(&*store.inner.client, &path, size, put.e_tag.as_deref()).await
        })
        .await
    }

    /// Begins to write an object piece by piece.
    ///
    /// # Errors
    /// The key is none.
    pub fn upload(&self, key: &str) -> io::Result<Upload> {
        Ok(Upload::new(self.clone(), key, self.path(key)?))
    }

    /// Removes an object; a missing one is no error.
    ///
    /// # Errors
    /// From the store.
    pub async fn delete(&self, key: &str) -> io::Result<()> {
        let (store, path) = (self.clone(), self.path(key)?);
        let deleted = self.run(format!("remove {key}"), WRITE_MAX, async move {
            store.inner.ask(|| async { Ok(store.inner.client.delete(&path).await?) }).await
        });
        match deleted.await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// The full key.
    pub(crate) fn path(&self, key: &str) -> io::Result<Path> {
        let prefix = &self.inner.prefix;
        let key = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}/{key}") };
        Path::parse(&key).map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))
    }

    /// Runs `operation` aside, for as long as it may take.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        action: String,
        time_max: Duration,
        operation: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> io::Result<T> {
        match aside(timeout(time_max, Box::pin(operation))).await? {
            Some(Ok(value)) => Ok(value),
            Some(Err(failure)) => {
                // For whoever tries again.
                self.inner.renew_after(&failure);
                Err(failure.named(&action))
            }
            None => Err(timed_out(&action)),
        }
    }
}

impl Inner {
    /// Asks, and once more where credentials were refused that could be renewed.
    pub(crate) async fn ask<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<T, Failure> {
        match ask().await {
            Err(failure) if self.renew_after(&failure) => ask().await,
            outcome => outcome,
        }
    }

    /// Whether that was for want of good credentials, and there are others now.
    fn renew_after(&self, failure: &Failure) -> bool {
        match (failure, &self.renewal) {
            (Failure::Client(error), Some(renewal)) if is_expired(error) => {
                renewal.renew();
                true
            }
            _ => false,
        }
    }
}

/// Whether this may be the answer to a range that begins behind the end: the status, or words of
/// the client.
fn is_beyond_end(error: &io::Error) -> bool {
    let text = error.to_string();
    text.contains("416") || text.contains("Wanted range starting at")
}

/// Why an operation failed.
pub(crate) enum Failure {
    Client(object_store::Error),
    Other(io::Error),
}

impl From<object_store::Error> for Failure {
    fn from(error: object_store::Error) -> Self {
        Self::Client(error)
    }
}

impl Failure {
    fn named(self, action: &str) -> io::Error {
        match self {
            Self::Client(error) => io_error(action, error),
            Self::Other(error) => io::Error::new(error.kind(), format!("{action}: {error}")),
        }
    }

    pub(crate) fn other(kind: ErrorKind, text: String) -> Self {
        Self::Other(io::Error::new(kind, text))
    }
}

async fn get(
    client: &dyn ObjectStore,
    path: &Path,
    options: GetOptions,
    bytes_max: u64,
) -> Result<Bytes, Failure> {
    whole(client.get_opts(path, options).await?, bytes_max).await
}

/// All bytes of an answer.
pub(crate) async fn whole(answer: GetResult, bytes_max: u64) -> Result<Bytes, Failure> {
    let expected = answer.range.end.saturating_sub(answer.range.start);
    if expected > bytes_max {
        let text = format!("it is larger than {bytes_max} bytes");
        return Err(Failure::other(ErrorKind::InvalidData, text));
    }
    let (mut stream, mut length) = (answer.into_stream(), 0_u64);
    let (mut first, mut all) = (Bytes::new(), Vec::new());
    // Not all at once: what a store sends need not be as long as it says.
    while let Some(piece) = stream.next().await.transpose()? {
        length += piece.len() as u64;
        if length > expected {
            let text = format!("more than {expected} bytes came");
            return Err(Failure::other(ErrorKind::Other, text));
        }
        // A single piece is not copied.
        if length == piece.len() as u64 {
            first = piece;
            continue;
        }
        if all.is_empty() {
            all.reserve_exact(expected as usize);
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&piece);
    }
    if length != expected {
        let text = format!("{length} of {expected} bytes came");
        return Err(Failure::other(ErrorKind::UnexpectedEof, text));
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// Whether an object that the store has acknowledged is there.
pub(crate) async fn verify(
    client: &dyn ObjectStore,
    path: &Path,
    size: u64,
    e_tag: Option<&str>,
) -> Result<(), Failure> {
    let found = match client.head(path).await {
        Ok(found) => found,
        Err(object_store::Error::NotFound { .. }) => {
            let text = "the store has acknowledged it, and it is not there".to_owned();
            return Err(Failure::other(ErrorKind::Other, text));
        }
        Err(error) => return Err(error.into()),
    };
    let same_tag = match (e_tag, found.e_tag.as_deref()) {
        (Some(written), Some(found)) => written.trim_matches('"') == found.trim_matches('"'),
        _ => true,
    };
    if found.size == size && same_tag {
        return Ok(());
    }
    let text = format!(
        "the store has acknowledged {size} bytes ({}), and has {} ({})",
        e_tag.unwrap_or("no ETag"),
        found.size,
        found.e_tag.as_deref().unwrap_or("no ETag")
    );
    Err(Failure::other(ErrorKind::Other, text))
}
