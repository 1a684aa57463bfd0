use prost::Message as _;
use stringendo_proto::otlp::{InstrumentationScope, KeyValue};

use super::*;

#[test]
fn the_first_scope_of_a_name_and_version_stands_for_the_others_of_the_entry() {
    let scope = |name: &'static str, key: &'static str| {
        let attributes = vec![KeyValue { key: key.into(), value: None }];
        InstrumentationScope { name: name.into(), attributes, ..Default::default() }.encode_to_vec()
    };
    // Resources of equal bytes that lie in different places are different entries.
    let resources = [vec![1_u8], vec![1]];
    let [a, b, a_again, b_again] =
        [scope("a", "1"), scope("b", "2"), scope("a", "3"), scope("b", "4")];
    let mut scopes = SentScopes::default();
    for (sent, stand_in) in [(&a, &a), (&b, &b), (&a_again, &a), (&b_again, &b)] {
        assert_eq!(scopes.stand_in(&resources[0], sent), stand_in);
    }
    assert_eq!(scopes.stand_in(&resources[1], &a_again), a_again);
    assert_eq!(scopes.stand_in(&resources[1], &a), a_again);
}
