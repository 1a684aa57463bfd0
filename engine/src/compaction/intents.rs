//! Notes of jobs under way, one file each in the directory `compaction` beside the log: what a
//! crash leaves half written is found by them and removed. A lost note loses nothing but the space
//! of a block that nobody sees.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use stringendo_ring::file::whole;
use uuid::Uuid;

use super::job::CompactionJob;
use crate::node::Node;
use crate::tenant::TenantId;

/// A note holds a tenant's name.
const NOTE_BYTES_MAX: u64 = 1024;

/// The directory of notes.
pub struct Intents {
    dir: PathBuf,
}

impl Intents {
    /// In the log's directory.
    pub fn new(wal_path: &Path) -> Self {
        Self { dir: wal_path.join("compaction") }
    }

    /// Notes that a job is to write its output, durably.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn write(&self, job: &CompactionJob) -> io::Result<()> {
        whole::create_dir_all(&self.dir).await?;
        let (note, beside) = (self.path(&job.output), self.path(&job.output).with_extension("tmp"));
        let tenant = Bytes::copy_from_slice(job.tenant.as_str().as_bytes());
        whole::write_durable(&beside, tenant).await?;
        whole::rename(&beside, &note).await
    }

    /// The job has ended, and nothing of it is left half done.
    pub async fn remove(&self, output: &Uuid) {
        if let Err(error) = whole::remove_file(&self.path(output)).await {
            // The next start looks at the output again.
            tracing::warn!(%error, "the note of a compaction job could not be removed");
        }
    }

    fn path(&self, output: &Uuid) -> PathBuf {
        self.dir.join(output.to_string())
    }

    /// Removes what jobs of an earlier process have written and not published. Published blocks
    /// stay: the list knows what they take the place of. Whether all was looked at.
    pub async fn clean_up(&self, node: &Node) -> bool {
        let notes = match whole::list_dir(&self.dir).await {
            Ok(notes) => notes,
            Err(error) => {
                tracing::warn!(%error, "notes of compaction jobs could not be listed");
                return false;
            }
        };
        let mut all = true;
        for (path, _) in notes {
            if let Err(error) = clean(node, &path).await {
                // It stays until the next plan.
                all = false;
                tracing::warn!(
                    %error, note = %path.display(),
                    "what a compaction job has left could not be removed"
                );
            }
        }
        all
    }
}

async fn clean(node: &Node, note: &Path) -> io::Result<()> {
    // Also of a note that was not finished.
    let name = note.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    if let Ok(output) = Uuid::try_parse(name) {
        let text = whole::read(note, NOTE_BYTES_MAX).await?;
        if let Ok(tenant) = TenantId::parse(&String::from_utf8_lossy(&text)) {
            let backend = node.shard().store.backend();
            if node.shard().keeping.is_busy(&(tenant.clone(), output)) {
                return Ok(());
            }
            if !backend.has_block(&tenant, &output).await? {
                backend.delete_block(&tenant, &output).await?;
                tracing::info!(%tenant, block = %output, "removed a block that was half merged");
            }
        }
    }
    whole::remove_file(note).await
}
