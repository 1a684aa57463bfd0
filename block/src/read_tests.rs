use super::ranges::GAP_BYTES_MAX;
use super::*;

#[test]
fn a_column_without_bytes_needs_nothing_fetched() {
    let nothing = Fetched::default();
    assert!(nothing.need(&(7..7)).is_ok_and(|bytes| bytes.is_empty()));
    assert!(matches!(nothing.need(&(7..8)), Err(ReadError::NotFetched(_))));
}

#[test]
fn ranges_that_are_close_are_joined_and_empty_ones_left_out() {
    let far = GAP_BYTES_MAX + 100;
    let ranges = vec![far + 60..far + 70, 50..60, 10..20, 15..18, 5..5];
    assert_eq!(join_ranges(ranges), [10..60, far + 60..far + 70]);
}
