use super::*;

#[test]
fn a_reason_is_warned_of_once_per_pause_and_others_are_not_held_back() {
    let warnings = Warnings::default();
    let at = |seconds| WARNING_PAUSE * seconds;
    assert_eq!(warnings.is_due("a", at(10)), Some(0));
    assert_eq!(warnings.is_due("a", at(10)), None);
    assert_eq!(warnings.is_due("a", at(10)), None);
    assert_eq!(warnings.is_due("b", at(10)), Some(0));
    assert_eq!(warnings.is_due("a", at(11)), Some(2));
    assert_eq!(warnings.is_due("a", at(13)), Some(0));
}
