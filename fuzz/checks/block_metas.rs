//! What must hold for any bytes that are taken for a block's meta or for a tenant's index: reading
//! them ends, without a panic, within bounded memory, and what was read can be written and read
//! again. Shared by the fuzz target and by the test that replays the corpus.
//!
//! Input: a byte that says what follows:
//! - 0: `meta.json`;
//! - 1: `index.json.gz`, unpacked; 2: the same as it is in the store;
//! - 3: `index.pb.zst`, unpacked; 4: the same as it is in the store.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use stringendo_block::BlockMeta;
use stringendo_block::tenant_index::TenantIndex;

/// Small, so that short inputs reach it.
const UNPACKED_MAX: u64 = 64 << 10;

/// Reads it.
pub fn check(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    match first {
        0 => meta(rest),
        1 => json(&gzip(rest)),
        2 => json(rest),
        3 => protobuf(&zstd::bulk::compress(rest, 1).expect("packs")),
        _ => protobuf(rest),
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).expect("a list takes all");
    packed.finish().expect("a list takes all")
}

fn meta(json: &[u8]) {
    let Ok(meta) = BlockMeta::parse(json) else { return };
    let (start, end) = meta.time_range_unix_nanos();
    assert!(start == 0 || !meta.start_time.is_empty());
    assert!(end == 0 || !meta.end_time.is_empty());
    // Most of a column is beside its text of eight bytes.
    assert!(meta.heap_bytes() <= 16 * json.len(), "{} of {}", meta.heap_bytes(), json.len());
    assert_eq!(BlockMeta::parse(&meta.to_json()).expect("what was written is read"), meta);
}

fn json(packed: &[u8]) {
    let Ok(index) = TenantIndex::from_json(packed, UNPACKED_MAX) else { return };
    assert_bounded(&index);
    let packed = index.to_json().expect("packs");
    assert_eq!(TenantIndex::from_json(&packed, u64::MAX).expect("what was written is read"), index);
}

fn protobuf(packed: &[u8]) {
    let Ok(index) = TenantIndex::from_protobuf(packed, UNPACKED_MAX) else { return };
    assert_bounded(&index);
    let packed = index.to_protobuf().expect("packs");
    let again = TenantIndex::from_protobuf(&packed, u64::MAX).expect("what was written is read");
    assert_eq!(again, index);
}

fn assert_bounded(index: &TenantIndex) {
    let metas = index.live.iter().chain(index.compacted.iter().map(|(meta, _)| meta));
    let bytes: usize = metas.map(|meta| size_of::<BlockMeta>() + meta.heap_bytes()).sum();
    assert!(bytes as u64 <= 4 * UNPACKED_MAX, "metas of {bytes} bytes");
}
