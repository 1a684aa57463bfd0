use super::*;

#[test]
fn equal_resources_and_scopes_come_together_in_order_of_appearance() {
    let mut groups = Groups::default();
    for (resource, scope) in [(7, 1), (9, 1), (7, 2), (7, 1), (9, 1)] {
        groups.push(resource, scope);
    }
    groups.sort();
    let order: Vec<_> = groups.members.iter().map(|member| member.span).collect();
    assert_eq!(order, [0, 3, 2, 1, 4]);
    assert_eq!(groups.scopes_of_resource, [2, 1]);
}

#[test]
fn a_new_trace_begins_from_nothing() {
    let mut groups = Groups::default();
    groups.push(1, 1);
    groups.clear();
    groups.push(2, 1);
    assert_eq!(groups.members, [Member { resource: 0, scope: 0, span: 0 }]);
}

#[test]
fn the_first_scope_of_a_name_in_an_entry_stands_for_the_others_of_that_name() {
    let (mut scopes, entry, other) = (SentScopes::default(), (0, 10), (0, 20));
    let sent = [(entry, 1, 5), (entry, 2, 6), (entry, 1, 7), (entry, 2, 8), (other, 1, 7)];
    let stand_ins = sent.map(|(entry, naming, scope)| scopes.stand_in(entry, naming, scope));
    assert_eq!(stand_ins, [5, 6, 5, 6, 7]);
    scopes.clear();
    assert_eq!(scopes.stand_in(other, 1, 9), 9);
}
