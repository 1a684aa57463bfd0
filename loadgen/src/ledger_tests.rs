use super::*;

const HEADER: Header = Header {
    workload: WorkloadOptions { seed: 5, batch_spans: 300, groups: 2 },
    run_id: u64::MAX - 3,
};

fn entries() -> Vec<Entry> {
    let fates = [Fate::Acknowledged, Fate::Unanswered, Fate::Refused];
    let entry = |at: u64| Entry {
        fate: fates[at as usize % 3],
        template: u32::MAX - at as u32,
        instance: at << 40,
        base_unix_ns: 1_800_000_000_000_000_000 + at,
    };
    (0..10).map(entry).collect()
}

fn bytes() -> Vec<u8> {
    let records = entries().iter().flat_map(Entry::encode).collect::<Vec<_>>();
    [HEADER.encode().to_vec(), records].concat()
}

#[test]
fn what_was_written_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let mut writer = LedgerWriter::create(&path, &HEADER).unwrap();
    entries().iter().for_each(|entry| writer.append(entry).unwrap());
    writer.flush().unwrap();
    let ledger = Ledger::read(&path).unwrap();
    assert_eq!(ledger, Ledger { header: HEADER, entries: entries(), torn_bytes: 0 });
}

#[test]
fn a_tail_torn_at_any_byte_leaves_the_whole_records() {
    let whole = bytes();
    for end in HEADER_BYTES..whole.len() {
        let ledger = Ledger::decode(&whole[..end]).unwrap();
        let complete = (end - HEADER_BYTES) / RECORD_BYTES;
        assert_eq!(ledger.entries, entries()[..complete]);
        assert_eq!(ledger.torn_bytes, (end - HEADER_BYTES) % RECORD_BYTES);
    }
}

#[test]
fn a_flipped_bit_ends_the_ledger_before_that_record() {
    let mut bytes = bytes();
    bytes[HEADER_BYTES + 3 * RECORD_BYTES + 9] ^= 4;
    let ledger = Ledger::decode(&bytes).unwrap();
    assert_eq!(ledger.entries, entries()[..3]);
    assert_eq!(ledger.torn_bytes, 7 * RECORD_BYTES);
}

#[test]
fn other_files_are_refused_with_the_reason() {
    assert_eq!(Ledger::decode(b"short"), Err("shorter than its header"));
    let other = Ledger::decode(&[7; 64]);
    assert_eq!(other, Err("not a ledger of this version (magic SGLEDGR1)"));
    let mut broken = bytes();
    broken[10] ^= 1;
    assert_eq!(Ledger::decode(&broken), Err("the header's checksum does not match"));
}
