use proptest::prelude::*;

use super::*;

fn shards(entries: &[u64]) -> Vec<FuseShard> {
    let all = build_all(entries).into_iter();
    all.map(|shard| FuseShard::decode(&shard.into()).unwrap()).collect()
}

fn may_hold(shards: &[FuseShard], entry: u64) -> bool {
    shards[shard_of(entry, shards.len() as u32)].may_hold(entry)
}

/// Numbers without a pattern.
fn spread_out(range: std::ops::Range<u64>) -> Vec<u64> {
    range.map(|number| finalize(number + 1)).collect()
}

#[test]
fn hardly_anything_is_held_that_was_not_put_in() {
    let filter = shards(&spread_out(0..100_000));
    let wrong = spread_out(100_000..400_000).into_iter().filter(|entry| may_hold(&filter, *entry));
    assert!(wrong.count() < 30);
}

#[test]
fn a_shard_says_what_the_library_says_that_built_it() {
    let entries = spread_out(0..5000);
    let built = BinaryFuse16::try_from(&entries).unwrap();
    let shard = FuseShard::decode(&build(entries).into()).unwrap();
    for entry in spread_out(0..50_000) {
        assert_eq!(xorf::Filter::contains(&built, &entry), shard.may_hold(entry), "{entry}");
    }
}

#[test]
fn an_empty_filter_holds_nothing_and_an_unknown_one_everything() {
    let nothing = FuseShard::decode(&Bytes::new()).unwrap();
    let anything = FuseShard::decode(&Bytes::from_static(&[0; HEADER_BYTES])).unwrap();
    for entry in [0, 1, u64::MAX] {
        assert!(!nothing.may_hold(entry) && anything.may_hold(entry));
    }
}

proptest! {
    #[test]
    fn marking_many_is_asking_for_each(
        entries in prop::collection::vec(any::<u64>(), 0..300),
        others in prop::collection::vec(any::<u64>(), 0..300),
    ) {
        let shard = FuseShard::decode(&build(entries.clone()).into()).unwrap();
        let asked = [entries, others].concat();
        let mut marks: Vec<bool> = asked.iter().map(|entry| entry % 7 == 0).collect();
        let expected: Vec<bool> =
            asked.iter().zip(&marks).map(|(entry, mark)| *mark || shard.may_hold(*entry)).collect();
        shard.mark(&asked, &mut marks);
        prop_assert_eq!(marks, expected);
    }

    #[test]
    fn whatever_was_put_in_is_held(entries in prop::collection::vec(any::<u64>(), 0..2000)) {
        let filter = shards(&entries);
        prop_assert!(entries.iter().all(|entry| may_hold(&filter, *entry)));
    }

    #[test]
    fn any_bytes_are_a_shard_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        entry: u64,
    ) {
        if let Ok(shard) = FuseShard::decode(&bytes.into()) {
            shard.may_hold(entry);
        }
    }

    #[test]
    fn any_header_is_sound_or_refused(seed: u64, length: u32, count: u32, entry: u64) {
        let mut bytes = seed.to_le_bytes().to_vec();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.resize(16 + (count as usize % 4096 + 2 * (length as usize % 4096)) * 2, 7);
        if let Ok(shard) = FuseShard::decode(&bytes.into()) {
            shard.may_hold(entry);
        }
    }
}
