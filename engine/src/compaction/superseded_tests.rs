use stringendo_block::meta::rfc3339;

use super::*;

fn entry(
    tenant: &str,
    id: u128,
    level: u32,
    times: (u64, u64),
    inputs: &[u128],
) -> Arc<BlockEntry> {
    let meta = BlockMeta {
        block_id: Uuid::from_u128(id),
        compaction_level: level,
        start_time: rfc3339(times.0),
        end_time: rfc3339(times.1),
        inputs: inputs.iter().map(|id| Uuid::from_u128(*id)).collect(),
        ..BlockMeta::default()
    };
    Arc::new(BlockEntry::new(TenantId::parse(tenant).expect("a tenant"), meta))
}

fn claimed(
    blocks: Vec<Arc<BlockEntry>>,
    compacted: Vec<Arc<BlockEntry>>,
) -> Vec<(u128, Vec<u128>)> {
    let compacted = compacted.into_iter().map(|entry| CompactedBlock::found(entry, 1)).collect();
    let listing = Listing { blocks, compacted, ..Listing::default() };
    let number = |id: &Uuid| id.as_u128();
    let claims = claims(&listing).into_iter();
    claims
        .map(|(by, ids)| {
            (number(&by.meta.block_id), ids.iter().map(|(_, id)| number(id)).collect())
        })
        .collect()
}

#[test]
fn a_merged_block_takes_the_place_of_the_live_ones_that_it_names() {
    let blocks = vec![
        entry("a", 1, 0, (5, 6), &[]),
        entry("a", 2, 1, (5, 9), &[1, 3]),
        entry("a", 3, 0, (7, 9), &[]),
        entry("a", 4, 0, (7, 9), &[]),
    ];
    assert_eq!(claimed(blocks, Vec::new()), [(2, vec![1, 3])]);
}

#[test]
fn it_still_does_after_it_was_superseded_itself() {
    let blocks = vec![entry("a", 1, 0, (5, 6), &[])];
    assert_eq!(claimed(blocks, vec![entry("a", 2, 1, (5, 6), &[1])]), [(2, vec![1])]);
}

#[test]
fn a_claim_that_merging_does_not_explain_is_not_believed() {
    for by in [
        // Of its own level, too short, or another tenant's.
        entry("a", 2, 0, (5, 6), &[1]),
        entry("a", 2, 1, (6, 6), &[1]),
        entry("a", 2, 1, (5, 5), &[1]),
        entry("b", 2, 1, (5, 6), &[1]),
        entry("a", 2, 1, (5, 6), &[]),
    ] {
        assert!(claimed(vec![entry("a", 1, 0, (5, 6), &[]), by], Vec::new()).is_empty());
    }
    let itself = entry("a", 1, 1, (5, 6), &[1]);
    assert!(claimed(vec![itself], Vec::new()).is_empty());
}
