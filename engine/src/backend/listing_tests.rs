use stringendo_block::BlockMeta;
use uuid::Uuid;

use super::{Listing, SkippedBlock, Unreadable};
use crate::block_list::BlockEntry;
use crate::tenant::TenantId;

fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).expect("a tenant")
}

fn skipped(id: u128, why: Unreadable) -> SkippedBlock {
    SkippedBlock { tenant: tenant("a"), block_id: Uuid::from_u128(id), why }
}

#[test]
fn a_listing_doubts_what_it_could_not_look_at_and_nothing_else() {
    let listing = Listing {
        skipped: vec![
            skipped(1, Unreadable::Meta("torn".to_owned())),
            skipped(2, Unreadable::Version("vParquet4".to_owned())),
        ],
        errors: vec![(tenant("b"), "permission denied".to_owned())],
        ..Listing::default()
    };
    let doubts = listing.doubts();
    let doubted = |of, id| {
        let meta = BlockMeta { block_id: Uuid::from_u128(id), ..BlockMeta::default() };
        doubts(&BlockEntry::new(tenant(of), meta))
    };
    assert!(doubted("a", 1));
    assert!(!doubted("a", 2), "it is of another version now");
    assert!(!doubted("a", 3), "it is not there");
    assert!(doubted("b", 1) && doubted("b", 2));
    assert!(!doubted("c", 1));
}
