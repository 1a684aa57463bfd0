//! The WAL's files, written by a thread that each core has for this alone.
//!
//! A plain `pwrite` and `fdatasync` on an `O_DIRECT` descriptor, in one trip to a thread of its
//! own. A file is filled with zeros when it is created: a sync after a write into allocated but
//! never written extents would have to write the file system's journal too, a sync of a recycled
//! file does not. The zeros go around the page cache as well: 256 MiB of them cost 20–40 ms of CPU
//! that way and 700 ms through it, while each group in never written extents would cost 50 µs of
//! CPU and 100 µs of waiting more (`benches/src/bin/wal_file.rs`, "allocated").
//!
//! Measured with `benches/src/bin/wal_file.rs` on a busy 2-core virtual machine (ext4, virtio disk
//! without FUA), where the same call varied by a factor of two from run to run: a group takes
//! 1–2.5 ms, whether of 4 KiB or of 1 MiB, nearly all of it the disk's flush. So the cost of a MiB
//! falls with the size of the group: some 300–600 ms in groups of 4 KiB, 15–45 ms in groups of
//! 64 KiB, 1–2.3 ms in groups of 1 MiB (buffered writes: 7 ms and ten times the CPU). The trip to
//! the thread costs 100–150 µs of CPU a group when the core is otherwise idle and has to be woken.
//! `pwritev2` with `RWF_DSYNC` was not steadily faster; try it again on a disk with FUA.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use rustix::fs::{FallocateFlags, fallocate};

use super::{DIRECT_IO_ALIGNMENT, aside, describe, open_direct, parent_of, sync_dir_now};
use crate::{oneshot, threads};

/// Zeros written at once into a new file. A group that is committed meanwhile waits for one such
/// write in the disk's queue, so larger is not better.
const ZEROS_BYTES: usize = 1 << 20;

#[repr(C, align(4096))]
struct Zeros([u8; ZEROS_BYTES]);

/// Aligned for direct I/O; never touched, so they take no memory.
static ZEROS: Zeros = Zeros([0; ZEROS_BYTES]);

const _: () = assert!(align_of::<Zeros>() == DIRECT_IO_ALIGNMENT);

/// A WAL segment's file, open for direct I/O.
///
/// Operations of one core run in the order in which they were called, one after the other, and to
/// their end even if their future is dropped.
pub struct WalFile {
    inner: Arc<Inner>,
}

struct Inner {
    file: File,
    /// For errors.
    path: Mutex<PathBuf>,
}

impl Inner {
    fn path(&self) -> PathBuf {
        self.path.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_path(&self, path: PathBuf) {
        *self.path.lock().unwrap_or_else(PoisonError::into_inner) = path;
    }
}

impl WalFile {
    /// Creates (or reuses) the file, allocates `size_bytes` on disk (a multiple of
    /// [`DIRECT_IO_ALIGNMENT`]), syncs file and directory. A file that has the size already keeps
    /// its contents and costs a sync; one of any other size is emptied first.
    ///
    /// Where the file system knows no direct I/O, plain I/O is used, and a warning says so.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn create(path: &Path, size_bytes: u64) -> io::Result<Self> {
        let file =
            aside("create WAL segment", path, move |path| create_now(path, size_bytes)).await?;
        Ok(Self { inner: Arc::new(Inner { file, path: Mutex::new(path.to_owned()) }) })
    }

    /// Writes all of `data` at `offset`. Offset, length and the address of `data` are multiples of
    /// [`DIRECT_IO_ALIGNMENT`]. Durable only after [`WalFile::sync`].
    ///
    /// # Errors
    /// From the operating system; the file must then be given up.
    ///
    /// # Panics
    /// When something is not aligned.
    pub async fn write_at(
        &self,
        offset: u64,
        data: impl AsRef<[u8]> + Send + Sync + 'static,
    ) -> io::Result<()> {
        assert_aligned(offset, data.as_ref());
        self.perform("write", move |file| file.write_all_at(data.as_ref(), offset)).await
    }

    /// `fdatasync`. Never retried after an error.
    ///
    /// # Errors
    /// From the operating system; what was written since the last sync may be lost.
    pub async fn sync(&self) -> io::Result<()> {
        self.perform("sync", File::sync_data).await
    }

