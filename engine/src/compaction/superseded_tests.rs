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

fn listing(blocks: Vec<Arc<BlockEntry>>, compacted: Vec<Arc<BlockEntry>>) -> Listing {
    let compacted = compacted.into_iter().map(|entry| CompactedBlock::found(entry, 1)).collect();
    Listing { blocks, compacted, ..Listing::default() }
}

fn numbers(claims: Vec<(Arc<BlockEntry>, Superseded)>) -> Vec<(u128, Vec<u128>)> {
    let number = |id: &Uuid| id.as_u128();
    let of = |(by, ids): (Arc<BlockEntry>, Superseded)| {
        (number(&by.meta.block_id), ids.iter().map(|(_, id)| number(id)).collect())
    };
    claims.into_iter().map(of).collect()
}

fn claimed(
    blocks: Vec<Arc<BlockEntry>>,
    compacted: Vec<Arc<BlockEntry>>,
) -> Vec<(u128, Vec<u128>)> {
    numbers(claims(&listing(blocks, compacted)))
}

#[test]
fn of_blocks_that_two_processes_merged_from_the_same_one_stays() {
    let of = |id, inputs: &[u128]| entry("a", id, 1, (5, 9), inputs);
    let found = |blocks, gone| numbers(twins(&listing(blocks, gone)));
    // The same inputs: the lower id; more inputs: the one with more.
    assert_eq!(found(vec![of(10, &[1, 2]), of(11, &[2, 1])], vec![]), [(10, vec![11])]);
    let more = vec![of(10, &[1, 2]), of(11, &[1, 2, 3]), of(12, &[4, 5])];
    assert_eq!(found(more, vec![]), [(11, vec![10])]);
    // What one of them has become holds the other one, too.
    let further = vec![of(10, &[1, 2]), entry("a", 20, 2, (5, 9), &[11, 12])];
    let gone = vec![of(11, &[1, 2]), of(12, &[4, 5])];
    assert_eq!(found(further, gone), [(20, vec![10])]);
    // Never both, whatever is known of what their inputs were made of.
    let same = vec![of(10, &[1, 2]), of(11, &[1, 2])];
    assert_eq!(found(same, vec![of(1, &[3, 4])]), [(10, vec![11])]);
}

#[test]
fn blocks_that_share_some_inputs_and_what_was_written_again_both_stay() {
    let of = |id, inputs: &[u128]| entry("a", id, 1, (5, 9), inputs);
    for blocks in [
        vec![of(10, &[1, 2]), of(11, &[2, 3])],
        // Without one trace each.
        vec![of(10, &[1]), of(11, &[1])],
        vec![of(10, &[1, 2]), entry("b", 11, 1, (5, 9), &[1, 2])],
        // Another time than that of all inputs.
        vec![entry("a", 10, 1, (6, 9), &[1, 2]), entry("a", 11, 1, (5, 8), &[1, 2])],
    ] {
        assert!(twins(&listing(blocks, Vec::new())).is_empty());
    }
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
fn a_block_that_was_written_again_without_a_trace_takes_the_place_of_its_old_self() {
    let rewritten = |objects: u64| {
        let of = |entry: Arc<BlockEntry>, total_objects| {
            let meta = BlockMeta { total_objects, ..entry.meta.clone() };
            Arc::new(BlockEntry::new(entry.tenant.clone(), meta))
        };
        let old = of(entry("a", 1, 2, (5, 6), &[]), 10);
        let new = of(entry("a", 2, 2, (5, 6), &[1]), objects);
        claimed(vec![old, new], Vec::new())
    };
    assert_eq!(rewritten(9), [(2, vec![1])]);
    assert!(rewritten(8).is_empty(), "more than a trace is missing");
}

#[test]
fn a_claim_that_merging_does_not_explain_is_not_believed() {
    for by in [
        // Of its own level, too short, or another tenant's.
        entry("a", 2, 0, (5, 6), &[1, 3]),
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

#[test]
fn what_has_its_successor_on_the_list_is_not_read_any_more() {
    let found = |id| CompactedBlock::found(entry("a", id, 0, (5, 9), &[]), 1);
    let mut listing = Listing {
        blocks: vec![entry("a", 2, 1, (5, 9), &[1]), entry("b", 4, 1, (5, 9), &[3])],
        compacted: vec![found(1), found(3)],
        ..Listing::default()
    };
    know_successors(&mut listing);
    let known: Vec<bool> = listing.compacted.iter().map(|block| block.replaced_here).collect();
    assert_eq!(known, [true, false], "another tenant's is no successor");
}
