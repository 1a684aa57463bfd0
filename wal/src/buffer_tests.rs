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
fn zeros_are_written_over_through_the_page_view() {
    for len in [0, 1, 4096, 65_537] {
        let mut buf = AlignedBuf::zeroed(len);
        assert_eq!(buf.as_mut().len(), len.next_multiple_of(PAGE_BYTES));
        assert!(buf.as_pages().iter().all(|&byte| byte == 0));
        buf.as_mut()[..len].copy_from_slice(&pattern(len, 5));
        assert_eq!(buf.as_slice(), pattern(len, 5));
        assert!(buf.as_pages()[len..].iter().all(|&byte| byte == 0));
    }
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
