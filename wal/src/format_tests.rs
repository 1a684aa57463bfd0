use super::*;

fn unit() -> Unit {
    let segment = SegmentHeader {
        segment_id: Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
        core: 3,
        cores: 8,
        created_unix_nanos: 1_700_000_000_123_456_789,
    };
    Unit { segment, sequence: 5, offset: 2 * PAGE_BYTES as u64, bytes: 1000, frames: 7 }
}

fn at_offset(unit: &Unit, offset: usize) -> Vec<u8> {
    [vec![0; offset], unit.encode().to_vec()].concat()
}

#[test]
fn a_unit_is_read_back_where_it_was_written() {
    let offset = 2 * PAGE_BYTES;
    assert_eq!(Unit::decode(&at_offset(&unit(), offset), offset), Ok(unit()));
}

#[test]
fn a_unit_copied_to_another_page_does_not_check_out() {
    let file = at_offset(&unit(), PAGE_BYTES);
    assert_eq!(Unit::decode(&file, PAGE_BYTES), Err(NotAUnit::Unreadable));
}

#[test]
fn every_flipped_bit_of_a_unit_is_noticed() {
    let offset = 2 * PAGE_BYTES;
    for bit in 0..UNIT_HEADER_BYTES * 8 {
        let mut file = at_offset(&unit(), offset);
        file[offset + bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Unit::decode(&file, offset), Err(NotAUnit::Unreadable), "bit {bit}");
    }
}

#[test]
fn a_newer_version_that_checks_out_is_told_apart_from_damage() {
    let mut file = Unit { offset: 0, ..unit() }.encode();
    file[8..10].copy_from_slice(&2_u16.to_le_bytes());
    assert_eq!(Unit::decode(&file, 0), Err(NotAUnit::Unreadable));
    let crc = crc32fast::hash(&file[..CRC_AT]);
    file[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(Unit::decode(&file, 0), Err(NotAUnit::Newer(2)));
}

#[test]
fn too_few_bytes_are_no_unit() {
    let bytes = Unit { offset: 0, ..unit() }.encode();
    for len in 0..UNIT_HEADER_BYTES {
        assert_eq!(Unit::decode(&bytes[..len], 0), Err(NotAUnit::Unreadable));
    }
    assert_eq!(Unit::decode(&bytes, 1000), Err(NotAUnit::Unreadable));
}
