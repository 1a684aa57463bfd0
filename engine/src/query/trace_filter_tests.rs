use stringendo_traceql::compile_search;

use super::*;

/// 1 ← 2 ← 3 ← 4, and 5 beside 2; which are kept when 3 matches.
fn kept(ancestors: Option<u32>, descendants: Option<u32>) -> Vec<usize> {
    let id = |number: u8| Bytes::copy_from_slice(&[number]);
    let parents = [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(3)), (5, Some(1))];
    let spans: Vec<_> = parents
        .into_iter()
        .map(|(number, parent)| (id(number), parent.map_or_else(Bytes::new, id)))
        .collect();
    let plan = compile_search("{ }").unwrap();
    let mut kept = vec![false, false, true, false, false];
    widen(&mut kept, &spans, &TraceFilter { plan, ancestors, descendants });
    (1..=5).filter(|number| kept[number - 1]).collect()
}

#[test]
fn matches_stand_alone_unless_more_is_asked() {
    assert_eq!(kept(Some(0), Some(0)), [3]);
}

#[test]
fn ancestors_are_kept_up_to_their_depth() {
    assert_eq!(kept(Some(1), Some(0)), [2, 3]);
    assert_eq!(kept(None, Some(0)), [1, 2, 3]);
}

#[test]
fn descendants_are_kept_up_to_their_depth_and_are_those_of_matches_alone() {
    assert_eq!(kept(Some(0), Some(1)), [3, 4]);
    assert_eq!(kept(None, None), [1, 2, 3, 4]);
}

#[test]
fn spans_that_are_each_others_parents_end_the_way() {
    let id = |number: u8| Bytes::copy_from_slice(&[number]);
    let spans = [(id(1), id(2)), (id(2), id(1))];
    let plan = compile_search("{ }").unwrap();
    let mut kept = vec![true, false];
    widen(&mut kept, &spans, &TraceFilter { plan, ancestors: None, descendants: Some(0) });
    assert_eq!(kept, [true, true]);
}
