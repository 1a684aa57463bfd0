use super::*;

fn left(name: &str, modified_unix_nanos: u64) -> LeftObject {
    LeftObject { name: name.to_owned(), modified_unix_nanos }
}

#[test]
fn only_old_pieces_of_blocks_that_nobody_sees_may_go() {
    let block = Uuid::from_u128(7);
    assert!(may_go(&left(&format!("{block}/data.parquet"), 9), 10));
    assert!(may_go(&left(&format!("{block}/"), 9), 10));
    assert!(!may_go(&left(&format!("{block}/data.parquet"), 10), 10), "young");
    for name in ["meta.json", "meta.compacted.json"] {
        assert!(!may_go(&left(&format!("{block}/{name}"), 9), 10), "{name}");
    }
    for foreign in ["overrides.json", "index.pb.zst", "notes/data.parquet", "x"] {
        assert!(!may_go(&left(foreign, 9), 10), "{foreign}");
    }
}
