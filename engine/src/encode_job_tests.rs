use super::*;

#[test]
fn one_segment_gives_each_tenant_one_block_id_for_ever() {
    let segment = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    let tenant = |text| TenantId::parse(text).expect("valid");
    let a = block_id(&segment, &tenant("a"));
    assert_eq!(a, block_id(&segment, &tenant("a")));
    assert_ne!(a, block_id(&segment, &tenant("b")));
    assert_eq!(a.get_version_num(), 4);
    // Recovery depends on this value across versions of the program.
    assert_eq!(
        block_id(&segment, &TenantId::single()).to_string(),
        "9e856144-66ea-4cbc-a45e-b205cde58d33"
    );
}
