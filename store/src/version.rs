//! Objects that several processes change: written only if nobody else has written in between.
//!
//! Every store can compare and write in one step: S3 and Azure by the object's ETag, GCS by its
//! generation. What speaks S3 and cannot is written to without comparing, since whoever asks has
//! compared just before.

use std::io::{self, ErrorKind};

use bytes::Bytes;
use object_store::{GetOptions, ObjectStore, PutMode, PutOptions, PutPayload, UpdateVersion};

use crate::client::{Failure, READ_MAX, Store, WRITE_MAX, whole};

/// What a store calls one content of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    e_tag: Option<String>,
    generation: Option<String>,
}

impl Version {
    /// A text that names it, for others: the generation where there is one, else the ETag.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.generation.as_deref().or(self.e_tag.as_deref()).unwrap_or_default();
        name.trim_start_matches("W/").trim_matches('"')
    }
}

impl Store {
    /// Reads an object whole, and which version of it that was.
    ///
    /// # Errors
    /// `NotFound`; `InvalidData` if it is larger than `bytes_max`; others from the store.
    pub async fn get_versioned(&self, key: &str, bytes_max: u64) -> io::Result<(Bytes, Version)> {
        let (store, path) = (self.clone(), self.path(key)?);
        self.run(format!("read {key}"), READ_MAX, async move {
            let client = &store.inner.client;
            let get = || async { Ok(client.get_opts(&path, GetOptions::default()).await?) };
            let answer = store.inner.ask(get).await?;
            let (e_tag, generation) = (answer.meta.e_tag.clone(), answer.meta.version.clone());
            Ok((whole(answer, bytes_max).await?, Version { e_tag, generation }))
        })
        .await
    }

    /// Writes an object in place of a version of it, or of none; the version that it has then.
    ///
    /// # Errors
    /// `AlreadyExists` if somebody else has written it; others from the store.
    pub async fn replace(
        &self,
        key: &str,
        data: Bytes,
        replaced: Option<&Version>,
    ) -> io::Result<Version> {
        let (store, path) = (self.clone(), self.path(key)?);
        let mode = self.mode(replaced);
        self.run(format!("write {key}"), WRITE_MAX, async move {
            let Self { inner } = &store;
            let put = async |mode: &PutMode| {
                let put = || async {
                    let options = PutOptions { mode: mode.clone(), ..inner.labels.put() };
                    let payload = PutPayload::from_bytes(data.clone());
                    Ok(inner.client.put_opts(&path, payload, options).await?)
                };
                inner.ask(put).await
            };
            let outcome = match put(&mode).await {
                Err(Failure::Client(error)) if is_not_implemented(&error) => {
                    tracing::warn!(
                        %error,
                        "the object store cannot compare and write in one step: two processes \
                         that write at the same moment overwrite each other"
                    );
                    put(&PutMode::Overwrite).await
                }
                outcome => outcome,
            };
            let written = outcome?;
            Ok(Version { e_tag: written.e_tag, generation: written.version })
        })
        .await
    }

    /// On what a write depends. What the store has no name for cannot be compared.
    fn mode(&self, replaced: Option<&Version>) -> PutMode {
        let Some(Version { e_tag, generation }) = replaced else { return PutMode::Create };
        let named_by = if self.name() == "gcs" { generation } else { e_tag };
        match named_by {
            None => PutMode::Overwrite,
            Some(_) => {
                PutMode::Update(UpdateVersion { e_tag: e_tag.clone(), version: generation.clone() })
            }
        }
    }
}

fn is_not_implemented(error: &object_store::Error) -> bool {
    let text = error.to_string();
    text.contains("501 Not Implemented") || text.contains("<Code>NotImplemented</Code>")
}

/// Whether a write failed because somebody else has written in between.
#[must_use]
pub fn is_conflict(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AlreadyExists
}
