use std::time::Duration;

use stringendo_block::BlockMeta;

use super::*;
use crate::block_list::CompactedBlock;
use crate::compaction::fresh::LiveNow;
use crate::encode_job::block_id;

const SEGMENT: Uuid = Uuid::from_u128(77);

fn live() -> Uuid {
    block_id(&SEGMENT, &TenantId::single())
}

fn entry(id: Uuid, inputs: &[Uuid]) -> Arc<BlockEntry> {
    let level = u32::from(!inputs.is_empty());
    let inputs = inputs.to_vec();
    let meta = BlockMeta { block_id: id, compaction_level: level, inputs, ..BlockMeta::default() };
    Arc::new(BlockEntry::new(TenantId::single(), meta))
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn listing(blocks: &[Arc<BlockEntry>], compacted: &[Arc<BlockEntry>]) -> Listing {
    let compacted = compacted.iter().map(|entry| CompactedBlock::found(Arc::clone(entry), 1));
    Listing { blocks: blocks.to_vec(), compacted: compacted.collect(), ..Listing::default() }
}

/// What is known while the segment is live, or no more.
fn fresh(is_live: bool) -> Fresh {
    let segments = if is_live { vec![SEGMENT] } else { Vec::new() };
    let mut fresh = Fresh::default();
    let live = [LiveNow { segments, oldest_look: None }];
    fresh.take(&BlockList::default(), &live, Duration::ZERO);
    fresh
}

fn ids(blocks: impl IntoIterator<Item = Arc<BlockEntry>>) -> HashSet<Uuid> {
    blocks.into_iter().map(|entry| entry.meta.block_id).collect()
}

fn shown(mut listing: Listing, before: &BlockList, is_live: bool) -> (usize, [HashSet<Uuid>; 2]) {
    let count = put_off(&mut listing, before, &fresh(is_live));
    let compacted = listing.compacted.iter().map(|block| Arc::clone(&block.entry));
    (count, [ids(compacted), ids(listing.blocks)])
}

#[test]
fn a_merged_block_waits_until_no_part_of_it_looks_live() {
    let parts = [entry(live(), &[]), entry(id(2), &[])];
    let found = || listing(&[entry(id(9), &[live(), id(2)]), entry(id(3), &[])], &parts);
    let none = BlockList::default();
    let with_parts = [HashSet::new(), HashSet::from([live(), id(2), id(3)])];
    assert_eq!(shown(found(), &none, true), (1, with_parts));
    let as_found = || [HashSet::from([live(), id(2)]), HashSet::from([id(9), id(3)])];
    assert_eq!(shown(found(), &none, false), (0, as_found()));
    // One that is served already stays.
    let before = none.with(entry(id(9), &[live(), id(2)]));
    assert_eq!(shown(found(), &before, true), (0, as_found()));
}

#[test]
fn of_what_was_merged_again_only_that_is_put_back_which_holds_nothing_live() {
    let gone = [
        entry(live(), &[]),
        entry(id(2), &[]),
        entry(id(4), &[]),
        entry(id(8), &[live(), id(2)]),
        entry(id(7), &[id(4), id(5)]),
    ];
    let found = listing(&[entry(id(9), &[id(8), id(7)])], &gone);
    let shown = shown(found, &BlockList::default(), true);
    let expected = [HashSet::from([id(8), id(4)]), HashSet::from([live(), id(2), id(7)])];
    assert_eq!(shown, (1, expected));
}

#[test]
fn a_merged_block_whose_parts_have_gone_is_not_put_off() {
    let found = listing(&[entry(id(9), &[live(), id(2)])], &[entry(live(), &[])]);
    let shown = shown(found, &BlockList::default(), true);
    assert_eq!(shown, (0, [HashSet::from([live()]), HashSet::from([id(9)])]));
}
