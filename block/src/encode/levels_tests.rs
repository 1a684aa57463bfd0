use super::*;

fn rows(count: usize) -> Levels {
    Levels {
        rep: vec![0; count],
        def: vec![0; count],
        max: 0,
        entries: (0..count as u32).collect(),
    }
}

/// All of its rows.
fn all(levels: &Levels) -> Part {
    let mut parts = Vec::new();
    levels.cut(3, &mut parts);
    assert_eq!(parts.len(), 1);
    parts.remove(0)
}

#[test]
fn empty_lists_leave_their_parents_level() {
    let (mut outer, mut inner) = (Levels::default(), Levels::default());
    outer.derive(&rows(3), &[2, 0, 1]);
    assert_eq!(
        (outer.rep.as_slice(), outer.def.as_slice()),
        (&[0, 1, 0, 0][..], &[1, 1, 0, 1][..])
    );
    inner.derive(&outer, &[0, 3, 1]);
    assert_eq!(inner.rep, [0, 1, 2, 2, 0, 0]);
    assert_eq!(inner.def, [1, 2, 2, 2, 0, 2]);
}

#[test]
fn values_of_a_repeated_leaf_belong_to_their_elements() {
    let (mut list, mut leaf) = (Levels::default(), Levels::default());
    list.derive(&rows(3), &[2, 0, 1]);
    repeat(&list.slice(&all(&list)), &[1, 1, 2], &mut Vec::new(), &mut leaf);
    assert_eq!(leaf.rep, [0, 1, 2, 0, 0]);
    assert_eq!(leaf.def, [1, 2, 2, 0, 2]);
    repeat(&list.slice(&all(&list)), &[0, 0, 0, 2, 2], &mut Vec::new(), &mut leaf);
    assert_eq!(leaf.rep, [0, 2, 2, 1, 0, 0, 2]);
    assert_eq!(leaf.def, [2, 2, 2, 1, 0, 2, 2]);
}

#[test]
fn values_of_an_optional_leaf_only_raise_the_definition() {
    let (mut list, mut def) = (Levels::default(), Vec::new());
    list.derive(&rows(3), &[2, 0, 1]);
    option(&list.slice(&all(&list)), &[1], &mut def);
    assert_eq!(def, [1, 2, 0, 1]);
}
