use proptest::prelude::*;

use super::*;
use crate::murmur::finalize;

fn filter(entries: &[u64]) -> SplitFilter {
    let mut filter = SplitFilter::for_entries(entries.len());
    entries.iter().for_each(|entry| filter.add(*entry));
    filter
}

fn holds(filter: &SplitFilter, entry: u64) -> bool {
    let blocks = blocks_in(filter.bytes.len() as u64).unwrap();
    let page = filter.pages().nth(page_of(entry, blocks)).unwrap();
    may_hold(entry, blocks, page)
}

#[test]
fn hardly_anything_is_held_that_was_not_put_in() {
    for count in [10_u64, 1000, 100_000] {
        let filter = filter(&(0..count).map(|n| finalize(n + 1)).collect::<Vec<_>>());
        let others = (count..count + 200_000).map(|number| finalize(number + 1));
        let wrong = others.filter(|entry| holds(&filter, *entry)).count();
        assert!(wrong < 400, "{wrong} of 200000, {count}");
    }
}

#[test]
fn a_page_that_is_cut_off_denies_nothing() {
    assert!(may_hold(u64::MAX, 4, &[0; 8]));
}

proptest! {
    #[test]
    fn whatever_was_put_in_is_held(entries in prop::collection::vec(any::<u64>(), 0..30_000)) {
        let filter = filter(&entries);
        prop_assert!(entries.iter().all(|entry| holds(&filter, *entry)));
    }
}
