use std::sync::Arc;

use super::{Children, Owners};
use crate::read::levels::{Levels, Repetition};

fn levels(pairs: &[(u8, u8)], max_def: u8) -> Levels {
    let (rep, def): (Vec<u8>, Vec<u8>) = pairs.iter().copied().unzip();
    let highest = rep.iter().copied().max().unwrap_or(0);
    Levels::new(Arc::new(Repetition::of(rep, highest)), def, max_def)
}

#[test]
fn children_are_counted_for_every_parent_that_is_there() {
    // Rows: two parents of 2 and 0 children; no parent; a parent of 3.
    let pairs = [(0, 2), (2, 2), (1, 1), (0, 0), (0, 2), (2, 2), (2, 2)];
    let mut children = Children::default();
    children.read(&levels(&pairs, 2), 2);
    assert_eq!(children.counts, [2, 0, 3]);
    assert_eq!(children.rows, [0, 2, 2, 3]);
}

#[test]
fn values_belong_to_entries_where_every_element_has_one() {
    let levels =
        levels(&[(0, 2), (1, 1), (1, 2), (0, 2), (1, 1), (1, 1), (1, 1), (1, 2), (0, 2)], 2);
    let mut owners = Owners::default();
    assert!(owners.read(&levels, 1, 2));
    assert_eq!(owners.elements, [0, 2, 3, 7, 8]);
    assert_eq!(owners.rows(&levels), [0, 3, 8, 9]);
}

#[test]
fn values_of_one_element_and_rows_without_any_are_told_apart() {
    // Rows: an element of 2 values and one of none; no element; an element of 1.
    let levels = levels(&[(0, 2), (2, 2), (1, 1), (0, 0), (0, 2)], 2);
    let mut owners = Owners::default();
    assert!(owners.read(&levels, 1, 2));
    assert_eq!(owners.elements, [0, 0, 2]);
    assert_eq!(owners.rows(&levels), [0, 2, 2, 3]);
}

#[test]
fn a_value_of_no_element_is_noticed() {
    let levels = levels(&[(0, 2), (0, 0), (2, 2)], 2);
    assert!(!Owners::default().read(&levels, 1, 2));
}
