use super::*;

const MIB: u64 = 1 << 20;

/// An account of 100 MiB, of which encoding owns 30 and queries 6.
fn budget() -> Rc<Budget> {
    Rc::new(Budget::of_total(100 * MIB))
}

fn buf(mib: usize) -> AlignedBuf {
    AlignedBuf::with_capacity(mib << 20)
}

#[test]
fn the_limit_leaves_room_for_what_cannot_be_counted() {
    let budget = Budget::new(512 * MIB);
    assert_eq!(budget.total(), (512 - 44 - 64) * MIB);
    assert_eq!(Budget::new(0).total(), (112 - 44 - 14) * MIB);
}

#[test]
fn merging_has_more_where_nothing_else_is_done() {
    let (beside, alone) = (Budget::new(512 * MIB), Budget::of_merging_alone(512 * MIB));
    assert_eq!(beside.total(), alone.total());
    assert_eq!(beside.limit_for(Use::Compact), beside.share(0.25));
    let most = alone.share(0.5);
    assert_eq!(alone.limit_for(Use::Compact), most);
    assert!(!alone.has_room_for(Use::Compact, most + 1));
    let merging = alone.try_charge(Use::Compact, most).expect("there is room");
    assert!(!alone.has_room_for(Use::Compact, 1) && alone.has_room(alone.share(0.1)));
    assert!(alone.try_charge(Use::Answer, alone.share(0.02)).is_some());
    drop(merging);
    assert!(beside.try_charge(Use::Compact, most).is_none());
}

#[test]
fn what_is_charged_is_given_back_when_dropped() {
    let budget = budget();
    let mut charge = budget.charge(Use::Live, 3 * MIB);
    charge.resize(5 * MIB);
    charge.resize(4 * MIB);
    assert_eq!((budget.used(), budget.used_for(Use::Live)), (4 * MIB, 4 * MIB));
    drop(charge);
    assert_eq!(budget.used(), 0);
}

#[test]
fn nobody_but_encoding_gets_the_share_of_encoding() {
    let budget = budget();
    assert_eq!(budget.limit(), 64 * MIB);
    assert!(budget.try_charge(Use::Requests, 65 * MIB).is_none());
    let live = budget.try_charge(Use::Live, 64 * MIB);
    assert!(live.is_some() && !budget.has_room(1));
    let _encode = budget.charge(Use::Encode, 30 * MIB);
    assert_eq!(budget.used(), budget.total() - 6 * MIB);
    drop(live);
    // What encoding holds counts against its share.
    assert!(budget.has_room(64 * MIB) && !budget.has_room(65 * MIB));
}

#[test]
fn spare_memory_never_stands_in_the_way() {
    let budget = budget();
    budget.keep_spare(buf(20));
    budget.keep_spare(buf(10));
    assert_eq!((budget.spare_bytes(), budget.used()), (30 * MIB, 0));
    assert!(budget.has_room(64 * MIB));
    let mut live = budget.charge(Use::Live, 70 * MIB);
    assert_eq!(budget.spare_bytes(), 30 * MIB);
    live.resize(80 * MIB);
    assert_eq!(budget.spare_bytes(), 20 * MIB);
    live.resize(95 * MIB);
    assert_eq!(budget.spare_bytes(), 0);
}

#[test]
fn no_more_is_kept_than_fits_and_than_its_share() {
    let budget = budget();
    budget.keep_spare(buf(31));
    assert_eq!(budget.spare_bytes(), 0);
    budget.keep_spare(buf(30));
    assert_eq!(budget.spare_bytes(), 30 * MIB);
    drop(budget.take_spare(25 << 20));
    let _live = budget.charge(Use::Live, 90 * MIB);
    budget.keep_spare(buf(11));
    budget.keep_spare(buf(10));
    assert_eq!(budget.spare_bytes(), 10 * MIB);
}
