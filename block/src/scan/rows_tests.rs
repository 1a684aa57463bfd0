use super::RowSet;

fn set(rows: &[u64]) -> RowSet {
    let mut set = RowSet::default();
    rows.iter().for_each(|row| set.insert(*row));
    set
}

#[test]
fn rows_are_found_in_order() {
    let set = set(&[300, 0, 63, 64, 129]);
    let mut found = Vec::new();
    let mut row = 0;
    while let Some(next) = set.next(row) {
        found.push(next);
        row = next + 1;
    }
    assert_eq!(found, [0, 63, 64, 129, 300]);
    assert_eq!(set.count(), 5);
    assert_eq!(set.next(u64::MAX), None);
}

#[test]
fn ranges_are_looked_at_without_their_end() {
    let set = set(&[64, 200]);
    assert!(set.any_in(&(64..65)) && set.any_in(&(0..65)) && set.any_in(&(65..201)));
    assert!(!set.any_in(&(0..64)) && !set.any_in(&(65..200)) && !set.any_in(&(201..9999)));
    assert!(!set.any_in(&(64..64)));
}

#[test]
fn sets_are_joined() {
    let mut joined = set(&[1]);
    joined.add(&set(&[1, 100]));
    assert_eq!(joined, set(&[1, 100]));
    assert!(joined.contains(100) && !joined.contains(2) && !joined.contains(1000));
    assert!(!joined.is_empty() && RowSet::default().is_empty());
}

#[test]
fn of_a_range_those_are_inserted_that_are_within_another_set() {
    let within = set(&[3, 64, 65, 300]);
    let mut rows = set(&[1]);
    rows.insert_range(64..300, Some(&within));
    assert_eq!(rows, set(&[1, 64, 65]));
    rows.insert_range(2..5, None);
    assert_eq!(rows, set(&[1, 2, 3, 4, 64, 65]));
    rows.insert_range(7..7, None);
    assert_eq!(rows.count(), 6);
}

#[test]
fn ranges_of_any_length_are_inserted_whole() {
    for start in [0, 1, 63, 64, 65, 130] {
        for end in [start, start + 1, 64, 128, 129, 200, 256, 1000] {
            let mut rows = set(&[3, 500]);
            let mut expected = rows.clone();
            (start..end).for_each(|row| expected.insert(row));
            rows.insert_range(start..end, None);
            assert_eq!(rows, expected, "{start}..{end}");
        }
    }
    let mut none = RowSet::default();
    // What a damaged page index may say.
    none.insert_range(std::ops::Range { start: u64::MAX, end: 5 }, None);
    assert!(none.is_empty());
}
