use std::sync::Arc;

use stringendo_block::BlockMeta;
use uuid::Uuid;

use super::{BlockEntry, BlockList};
use crate::tenant::TenantId;

fn entry(tenant: &str, id: u128) -> Arc<BlockEntry> {
    let meta = BlockMeta { block_id: Uuid::from_u128(id), ..BlockMeta::default() };
    Arc::new(BlockEntry::new(TenantId::parse(tenant).expect("a tenant"), meta))
}

fn ids(list: &BlockList, tenant: &str) -> Vec<u128> {
    let blocks = list.of(&TenantId::parse(tenant).expect("a tenant"));
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
    let polled = now.polled(&before, vec![entry("a", 2), entry("a", 3), entry("c", 9)], |_| false);
    assert_eq!(ids(&polled, "a"), [2, 3]);
    assert_eq!(ids(&polled, "b"), [2]);
    assert_eq!(ids(&polled, "c"), [9]);
    assert!(polled.version() > now.version());
}

#[test]
fn a_poll_keeps_listed_blocks_that_it_could_not_look_at() {
    let before = list(&[("a", 1), ("a", 2), ("b", 1)]);
    let doubts = |entry: &BlockEntry| entry.tenant.as_str() == "a";
    let polled = before.polled(&before, vec![entry("a", 2)], doubts);
    assert_eq!(ids(&polled, "a"), [1, 2]);
    assert_eq!(ids(&polled, "b"), [0; 0]);
}

#[test]
fn a_tenant_whose_blocks_are_gone_has_none() {
    let before = list(&[("a", 1)]);
    let polled = before.polled(&before, Vec::new(), |_| false);
    let lengths: Vec<_> = polled.tenants().map(|(_, blocks)| blocks.len()).collect();
    assert_eq!(lengths, [0]);
}
