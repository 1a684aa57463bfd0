use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{NAME, lock};

#[test]
fn a_log_is_locked_until_the_lock_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let wal = dir.path().join("data/wal");
    let first = lock(&wal).unwrap();
    let error = lock(&wal).unwrap_err().to_string();
    assert!(error.contains(&wal.display().to_string()), "{error}");
    assert!(error.contains("another process uses this write-ahead log"), "{error}");
    drop(first);
    lock(&wal).unwrap();
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = lock(&file.path().join("wal")).unwrap_err().to_string();
    assert!(error.contains(&file.path().display().to_string()), "{error}");
}

#[test]
fn a_new_directory_and_its_lock_are_for_the_servers_user_alone() {
    let dir = tempfile::tempdir().unwrap();
    let wal = dir.path().join("data/wal");
    let _lock = lock(&wal).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir.path().join("data")), 0o700);
    assert_eq!(mode(&wal), 0o700);
    assert_eq!(mode(&wal.join(NAME)), 0o600);
}
