use std::collections::BTreeSet;

use stringendo_block::BlockMeta;
use uuid::Uuid;

use super::*;
use crate::tenant::TenantId;

fn blocks(ids: impl Iterator<Item = u128>) -> Vec<Arc<BlockEntry>> {
    let meta = |id| BlockMeta { block_id: Uuid::from_u128(id), ..BlockMeta::default() };
    ids.map(|id| Arc::new(BlockEntry::new(TenantId::single(), meta(id)))).collect()
}

fn id(block: &BlockEntry) -> u128 {
    block.meta.block_id.as_u128()
}

#[test]
fn a_core_begins_with_its_own_share_and_then_takes_from_the_longest() {
    // Of three cores, the third has none; ids are shared out by their remainder.
    let shares = Shares::of(&blocks([0, 3, 6, 9, 1, 4].into_iter()), 3);
    assert!(shares.has_work_for(CoreId(2)));
    let take = |core| shares.next(CoreId(core), |_| true).map(|block| id(block));
    assert_eq!([take(1), take(1)], [Some(1), Some(4)]);
    assert_eq!([take(2), take(0), take(1), take(2)], [Some(0), Some(3), Some(6), Some(9)]);
    assert_eq!([take(0), take(1), take(2)], [None, None, None]);
    assert!(!shares.has_work_for(CoreId(0)));
}

#[test]
fn a_block_that_is_not_wanted_ends_its_share_and_no_other() {
    let shares = Shares::of(&blocks([0, 2, 4, 1, 3].into_iter()), 2);
    let take = |core| shares.next(CoreId(core), |block| id(block) != 2).map(|block| id(block));
    assert_eq!([take(0), take(0), take(0), take(0)], [Some(0), Some(1), Some(3), None]);
}

#[test]
fn cores_at_once_take_each_block_once() {
    const CORES: u16 = 4;
    let all = blocks((0..4000).map(|number| number * 7));
    let shares = Shares::of(&all, CORES);
    let taken: Vec<u128> = std::thread::scope(|scope| {
        let shares = &shares;
        let take = |core| {
            move || {
                let next = || shares.next(CoreId(core), |_| true);
                std::iter::from_fn(next).map(|block| id(block)).collect::<Vec<_>>()
            }
        };
        let cores: Vec<_> = (0..CORES).map(|core| scope.spawn(take(core))).collect();
        cores.into_iter().flat_map(|core| core.join().expect("no panic")).collect()
    });
    assert_eq!(taken.len(), all.len());
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>().len(), all.len());
}
