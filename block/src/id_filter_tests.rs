use super::*;

fn ids(range: std::ops::Range<u128>) -> Vec<TraceId> {
    range.map(|number| TraceId(number.to_be_bytes())).collect()
}

#[test]
fn every_id_of_the_block_is_held_and_hardly_any_other() {
    let (held, others) = (ids(0..50_000), ids(50_000..250_000));
    let filter = IdFilter::of(held.iter());
    assert!(held.iter().all(|id| filter.may_hold(id)));
    let wrong = others.iter().filter(|id| filter.may_hold(id)).count();
    assert!(wrong < 40, "{wrong} of {}", others.len());
    assert!(filter.memory_bytes() < 50_000 * 27 / 10, "{}", filter.memory_bytes());
}

#[test]
fn ids_that_come_twice_do_no_harm() {
    let id = TraceId([7; 16]);
    assert!(IdFilter::of([&id, &id].into_iter()).may_hold(&id));
}

#[test]
fn a_filter_of_few_ids_works() {
    for count in 0..20 {
        let held = ids(1..1 + count);
        let filter = IdFilter::of(held.iter());
        assert!(held.iter().all(|id| filter.may_hold(id)), "{count}");
    }
    assert!(!IdFilter::none().may_hold(&TraceId([1; 16])));
}
