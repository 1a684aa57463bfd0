use super::object_of;
use crate::tenant::TenantId;

#[test]
fn objects_stand_below_the_name_of_their_tenant() {
    assert_eq!(object_of(&TenantId::parse("a..b").unwrap()), "a..b/overrides.json");
}
