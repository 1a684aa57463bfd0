use super::*;

fn hash_of(json: &str) -> u64 {
    columns_hash(&serde_json::from_str::<Vec<DedicatedColumn>>(json).expect("columns"))
}

#[test]
fn no_columns_hash_to_zero() {
    assert_eq!(columns_hash(&[]), 0);
}

#[test]
fn hashes_are_those_of_the_contract() {
    assert_eq!(hash_of(r#"[{"n":"a"}]"#), 0xd6e6_eb77_c0dc_a1c7);
    let all = concat!(
        r#"[{"n":"http.method"},{"s":"event","n":"x","o":["blob"]},"#,
        r#"{"s":"resource","n":"n","t":"int","o":["array","blob"]}]"#
    );
    assert_eq!(hash_of(all), 0xab13_f123_f948_e459);
}

#[test]
fn the_order_of_columns_matters() {
    assert_ne!(hash_of(r#"[{"n":"a"},{"n":"b"}]"#), hash_of(r#"[{"n":"b"},{"n":"a"}]"#));
}
