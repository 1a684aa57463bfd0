use super::*;

const SAMPLE: &str = concat!(
    r#"{"rowGroups":["LtdJ7sZ578WSHcT1RwAsWA==","aM/g1OKrWeUdRFwA1tNMpA==","#,
    r#""pRdhabr0UymxKn9DRRUPJQ==","2wmUg+RC4J86o9zKlkvHRw==","/////////////////////w=="]}"#
);

#[test]
fn the_sample_of_five_row_groups_comes_back_byte_for_byte() {
    let ids = parse(SAMPLE.as_bytes()).unwrap();
    assert_eq!(ids.len(), 5);
    assert_eq!(ids[4], TraceId([0xff; 16]));
    assert_eq!(to_json(&ids), SAMPLE);
}

#[test]
fn no_rows_are_null() {
    assert_eq!(to_json(&[]), r#"{"rowGroups":null}"#);
    assert_eq!(parse(br#"{"rowGroups":null}"#), Some(Vec::new()));
}

#[test]
fn an_id_is_in_the_first_row_group_that_does_not_end_before_it() {
    let last = [10u128, 20].map(|n| TraceId(n.to_be_bytes()));
    let at = |n: u128| lookup(&last, &TraceId(n.to_be_bytes()));
    assert_eq!([at(0), at(10), at(11), at(20), at(21)], [Some(0), Some(0), Some(1), Some(1), None]);
}

#[test]
fn damage_is_noticed() {
    assert_eq!(parse(b""), None);
    assert_eq!(parse(br#"{"rowGroups":["AAAA"]}"#), None);
    assert_eq!(parse(br#"{"rowGroups":["!"]}"#), None);
}
