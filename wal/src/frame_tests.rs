use super::*;

const SEED: FrameSeed = FrameSeed(0x1234_5678);

fn header() -> FrameHeader<'static> {
    FrameHeader { kind: FrameKind::OtlpTraces, received_unix_nanos: 42, tenant: b"acme" }
}

/// A file with one frame at `offset`.
fn file_with_frame(offset: usize, payload: &[u8]) -> Vec<u8> {
    // Not zeros: the frame must overwrite all of its bytes.
    let mut file = vec![0xAA; offset + padded_bytes(4, payload.len())];
    encode(&header(), &[payload], payload.len(), &mut file[offset..]);
    stamp(SEED, &mut file, offset, 0);
    file
}

#[test]
fn a_frame_is_read_back_where_it_was_written() {
    let file = file_with_frame(64, b"payload");
    let frame = Frame::decode(&file, 64, SEED).unwrap();
    assert_eq!(frame.header, header());
    assert_eq!(&file[frame.payload.clone()], b"payload");
    assert_eq!(frame.next, file.len());
    assert!(frame.payload_checks_out(&file, file.len()));
}

#[test]
fn a_frame_of_another_segment_does_not_check_out() {
    let file = file_with_frame(64, b"payload");
    assert_eq!(Frame::decode(&file, 64, FrameSeed::new(Uuid::from_u128(1))), None);
}

#[test]
fn a_frame_copied_to_another_place_does_not_check_out() {
    let file = file_with_frame(64, b"payload");
    assert_eq!(Frame::decode(&file[8..], 56, SEED), None);
}

#[test]
fn every_flipped_bit_of_header_tenant_or_payload_is_noticed() {
    let whole = file_with_frame(8, b"payload");
    for bit in 0..(FRAME_HEADER_BYTES + 4 + 7) * 8 {
        let mut file = whole.clone();
        file[8 + bit / 8] ^= 1 << (bit % 8);
        let read = Frame::decode(&file, 8, SEED);
        assert!(!read.is_some_and(|f| f.payload_checks_out(&file, file.len())), "bit {bit}");
    }
}

#[test]
fn a_damaged_payload_still_tells_where_the_next_frame_is() {
    let mut file = file_with_frame(8, b"payload");
    file[8 + FRAME_HEADER_BYTES + 4] ^= 1;
    let frame = Frame::decode(&file, 8, SEED).unwrap();
    assert_eq!(frame.next, file.len());
    assert!(!frame.payload_checks_out(&file, file.len()));
}

#[test]
fn a_frame_cut_off_at_any_byte_does_not_check_out() {
    let whole = file_with_frame(8, b"payload");
    for len in 0..8 + FRAME_HEADER_BYTES + 4 + 7 {
        let file = &whole[..len];
        let read = Frame::decode(file, 8, SEED);
        assert!(!read.is_some_and(|f| f.payload_checks_out(file, len)), "length {len}");
    }
}

#[test]
fn the_next_frame_is_found_past_false_markers() {
    let mut file = file_with_frame(800, b"payload");
    for at in [0, 8, 400, 796] {
        file[at..at + 4].copy_from_slice(&MARKER.to_le_bytes());
    }
    assert_eq!(find(&file, 0..file.len(), SEED), Some(800));
    assert_eq!(find(&file, 808..file.len(), SEED), None);
    assert_eq!(find(&file, 0..800, SEED), None);
}
