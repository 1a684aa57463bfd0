use std::sync::Arc;

use stringendo_block::BlockMeta;
use uuid::Uuid;

use super::{BlockChange, BlockEntry, BlockList, CompactedBlock};
use crate::backend::Listing;
use crate::backend::listing::{SkippedBlock, Unreadable};
use crate::tenant::TenantId;

fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).expect("a tenant")
}

fn found(entries: &[(&str, u128)]) -> Listing {
    let blocks = entries.iter().map(|(tenant, id)| entry(tenant, *id)).collect();
    Listing { blocks, ..Listing::default() }
}

fn compacted_ids(list: &BlockList, of: &str) -> Vec<u128> {
    let blocks = list.compacted_of(&tenant(of)).iter();
    blocks.map(|block| block.entry.meta.block_id.as_u128()).collect()
}

fn entry(tenant: &str, id: u128) -> Arc<BlockEntry> {
    let meta = BlockMeta { block_id: Uuid::from_u128(id), ..BlockMeta::default() };
    Arc::new(BlockEntry::new(self::tenant(tenant), meta))
}

fn ids(list: &BlockList, tenant: &str) -> Vec<u128> {
    let blocks = list.of(&self::tenant(tenant));
    blocks.iter().map(|block| block.meta.block_id.as_u128()).collect()
}

fn list(entries: &[(&str, u128)]) -> BlockList {
    let with = |list: BlockList, (tenant, id): &(&str, u128)| list.with(entry(tenant, *id));
    entries.iter().fold(BlockList::default(), with)
}

#[test]
fn a_poll_drops_what_is_gone_and_keeps_what_was_added_meanwhile() {
    let before = list(&[("a", 1), ("a", 2), ("b", 1)]);
    let now = before.with(entry("a", 3)).with(entry("b", 2));
    let polled = now.polled(&before, &found(&[("a", 2), ("a", 3), ("c", 9)]));
    assert_eq!(ids(&polled, "a"), [2, 3]);
    assert_eq!(ids(&polled, "b"), [2]);
    assert_eq!(ids(&polled, "c"), [9]);
    assert!(polled.version() > now.version());
}

#[test]
fn a_poll_keeps_listed_blocks_that_it_could_not_look_at() {
    let before = list(&[("a", 1), ("a", 2), ("b", 1)]);
    let mut listing = found(&[("a", 2)]);
    listing.errors.push((tenant("a"), "permission denied".to_owned()));
    let polled = before.polled(&before, &listing);
    assert_eq!(ids(&polled, "a"), [1, 2]);
    assert_eq!(ids(&polled, "b"), [0; 0]);
}

#[test]
fn a_tenant_whose_blocks_are_gone_has_none() {
    let before = list(&[("a", 1)]);
    let polled = before.polled(&before, &found(&[]));
    let lengths: Vec<_> = polled.tenants().map(|(_, blocks)| blocks.len()).collect();
    assert_eq!(lengths, [0]);
}

/// 1 and 2 become 3.
fn merge(list: &BlockList) -> BlockList {
    let compacted = |id| BlockChange::Compacted(tenant("a"), Uuid::from_u128(id), 7);
    list.changed(vec![BlockChange::Added(entry("a", 3)), compacted(1), compacted(2)])
}

#[test]
fn a_merge_takes_effect_in_one_step() {
    let before = list(&[("a", 1), ("a", 2), ("b", 1)]);
    let merged = merge(&before);
    assert_eq!((ids(&merged, "a"), compacted_ids(&merged, "a")), (vec![3], vec![1, 2]));
    assert_eq!(merged.version(), before.version() + 1);
    let removed = merged.changed(vec![BlockChange::Removed(tenant("a"), Uuid::from_u128(1))]);
    assert_eq!((ids(&removed, "a"), compacted_ids(&removed, "a")), (vec![3], vec![2]));
}

#[test]
fn a_block_that_was_superseded_is_not_added_again() {
    let merged = merge(&list(&[("a", 1), ("a", 2)]));
    let again = merged.with(entry("a", 1));
    assert_eq!((ids(&again, "a"), compacted_ids(&again, "a")), (vec![3], vec![1, 2]));
}

#[test]
fn a_poll_that_saw_blocks_before_they_were_merged_does_not_bring_them_back() {
    let before = list(&[("a", 1), ("a", 2)]);
    let merged = merge(&before);
    // It began before the merge, or the marks in the backend come after it.
    for began in [&before, &merged] {
        let polled = merged.polled(began, &found(&[("a", 1), ("a", 2), ("a", 3)]));
        assert_eq!((ids(&polled, "a"), compacted_ids(&polled, "a")), (vec![3], vec![1, 2]));
    }
}

#[test]
fn a_poll_does_not_bring_back_what_was_removed_meanwhile() {
    let before = merge(&list(&[("a", 1), ("a", 2)]));
    let now = before.changed(vec![BlockChange::Removed(tenant("a"), Uuid::from_u128(1))]);
    let mut listing = found(&[("a", 3)]);
    for id in [1, 2] {
        listing.compacted.push(CompactedBlock::found(entry("a", id), 7));
    }
    let polled = now.polled(&before, &listing);
    assert_eq!((ids(&polled, "a"), compacted_ids(&polled, "a")), (vec![3], vec![2]));
}

#[test]
fn what_others_have_compacted_is_still_asked_for_pieces_of_traces_for_a_while() {
    let before = list(&[("a", 1), ("a", 2)]);
    let mut listing = found(&[("a", 2)]);
    listing.compacted.push(CompactedBlock::found(entry("a", 1), 100));
    let polled = before.polled(&before, &listing);
    let asked = |since| {
        let blocks = polled.with_pieces(&tenant("a"), since);
        blocks.map(|block| block.meta.block_id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!((asked(100), asked(101)), (vec![2, 1], vec![2]));
    let merged = merge(&before);
    assert_eq!(merged.with_pieces(&tenant("a"), 0).count(), 1, "the new block is on the list");
}

#[test]
fn lists_are_the_same_if_they_name_the_same_blocks() {
    let one = list(&[("a", 1), ("b", 2)]);
    assert!(one.same_blocks(&list(&[("b", 2), ("a", 1)])));
    assert!(!one.same_blocks(&list(&[("a", 1), ("b", 3)])));
    assert!(!one.same_blocks(&list(&[("a", 1)])));
    assert!(!merge(&one).same_blocks(&one));
}

#[test]
fn what_is_not_listed_is_told_until_it_is_listed_or_gone() {
    let (tenant, id) = (tenant("a"), Uuid::from_u128(7));
    let why = Unreadable::Meta("damaged".to_owned());
    let skipped = vec![SkippedBlock { tenant: tenant.clone(), block_id: id, why }];
    let empty = BlockList::default();
    let list = empty.polled(&empty, &Listing { skipped, ..Listing::default() });
    assert_eq!(list.unlisted_of(&tenant).ids(), [id]);
    assert!(!list.same_blocks(&empty));
    let errors = vec![(tenant.clone(), "away".to_owned())];
    let list = list.polled(&list, &Listing { errors, ..Listing::default() });
    assert_eq!(list.unlisted_of(&tenant).ids(), [id], "nobody could look");
    let list = list.polled(&list, &Listing::default());
    assert!(list.unlisted_of(&tenant).is_empty());
}
