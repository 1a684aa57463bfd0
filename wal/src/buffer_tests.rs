use super::*;

fn pattern(len: usize, salt: usize) -> Vec<u8> {
    (0..len).map(|i| ((i * 31 + salt) % 251 + 1) as u8).collect()
}

#[test]
fn memory_begins_on_a_page_and_fills_whole_pages() {
    let mut buf = AlignedBuf::with_capacity(10);
    buf.append(&pattern(5000, 1));
    assert_eq!(buf.as_pages().as_ptr() as usize % PAGE_BYTES, 0);
    assert_eq!(buf.as_pages().len(), 2 * PAGE_BYTES);
    assert_eq!(buf.as_slice(), pattern(5000, 1));
}

#[test]
fn appended_pieces_are_read_back_in_order() {
    let mut buf = AlignedBuf::default();
    let mut expected = Vec::new();
    for (salt, len) in [0, 1, 4095, 4096, 4097, 3, 12_000, 1].into_iter().enumerate() {
        buf.append(&pattern(len, salt));
        expected.extend(pattern(len, salt));
        assert_eq!(buf.as_slice(), expected);
    }
}

#[test]
fn the_page_view_is_zero_behind_the_bytes_even_in_a_reused_buffer() {
    let mut buf = AlignedBuf::default();
    buf.append(&pattern(5 * PAGE_BYTES, 7));
    for len in [1, 4000, 4096, 4097, 9000] {
        buf.clear();
        buf.append(&pattern(len, 3));
        buf.append(&pattern(17, 4));
        assert!(buf.as_pages()[len + 17..].iter().all(|&b| b == 0), "length {len}");
    }
}

#[test]
fn padding_is_zero_and_stays_within_the_page() {
    let mut buf = AlignedBuf::default();
    buf.append(&pattern(2 * PAGE_BYTES, 7));
    buf.clear();
    buf.append(&[9; 13]);
    buf.pad_to(8);
    assert_eq!(buf.as_slice(), [&[9; 13][..], &[0; 3]].concat());
    buf.pad_to(PAGE_BYTES);
    assert_eq!(buf.len(), PAGE_BYTES);
    buf.pad_to(PAGE_BYTES);
    assert_eq!(buf.len(), PAGE_BYTES);
}

#[test]
fn shrinking_keeps_the_bytes_and_gives_memory_back() {
    let mut buf = AlignedBuf::with_capacity(1 << 20);
    buf.append(&pattern(5000, 2));
    buf.shrink_to_fit();
    assert_eq!(buf.capacity(), 2 * PAGE_BYTES);
    assert_eq!(buf.as_slice(), pattern(5000, 2));
}

#[test]
fn a_reader_is_read_to_its_end() {
    for len in [0, 1, 4096, 65_536, 65_537, 300_000] {
        let data = pattern(len, 5);
        let buf = AlignedBuf::from_reader(&mut data.as_slice(), 300_000).unwrap();
        assert_eq!(buf.as_slice(), data);
        assert!(buf.as_pages()[len..].iter().all(|&b| b == 0));
    }
}

#[test]
fn a_reader_that_yields_too_much_is_refused() {
    let data = pattern(8193, 5);
    let refused = AlignedBuf::from_reader(&mut data.as_slice(), 8192).map(|_| ());
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[test]
fn bytes_share_the_memory_of_the_pages() {
    let mut buf = AlignedBuf::default();
    buf.append(&pattern(5000, 6));
    let pages = Pages(Arc::new(buf));
    let bytes = pages.bytes();
    assert_eq!(bytes.as_ptr(), pages.0.as_slice().as_ptr());
    assert_eq!(bytes.len(), 5000);
    drop(pages);
    assert_eq!(bytes, pattern(5000, 6));
}
