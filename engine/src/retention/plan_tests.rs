use stringendo_block::BlockMeta;
use stringendo_block::meta::rfc3339;
use uuid::Uuid;

use super::*;
use crate::block_list::BlockChange;

const HOUR: u64 = 3_600_000_000_000;
const NOW: u64 = 490_000 * HOUR;

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).expect("a tenant")
}

/// Blocks: tenant, id, hours since its end, bytes.
fn list(blocks: &[(&str, u128, u64, u64)]) -> BlockList {
    let added = blocks.iter().map(|(owner, id, hours, size)| {
        let end_time = rfc3339(NOW - hours * HOUR);
        let block_id = Uuid::from_u128(*id);
        let meta = BlockMeta { block_id, end_time, size: *size, ..BlockMeta::default() };
        BlockChange::Added(Arc::new(BlockEntry::new(tenant(owner), meta)))
    });
    BlockList::default().changed(added.collect())
}

/// The same, with some of them compacted so many hours ago.
fn with_compacted(list: &BlockList, compacted: &[(&str, u128, u64)]) -> BlockList {
    let changes = compacted.iter().map(|(owner, id, hours)| {
        BlockChange::Compacted(tenant(owner), Uuid::from_u128(*id), NOW - hours * HOUR)
    });
    list.changed(changes.collect())
}

fn sorted(expired: Vec<Expired>) -> Vec<(String, u128, Reason)> {
    let plain = |one: Expired| (one.key.0.to_string(), one.key.1.as_u128(), one.reason);
    let mut all: Vec<_> = expired.into_iter().map(plain).collect();
    all.sort_by_key(|(tenant, id, _)| (tenant.clone(), *id));
    all
}

fn ids(blocks: &[Arc<CompactedBlock>]) -> Vec<u128> {
    blocks.iter().map(|block| block.entry.meta.block_id.as_u128()).collect()
}

fn hours(hours: u64) -> Duration {
    Duration::from_nanos(hours * HOUR)
}

#[test]
fn blocks_expire_by_their_end_and_their_tenants_retention() {
    let list = list(&[("a", 1, 10, 1), ("a", 2, 11, 1), ("b", 3, 30, 1), ("c", 4, 1000, 1)]);
    let retention = |tenant: &TenantId| match tenant.as_str() {
        "a" => Some(hours(10)),
        "b" => Some(hours(20)),
        _ => None,
    };
    let found = sorted(expired(&list, retention, 0, NOW));
    assert_eq!(found, [("a".to_owned(), 2, Reason::Age), ("b".to_owned(), 3, Reason::Age)]);
}

#[test]
fn the_oldest_blocks_beyond_a_tenants_bytes_expire() {
    let list = list(&[("a", 1, 1, 60), ("a", 2, 2, 40), ("a", 3, 3, 1), ("b", 4, 9, 100)]);
    let found = sorted(expired(&list, |_| Some(hours(20)), 100, NOW));
    assert_eq!(found, [("a".to_owned(), 3, Reason::TenantBytes)]);
    let found = sorted(expired(&list, |_| None, 1, NOW));
    assert!(found.is_empty(), "blocks of this tenant stay");
}

#[test]
fn compacted_blocks_are_due_after_their_retention() {
    let list = list(&[("a", 1, 1, 1), ("a", 2, 1, 1), ("b", 3, 1, 1), ("a", 4, 1, 1)]);
    let list = with_compacted(&list, &[("a", 1, 3), ("a", 2, 1), ("b", 3, 3)]);
    assert_eq!(ids(&due(&list, |tenant| tenant.as_str() == "a", hours(2), NOW)), [1]);
    assert_eq!(ids(&due(&list, |_| true, hours(3), NOW)), [0; 0], "not yet: exactly so old");
}

#[test]
fn for_want_of_space_superseded_blocks_go_first_then_the_oldest() {
    let all = list(&[("a", 1, 9, 10), ("b", 2, 8, 10), ("a", 3, 7, 10), ("b", 4, 6, 10)]);
    let list = with_compacted(&all, &[("b", 4, 1), ("a", 3, 2)]);
    assert_eq!(ids(&compacted_first(&list, |_| true, 5)), [3]);
    assert_eq!(ids(&compacted_first(&list, |_| true, 11)), [3, 4]);
    assert_eq!(ids(&compacted_first(&list, |_| true, 100)), [3, 4]);
    assert!(
        compacted_first(&list, |_| true, 0).is_empty() && oldest(&list, |_| true, 0).is_empty()
    );
    let oldest: Vec<_> =
        oldest(&list, |_| true, 10).into_iter().map(|one| one.key.1.as_u128()).collect();
    assert_eq!(oldest, [1]);
    let of_b = super::oldest(&list, |tenant| tenant.as_str() == "b", 10);
    assert_eq!(of_b.len(), 1);
    assert_eq!(of_b[0].key.1.as_u128(), 2);
}

#[test]
fn a_clock_before_all_retention_expires_nothing() {
    let list = list(&[("a", 1, 10, 1)]);
    assert!(expired(&list, |_| Some(hours(20)), 0, 0).is_empty());
    assert!(expired(&list, |_| Some(Duration::MAX), 0, NOW).is_empty());
}
