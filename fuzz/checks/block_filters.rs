//! What must hold for any bytes that are taken for the filters beside a block: reading them ends,
//! without a panic, within bounded memory. Shared by the fuzz target and by the test that replays
//! the corpus.
//!
//! Input: a byte that says what to start from, then
//! - 0: the object;
//! - 1: patches of three bytes for a sound object: position (16 bits, little-endian), value; the
//!   directory's checksum is mended;
//! - 2: the unpacked names; 3: an unpacked chunk of values; 4: a shard over trace ids.

use std::sync::LazyLock;

use bytes::Bytes;
use stringendo_block::filters::directory::Probe;
use stringendo_block::filters::fuse::FuseShard;
use stringendo_block::filters::{Directory, KeyHash, Place, listing};
use stringendo_block::id_filter::{self, IdFilter};
use stringendo_block::tags::TagScope;
use stringendo_proto::TraceId;
use uuid::Uuid;

const BLOCK: Uuid = Uuid::from_u128(0x0102_0304_0506_4708_890a_0b0c_0d0e_0f10);

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../block/tests/fixtures/filters-v1.bin");
    std::fs::read(path).expect("the object is in the repository")
});

/// Reads all there is to read.
pub fn check(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    match first {
        0 => object(rest.to_vec().into()),
        1 => object(patched(rest).into()),
        2 => names(rest),
        3 => values(rest),
        _ => shard(&rest.to_vec().into()),
    }
}

fn patched(patches: &[u8]) -> Vec<u8> {
    let mut object = SOUND.clone();
    for patch in patches.as_chunks::<3>().0 {
        let at = usize::from(u16::from_le_bytes([patch[0], patch[1]])) % object.len();
        object[at] = patch[2];
    }
    if let Ok(bytes) = Directory::bytes(&object, &BLOCK)
        && let Some(end) = (bytes as usize).checked_sub(4).filter(|end| end + 4 <= object.len())
    {
        let checksum = crc32fast::hash(&object[..end]);
        object[end..end + 4].copy_from_slice(&checksum.to_le_bytes());
    }
    object
}

fn object(object: Bytes) {
    let Ok(directory) = Directory::decode(&object, &BLOCK) else { return };
    assert!(directory.memory_bytes() < 1024 + 16 * object.len());
    let slice = |range: std::ops::Range<u64>| {
        object.get(range.start as usize..range.end as usize).map(Bytes::copy_from_slice)
    };
    let key = KeyHash::of(Place::Span, b"k");
    for (entry, value_of) in [(key.present(), None), (key.string(b"a"), Some(key))] {
        let probe = Probe { entry, value_of };
        if let Some(part) = directory.page_for(&probe)
            && let Some(Ok(page)) = slice(part.range()).map(|bytes| part.check(bytes))
        {
            directory.may_hold(&probe, &page);
        }
    }
    if let Some(ids) = IdFilter::of_object(&object, &BLOCK) {
        ids.may_hold(&TraceId([3; 16]));
    }
    let unpacked = |packed: &stringendo_block::filters::directory::Packed| {
        slice(packed.part.range()).and_then(|bytes| packed.unpack(bytes).ok())
    };
    if let Some(raw) = directory.names.as_ref().and_then(unpacked) {
        names(&raw);
    }
    if let Some(raw) = directory.chunk_of(Place::Span, b"k").and_then(|c| unpacked(&c.packed)) {
        values(&raw);
    }
}

fn names(raw: &[u8]) {
    if let Ok(names) = listing::read_names(raw) {
        let texts: usize = TagScope::ALL.iter().map(|scope| names.of(*scope).text_bytes()).sum();
        assert!(texts <= raw.len());
    }
}

fn values(raw: &[u8]) {
    for (place, key) in [(Place::Span, &b"k"[..]), (Place::Name, b""), (Place::Resource, b"x")] {
        if let Ok(Some(values)) = listing::read_values(raw, place, key) {
            assert!(values.len() <= raw.len() + 2);
        }
    }
}

fn shard(bytes: &Bytes) {
    if let Ok(shard) = FuseShard::decode(bytes) {
        for id in 0..8 {
            shard.may_hold(id_filter::entry(&TraceId([id; 16])));
        }
    }
}
