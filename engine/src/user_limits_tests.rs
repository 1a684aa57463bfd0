use super::{object_of, parsed, version_of};
use crate::tenant::TenantId;

#[test]
fn contents_have_versions_of_their_own_and_none_is_zero() {
    assert_eq!(version_of(b"{}"), version_of(b"{}"));
    assert_ne!(version_of(b"{}"), version_of(b"{ }"));
    assert!(version_of(b"x").parse::<u64>().is_ok_and(|version| version > 0));
}

#[test]
fn objects_stand_below_the_name_of_their_tenant() {
    assert_eq!(object_of(&TenantId::parse("a..b").unwrap()), "a..b/overrides.json");
}

#[test]
fn what_is_no_object_of_json_is_refused() {
    assert_eq!(parsed(br#"{"forwarders":["x"]}"#).unwrap().limits["forwarders"][0], "x");
    for bad in ["", "[]", "3", "{", "nonsense"] {
        assert!(parsed(bad.as_bytes()).is_err(), "{bad}");
    }
}
