use super::content_name;

#[test]
fn contents_have_versions_of_their_own_and_none_is_zero() {
    assert_eq!(content_name(b"{}"), content_name(b"{}"));
    assert_ne!(content_name(b"{}"), content_name(b"{ }"));
    assert!(content_name(b"x").parse::<u64>().is_ok_and(|version| version > 0));
}
