//! Files of the WAL and of blocks, on a real file system.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use common::{on_a_core, try_on_cores};
use rustix::fs::{Advice, fadvise};
use stringendo_ring::file::{AppendFile, BlockFile, DIRECT_IO_ALIGNMENT, WalFile, whole};
use stringendo_ring::{Class, CoreContext, spawn};
use tempfile::tempdir;

#[repr(C, align(4096))]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Page([u8; DIRECT_IO_ALIGNMENT]);

/// Aligned bytes that an in-flight write shares.
#[derive(Clone)]
struct Aligned(Arc<[Page]>);

impl Aligned {
    fn filled(pages: usize, byte: u8) -> Self {
        Self(vec![Page([byte; DIRECT_IO_ALIGNMENT]); pages].into())
    }
}

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

/// Not in `/tmp`, which may be without direct I/O.
fn on_disk() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn bytes_at(path: &Path, page: usize) -> [u8; 2] {
    let all = std::fs::read(path).unwrap();
    let page = &all[page * DIRECT_IO_ALIGNMENT..][..DIRECT_IO_ALIGNMENT];
    [page[0], page[DIRECT_IO_ALIGNMENT - 1]]
}

#[test]
fn what_is_written_and_synced_is_in_the_file() {
    on_a_core(|| async {
        let directory = on_disk();
        let path = directory.path().join("segment");
        let file = WalFile::create(&path, 1 << 20).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 1 << 20);
        file.write_and_sync(0, Aligned::filled(1, 1)).await.unwrap();
        file.write_at(4096, Aligned::filled(2, 2)).await.unwrap();
        file.sync().await.unwrap();
        let pages = [0, 1, 2, 3].map(|page| bytes_at(&path, page));
        assert_eq!(pages, [[1, 1], [2, 2], [2, 2], [0, 0]]);
    });
}

#[test]
fn a_file_of_the_right_size_is_reused_with_its_contents() {
    on_a_core(|| async {
        let directory = on_disk();
        let path = directory.path().join("segment");
        let file = WalFile::create(&path, 64 << 10).await.unwrap();
        file.write_and_sync(0, Aligned::filled(1, 7)).await.unwrap();
        drop(file);
        WalFile::create(&path, 64 << 10).await.unwrap();
        assert_eq!(bytes_at(&path, 0), [7, 7]);
    });
}

#[test]
fn a_file_that_a_crash_left_half_allocated_is_made_anew() {
    on_a_core(|| async {
        let directory = on_disk();
        let path = directory.path().join("segment");
        std::fs::write(&path, [7; 20_000]).unwrap();
        // Not a multiple of what is written at once.
        let bytes = (2 << 20) + 12_288;
        WalFile::create(&path, bytes).await.unwrap();
        let found = std::fs::read(&path).unwrap();
        assert_eq!(found.len() as u64, bytes);
        assert!(found.iter().all(|&byte| byte == 0));
    });
}

#[test]
fn a_renamed_file_is_written_on_and_named_in_errors() {
    on_a_core(|| async {
        let directory = on_disk();
        let (before, after) = (directory.path().join("before"), directory.path().join("after"));
        let file = WalFile::create(&before, 64 << 10).await.unwrap();
        file.rename(&after).await.unwrap();
        file.write_and_sync(0, Aligned::filled(1, 3)).await.unwrap();
        assert_eq!(bytes_at(&after, 0), [3, 3]);
        assert!(!before.exists());
        std::fs::remove_file(&after).unwrap();
        let refused = file.rename(&before).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotFound);
        assert!(refused.to_string().contains("after"), "{refused}");
    });
}

#[test]
fn writes_are_performed_in_order_also_when_nobody_waits_for_them() {
    on_a_core(|| async {
        let directory = on_disk();
        let path = directory.path().join("segment");
        let file = Arc::new(WalFile::create(&path, 64 << 10).await.unwrap());
        for byte in 1..=50 {
            let mut write = std::pin::pin!(file.write_at(0, Aligned::filled(1, byte)));
            // Starts it; then its future is dropped.
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = std::future::Future::poll(write.as_mut(), &mut context);
        }
        file.sync().await.unwrap();
        assert_eq!(bytes_at(&path, 0), [50, 50]);
    });
}

#[test]
fn what_is_not_aligned_is_a_bug_that_shows_at_once() {
    for (offset, skip) in [(100, 0), (0, 1)] {
        let outcome = try_on_cores(1, move |_: CoreContext<()>| async move {
            let directory = on_disk();
            let path = directory.path().join("segment");
            let file = WalFile::create(&path, 64 << 10).await.unwrap();
            let data = vec![0; 2 * DIRECT_IO_ALIGNMENT].split_off(skip);
            file.write_at(offset, data).await.map_err(|error| error.to_string())
        });
        assert!(outcome.unwrap_err().to_string().contains("not aligned"));
    }
}

#[test]
fn a_segment_in_a_missing_directory_names_the_path() {
    on_a_core(|| async {
        let Err(error) = WalFile::create(Path::new("/nowhere/segment"), 4096).await else {
            panic!("created")
        };
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("/nowhere/segment"), "{error}");
    });
}

