use uuid::Uuid;

use super::{Damaged, NAMED_MAX};

#[test]
fn a_block_that_several_parts_met_is_named_once() {
    let (mut one, mut other) = (Damaged::default(), Damaged::default());
    one.add(Uuid::from_u128(2));
    one.add(Uuid::from_u128(2));
    other.add(Uuid::from_u128(2));
    other.add(Uuid::from_u128(1));
    one.merge(&other);
    assert_eq!(one.count(), 2);
    let text = one.message().unwrap();
    let names = format!("{}, {}", Uuid::from_u128(1), Uuid::from_u128(2));
    assert!(text.ends_with(&names), "{text}");
}

#[test]
fn a_text_about_many_blocks_is_short() {
    let mut damaged = Damaged::default();
    (1..1_000).for_each(|id| damaged.add(Uuid::from_u128(id)));
    assert_eq!(damaged.ids().len(), NAMED_MAX);
    assert_eq!(damaged.count(), 999);
    let text = damaged.message().unwrap();
    assert!(text.len() < 512 && text.ends_with(" and more"), "{text}");
}

#[test]
fn of_no_blocks_nothing_is_said() {
    assert_eq!(Damaged::default().message(), None);
}
