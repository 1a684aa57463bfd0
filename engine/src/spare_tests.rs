use stringendo_wal::Pages;

use super::*;

const PAGE: usize = 4096;

fn buf(pages: usize) -> AlignedBuf {
    let mut buf = AlignedBuf::with_capacity(pages * PAGE);
    buf.append(b"in use");
    buf
}

fn taken(spare: &mut Spare, bytes: usize) -> Option<usize> {
    spare.take(bytes).map(|buf| buf.capacity() / PAGE)
}

#[test]
fn the_smallest_buffer_that_fits_is_taken() {
    let mut spare = Spare::default();
    [8, 2, 4, 4].into_iter().for_each(|pages| spare.put(buf(pages)));
    assert_eq!(spare.bytes(), 18 * PAGE as u64);
    assert_eq!(taken(&mut spare, 2 * PAGE + 1), Some(4));
    assert_eq!(taken(&mut spare, 3 * PAGE), Some(4));
    assert_eq!(taken(&mut spare, 4 * PAGE), Some(8));
    assert_eq!(taken(&mut spare, 3 * PAGE), None);
    assert_eq!(spare.bytes(), 2 * PAGE as u64);
}

#[test]
fn a_buffer_far_too_large_stays() {
    let mut spare = Spare::default();
    spare.put(buf(9));
    assert_eq!(taken(&mut spare, 4 * PAGE), None);
    assert_eq!(taken(&mut spare, 5 * PAGE), Some(9));
}

#[test]
fn shrinking_frees_no_more_than_it_must() {
    let mut spare = Spare::default();
    [1, 2, 4].into_iter().for_each(|pages| spare.put(buf(pages)));
    spare.shrink_to(6 * PAGE as u64);
    assert_eq!(spare.bytes(), 6 * PAGE as u64);
    spare.shrink_to(0);
    assert_eq!(spare.bytes(), 0);
    assert_eq!(taken(&mut spare, 1), None);
}

#[test]
fn an_image_comes_back_without_the_buffers_that_a_query_reads() {
    let (mut images, segment) = (Images::default(), Uuid::from_u128(1));
    let pages: Vec<_> = [1, 2, 4].map(|pages| Arc::new(buf(pages))).into();
    pages.iter().for_each(|pages| images.add(segment, Arc::clone(pages)));
    let read = Pages(Arc::clone(&pages[1])).bytes();
    drop(pages);
    let back: Vec<_> = images.take_back(&segment).map(|buf| buf.capacity() / PAGE).collect();
    assert_eq!(back, [1, 4]);
    assert_eq!(read, "in use");
    assert_eq!(images.take_back(&segment).count(), 0);
}