    /// Write and sync in one trip, for group commit.
    ///
    /// # Errors
    /// As for [`WalFile::write_at`] and [`WalFile::sync`].
    ///
    /// # Panics
    /// When something is not aligned.
    pub async fn write_and_sync(
        &self,
        offset: u64,
        data: impl AsRef<[u8]> + Send + Sync + 'static,
    ) -> io::Result<()> {
        assert_aligned(offset, data.as_ref());
        self.perform("write and sync", move |file| {
            file.write_all_at(data.as_ref(), offset)?;
            file.sync_data()
        })
        .await
    }

    /// Renames the file within its directory and syncs the directory, in order with the writes.
    ///
    /// # Errors
    /// From the operating system; whether the file has the new name after a crash is then unknown.
    pub async fn rename(&self, to: &Path) -> io::Result<()> {
        let (inner, to) = (Arc::clone(&self.inner), to.to_owned());
        self.perform("rename", move |_| {
            std::fs::rename(inner.path(), &to)?;
            inner.set_path(to.clone());
            sync_dir_now(parent_of(&to))
        })
        .await
    }

    async fn perform(
        &self,
        action: &'static str,
        work: impl FnOnce(&File) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let inner = Arc::clone(&self.inner);
        let (answer, answered) = oneshot::channel();
        hand_over(Box::new(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&inner.file)))
                .unwrap_or_else(|panic| Err(io::Error::other(threads::panic_text(&*panic))))
                .map_err(|error| describe(action, &inner.path(), &error));
            // The waiter may have given up.
            drop(answer.send(outcome));
        }))?;
        answered.await.unwrap_or_else(|_dropped| {
            let gone = io::Error::other("the I/O thread is gone");
            Err(describe(action, &self.inner.path(), &gone))
        })
    }
}

fn assert_aligned(offset: u64, data: &[u8]) {
    let is_aligned = offset.is_multiple_of(DIRECT_IO_ALIGNMENT as u64)
        && data.len().is_multiple_of(DIRECT_IO_ALIGNMENT)
        && data.as_ptr().addr().is_multiple_of(DIRECT_IO_ALIGNMENT);
    assert!(
        is_aligned,
        "a direct write is not aligned to {DIRECT_IO_ALIGNMENT} bytes: {} bytes from {:p} at \
         offset {offset}",
        data.len(),
        data.as_ptr()
    );
}

fn create_now(path: &Path, size_bytes: u64) -> io::Result<File> {
    let file = open(path)?;
    if file.metadata()?.len() != size_bytes {
        file.set_len(0)?;
        allocate(&file, size_bytes)?;
        write_zeros(&file, size_bytes)?;
    }
    file.sync_all()?;
    sync_dir_now(parent_of(path))?;
    Ok(file)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let (file, is_direct) = open_direct(&options, path)?;
    if !is_direct {
        tracing::warn!(
            path = %path.display(),
            "the file system does not offer direct I/O (O_DIRECT): the write-ahead log goes \
             through the page cache, which is slower; put it on ext4 or xfs"
        );
    }
    Ok(file)
}

/// Takes the space now, so that a full disk shows here and not at a commit. The length stays: only
/// the zeros give the file its size, so what a crash leaves half-done is not taken for a whole
/// file.
fn allocate(file: &File, size_bytes: u64) -> io::Result<()> {
    use rustix::io::Errno;
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, size_bytes) {
        // Where the file system cannot, the zeros take the space.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        outcome => Ok(outcome?),
    }
}

fn write_zeros(file: &File, size_bytes: u64) -> io::Result<()> {
    for offset in (0..size_bytes).step_by(ZEROS_BYTES) {
        let count = (size_bytes - offset).min(ZEROS_BYTES as u64);
        file.write_all_at(&ZEROS.0[..count as usize], offset)?;
    }
    Ok(())
}

type Work = Box<dyn FnOnce() + Send>;

thread_local! {
    static IO_THREAD: RefCell<Option<mpsc::Sender<Work>>> = const { RefCell::new(None) };
}

/// Gives `work` to this core's I/O thread, which the first work starts and which ends with the
/// core. Its queue is short: a group commit has one operation in flight.
fn hand_over(work: Work) -> io::Result<()> {
    IO_THREAD.with_borrow_mut(|thread| {
        if thread.is_none() {
            *thread = Some(start_thread()?);
        }
        let sent = thread.as_ref().map(|thread| thread.send(work));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(io::Error::other("the I/O thread of the write-ahead log is gone")),
        }
    })
}

fn start_thread() -> io::Result<mpsc::Sender<Work>> {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let (sender, works) = mpsc::channel::<Work>();
    threads::spawn_aside(&format!("wal-io-{number}"), move || {
        works.into_iter().for_each(|work| work());
    })?;
    Ok(sender)
}
