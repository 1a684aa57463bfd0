use super::*;

const MIB: u64 = 1 << 20;

/// An account of 100 MiB, of which encoding owns 25.
fn budget() -> Rc<Budget> {
    Budget::new(100 * MIB + limits::UNACCOUNTED_BYTES)
}

fn buf(mib: usize) -> AlignedBuf {
    AlignedBuf::with_capacity(mib << 20)
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
    assert!(budget.try_charge(Use::Requests, 76 * MIB).is_none());
    let live = budget.try_charge(Use::Live, 75 * MIB);
    assert!(live.is_some() && !budget.has_room(1));
    let _encode = budget.charge(Use::Encode, 25 * MIB);
    assert_eq!(budget.used(), budget.limit());
    drop(live);
    // What encoding holds counts against its share.
    assert!(budget.has_room(75 * MIB) && !budget.has_room(76 * MIB));
}

#[test]
fn spare_memory_never_stands_in_the_way() {
    let budget = budget();
    budget.keep_spare(buf(20));
    budget.keep_spare(buf(10));
    assert_eq!((budget.spare_bytes(), budget.used()), (30 * MIB, 0));
    assert!(budget.has_room(75 * MIB));
    let mut live = budget.charge(Use::Live, 75 * MIB);
    assert_eq!(budget.spare_bytes(), 20 * MIB);
    live.resize(95 * MIB);
    assert_eq!(budget.spare_bytes(), 0);
}

#[test]
fn no_more_is_kept_than_fits_and_than_its_share() {
    let budget = budget();
    budget.keep_spare(buf(36));
    assert_eq!(budget.spare_bytes(), 0);
    budget.keep_spare(buf(35));
    assert_eq!(budget.spare_bytes(), 35 * MIB);
    drop(budget.take_spare(30 << 20));
    let _live = budget.charge(Use::Live, 90 * MIB);
    budget.keep_spare(buf(11));
    budget.keep_spare(buf(10));
    assert_eq!(budget.spare_bytes(), 10 * MIB);
}
