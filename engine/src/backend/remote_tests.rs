use stringendo_store::Listed;
use uuid::Uuid;

use super::found_blocks;

fn listed(name: &str, modified_unix_nanos: u64) -> Listed {
    Listed { name: name.to_owned(), size: 1, modified_unix_nanos }
}

#[test]
fn keys_of_a_listing_become_blocks_and_foreign_ones_are_ignored() {
    let (live, marked) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let found = found_blocks(&[
        listed(&format!("{live}/meta.json"), 1),
        listed(&format!("{live}/nocompact.flg"), 2),
        listed(&format!("{marked}/meta.compacted.json"), 7),
        listed("no-uuid/meta.json", 1),
        listed("index.json.gz", 1),
        listed(&format!("{}/deeper/meta.json", Uuid::from_u128(3)), 1),
        listed(&format!("{}/data.parquet", Uuid::from_u128(4)), 1),
    ]);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].block_id, found[0].live, found[0].no_compact), (live, true, true));
    assert_eq!((found[1].block_id, found[1].compacted_unix_nanos), (marked, Some(7)));
    assert!(!found[1].live);
}
