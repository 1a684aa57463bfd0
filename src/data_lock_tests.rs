use super::lock;

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
