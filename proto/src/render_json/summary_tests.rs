use super::*;

fn json(series: Vec<(String, SummaryValue)>) -> String {
    let durations_nanos = [68_719_476_736, 4, 3, 0];
    let summary = Summary { series, spans: 20, errors: 1, durations_nanos };
    String::from_utf8(metrics_summary(&[summary])).unwrap()
}

#[test]
fn a_summary_is_written_as_the_contract_has_it() {
    assert_eq!(
        json(vec![(".attr1".to_owned(), SummaryValue::Str(b"foo".to_vec()))]),
        concat!(
            r#"{"summaries":[{"spanCount":"20","errorSpanCount":"1","series":[{"key":".attr1","#,
            r#""value":{"type":5,"s":"foo"}}],"p99":"68719476736","p95":"4","p90":"3"}]}"#
        )
    );
    assert_eq!(metrics_summary(&[]), br#"{"summaries":[]}"#);
}

#[test]
fn values_carry_the_number_of_their_type() {
    let cases = [
        (SummaryValue::Nil, "{}"),
        (SummaryValue::Int(-5), r#"{"type":3,"n":"-5"}"#),
        (SummaryValue::Float(1.5), r#"{"type":4,"f":1.5}"#),
        (SummaryValue::Bool(true), r#"{"type":6,"b":true}"#),
        (SummaryValue::Bool(false), r#"{"type":6}"#),
        (SummaryValue::Duration(7), r#"{"type":7,"d":"7"}"#),
        (SummaryValue::Status(0), r#"{"type":8}"#),
        (SummaryValue::Status(2), r#"{"type":8,"status":2}"#),
        (SummaryValue::Kind(2), r#"{"type":9,"kind":2}"#),
    ];
    for (value, expected) in cases {
        let mut out = Vec::new();
        put_value(&mut out, &value);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
