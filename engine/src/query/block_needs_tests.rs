use stringendo_block::scan::Scalar;
use stringendo_traceql::compile_search;

use super::test;

/// Whether the first need's first test of a query passes a value.
fn passes(query: &str, value: Scalar<'_>) -> bool {
    let plan = compile_search(query).expect("valid");
    let predicate = &plan.needs()[0][0];
    let test = test(predicate, &plan.fields()[predicate.field()], vec![0]);
    let is_in_range = match value {
        Scalar::Int(number) => test.numbers.contains(&i128::from(number)),
        _ => true,
    };
    is_in_range && (test.accepts)(value)
}

#[test]
fn integers_out_of_range_are_those_that_the_predicate_refuses() {
    let queries = ["=", "!=", "<", "<=", ">", ">="];
    for op in queries {
        for literal in [i64::MIN + 1, -1, 0, 5, i64::MAX] {
            let query = format!("{{ span.x {op} {literal} }}");
            let plan = compile_search(&query).expect("valid");
            let predicate = &plan.needs()[0][0];
            for value in [i64::MIN, -2, -1, 0, 4, 5, 6, i64::MAX] {
                let expected = predicate.accepts(stringendo_traceql::ValueRef::Int(value));
                assert_eq!(passes(&query, Scalar::Int(value)), expected, "{query} {value}");
            }
        }
    }
}

#[test]
fn durations_statuses_and_ids_are_read_from_what_columns_hold() {
    assert!(passes("{ duration > 1s }", Scalar::Int(1_000_000_001)));
    assert!(!passes("{ duration > 1s }", Scalar::Int(1_000_000_000)));
    assert!(passes("{ duration > 0.5 }", Scalar::Int(1)));
    assert!(passes("{ status = error }", Scalar::Int(2)));
    assert!(!passes("{ status = error }", Scalar::Int(1)));
    assert!(passes("{ status != error }", Scalar::Int(0)));
    assert!(passes("{ kind = consumer }", Scalar::Int(5)));
    let id = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    assert!(passes(r#"{ trace:id = "1" }"#, Scalar::Bytes(&id)));
    assert!(passes(r#"{ span:id = "0000000000000001" }"#, Scalar::Bytes(&id[8..])));
}

#[test]
fn what_is_missing_passes_where_the_predicate_says_so() {
    assert!(!passes(r#"{ span.x != "a" }"#, Scalar::Missing));
    assert!(passes("{ span.x = nil }", Scalar::Missing));
    assert!(passes("{ span.x != nil }", Scalar::Unsupported));
    assert!(passes(r#"{ resource.service.name = "" }"#, Scalar::Missing));
}
