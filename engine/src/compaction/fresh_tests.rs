use stringendo_block::BlockMeta;

use super::*;
use crate::tenant::TenantId;

const SECOND: Duration = Duration::from_secs(1);

fn entry(id: Uuid, level: u32) -> Arc<BlockEntry> {
    let meta = BlockMeta { block_id: id, compaction_level: level, ..BlockMeta::default() };
    Arc::new(BlockEntry::new(TenantId::single(), meta))
}

fn segments(segments: &[Uuid]) -> Vec<LiveNow> {
    vec![LiveNow { segments: segments.to_vec(), oldest_look: None }]
}

#[test]
fn a_block_whose_segment_is_live_is_not_settled() {
    let segment = Uuid::from_u128(1);
    let block = entry(block_id(&segment, &TenantId::single()), 0);
    let list = BlockList::default().with(Arc::clone(&block));
    let mut fresh = Fresh::default();
    assert!(!fresh.is_settled(&block), "nothing is known yet");
    fresh.take(&list, &segments(&[segment]), SECOND);
    assert!(!fresh.is_settled(&block));
    fresh.take(&list, &segments(&[]), 2 * SECOND);
    assert!(fresh.is_settled(&block));
}

#[test]
fn a_block_is_not_settled_while_an_older_query_goes_on() {
    let block = entry(Uuid::from_u128(1), 0);
    let list = BlockList::default().with(Arc::clone(&block));
    let mut fresh = Fresh::default();
    fresh.take(&list, &segments(&[]), 2 * SECOND);
    fresh.oldest_look = Some(SECOND);
    assert!(!fresh.is_settled(&block));
    fresh.take(&list, &segments(&[]), 4 * SECOND);
    fresh.oldest_look = Some(3 * SECOND);
    assert!(fresh.is_settled(&block), "since the second second");
}

#[test]
fn merged_blocks_were_never_live() {
    assert!(Fresh::default().is_settled(&entry(Uuid::from_u128(1), 1)));
}