#[test]
fn ranges_of_a_block_are_read_many_at_a_time() {
    on_a_core(|| async {
        let directory = tempdir().unwrap();
        let path = directory.path().join("data.parquet");
        let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect();
        whole::write_durable(&path, bytes.clone()).await.unwrap();
        let file = Arc::new(BlockFile::open(&path).await.unwrap());
        assert_eq!((file.len(), file.path()), (3_000_000, path.as_path()));
        let reads: Vec<_> = (0..100)
            .map(|i: usize| {
                let (file, count) =
                    (Arc::clone(&file), if i.is_multiple_of(3) { 700_000 } else { 100 });
                spawn(Class::Query, async move {
                    let start = i * 29_000;
                    let read = file.read_at(start as u64..(start + count) as u64).await.unwrap();
                    (start, count, read)
                })
            })
            .collect();
        for read in reads {
            let (start, count, read) = read.await;
            assert!(read[..] == bytes[start..bytes.len().min(start + count)]);
        }
        assert!(file.read_at(5_000_000..6_000_000).await.unwrap().is_empty());
    });
}

#[test]
fn ranges_of_a_file_are_read_together_in_their_order() {
    on_a_core(|| async {
        let directory = tempdir().unwrap();
        let path = directory.path().join("data.parquet");
        let bytes: Vec<u8> = (0..5_000_000u32).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect();
        whole::write_durable(&path, bytes.clone()).await.unwrap();
        let file = BlockFile::open(&path).await.unwrap();
        let (near, far) =
            ((0..200).map(|i| i * 3000..i * 3000 + 2000), std::iter::once(900_000..2_900_000));
        let last = [
            2_900_000..2_900_000,
            2_950_000..2_950_001,
            4_999_990..6_000_000,
            7_000_000..7_000_009,
        ];
        let ranges: Vec<_> = near.chain(far).chain(last).collect();
        // From the disk, as far as the system lets go of it, and from the cache.
        fadvise(std::fs::File::open(&path).unwrap(), 0, None, Advice::DontNeed).unwrap();
        for _ in 0..2 {
            let read = file.read_ranges(&ranges).await.unwrap();
            assert_eq!(read.len(), ranges.len());
            for (range, read) in ranges.iter().zip(read) {
                let end = bytes.len().min(range.end as usize);
                let start = end.min(range.start as usize);
                assert!(read == bytes[start..end], "{range:?}");
            }
        }
        assert!(file.read_ranges(&[]).await.unwrap().is_empty());
        let part = whole::read_range(&path, 4_999_999..5_000_007).await.unwrap();
        assert_eq!(part, bytes[4_999_999..]);
        assert!(whole::read_range(&path, 5_000_007..5_000_009).await.unwrap().is_empty());
        let missing = whole::read_range(&directory.path().join("none"), 0..1).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn whole_files_and_directories_come_and_go() {
    on_a_core(|| async {
        let directory = tempdir().unwrap();
        let deep = directory.path().join("a/b/c");
        whole::create_dir_all(&deep).await.unwrap();
        whole::create_dir_all(&deep).await.unwrap();
        let (meta, renamed) = (deep.join("meta.json"), deep.join("meta.compacted.json"));
        whole::write_durable(&meta, b"{}".to_vec()).await.unwrap();
        whole::rename(&meta, &renamed).await.unwrap();
        assert_eq!(whole::read(&renamed, 2).await.unwrap(), "{}");
        let too_large = whole::read(&renamed, 1).await.unwrap_err();
        assert_eq!(too_large.kind(), ErrorKind::InvalidData);
        assert_eq!(whole::list_dir(&deep).await.unwrap(), [(renamed.clone(), false)]);
        let parent = deep.parent().unwrap();
        assert_eq!(whole::list_dir(parent).await.unwrap(), [(deep.clone(), true)]);
        whole::remove_file(&renamed).await.unwrap();
        whole::remove_file(&renamed).await.unwrap();
        whole::remove_dir_all(&directory.path().join("a")).await.unwrap();
        whole::remove_dir_all(&directory.path().join("a")).await.unwrap();
        assert_eq!(whole::list_dir(&deep).await.unwrap(), []);
        let missing = whole::read(&meta, 9).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert!(missing.to_string().contains("meta.json"), "{missing}");
    });
}

#[test]
fn a_file_is_what_was_appended_whatever_the_pieces_and_the_file_system() {
    let bytes: Vec<u8> =
        (0..5_000_000_u32).map(|number| (number.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
    let bytes = Bytes::from(bytes);
    for directory in [on_disk(), tempfile::tempdir_in("/dev/shm").unwrap()] {
        // Pages and whole gathered writes to the byte, and everything else.
        for (length, piece) in [(0, 1), (1, 1), (4096, 96), (2 << 20, 1 << 20), (4_999_999, 70_001)]
        {
            let (path, data) = (directory.path().join("data"), bytes.slice(..length));
            let expected = data.clone();
            on_a_core(move || {
                let (path, data) = (path.clone(), data.clone());
                async move { appended(&path, &data, piece).await }
            });
            assert_eq!(std::fs::read(directory.path().join("data")).unwrap(), expected);
        }
    }
}

#[test]
fn a_file_that_was_begun_again_holds_nothing_of_the_first_try() {
    on_a_core(|| async {
        let directory = on_disk();
        let path = directory.path().join("data");
        let gathered = Bytes::from(vec![1; AppendFile::MEMORY_BYTES]);
        let mut first = AppendFile::create(&path).await.unwrap();
        first.append(gathered.clone()).await.unwrap();
        appended(&path, &Bytes::from_static(b"second"), 6).await;
        first.append(gathered).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
    });
}

async fn appended(path: &Path, data: &Bytes, piece: usize) {
    let mut file = AppendFile::create(path).await.unwrap();
    for piece in data.chunks(piece) {
        file.append(data.slice_ref(piece)).await.unwrap();
    }
    assert_eq!((file.len(), file.is_empty()), (data.len() as u64, data.is_empty()));
    file.finish().await.unwrap();
}
