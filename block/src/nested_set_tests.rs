use super::*;

fn node(id: u64, parent: u64, kind: i32) -> Node {
    Node { id, parent: (parent != 0).then_some(parent), kind }
}

fn placed(nodes: &[Node]) -> Vec<(i32, i32, i32)> {
    let mut sets = NestedSets::default();
    sets.place(nodes).iter().map(|place| (place.left, place.right, place.parent)).collect()
}

#[test]
fn the_contracts_example_is_numbered_alike() {
    const X: u64 = 7;
    let nodes = [node(1, 0, 1), node(X, 1, 3), node(X, 1, 2), node(3, X, 1), node(4, X, 2)];
    // The server span of the pair has the root as its parent here.
    let expected = [(1, 10, -1), (2, 5, 1), (6, 9, 1), (7, 8, 6), (3, 4, 2)];
    assert_eq!(placed(&nodes), expected);
}

#[test]
fn the_counter_continues_over_roots() {
    assert_eq!(placed(&[node(1, 0, 0), node(2, 0, 0)]), [(1, 2, -1), (3, 4, -1)]);
}

#[test]
fn without_a_root_all_is_zero() {
    let mut sets = NestedSets::default();
    assert_eq!(sets.place(&[node(1, 2, 0), node(2, 1, 0)]), [Place::default(); 2]);
}

#[test]
fn three_spans_of_one_id_stop_the_numbering() {
    let nodes = [node(1, 0, 0), node(2, 1, 1), node(2, 1, 2), node(2, 1, 3)];
    assert_eq!(placed(&nodes), [(0, 0, 0); 4]);
}

#[test]
fn orphans_and_cycles_have_children_but_no_place() {
    let nodes = [node(1, 0, 0), node(2, 9, 0), node(3, 2, 0), node(4, 4, 0)];
    let mut sets = NestedSets::default();
    let places = sets.place(&nodes);
    assert_eq!(places[1], Place { children: 1, ..Place::default() });
    assert_eq!(places[2], Place::default());
    assert_eq!(places[3], Place { children: 1, ..Place::default() });
}

#[test]
fn a_chain_of_many_spans_needs_no_stack() {
    let nodes: Vec<_> = (0..200_000).map(|i| node(i + 1, i, 0)).collect();
    let places = placed(&nodes);
    assert_eq!(places[0], (1, 400_000, -1));
    assert_eq!(places[199_999], (200_000, 200_001, 199_999));
}
