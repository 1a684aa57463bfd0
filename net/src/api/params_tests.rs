use super::*;

#[test]
fn the_first_of_a_name_counts_and_empty_values_are_absent() {
    let params = Params::parse("a=1&a=2&b=&b=3&c=x%20y+z&%C3%A4=%zz");
    assert_eq!(params.get("a"), Some("1"));
    assert_eq!(params.get("b"), None);
    assert_eq!(params.get("c"), Some("x y z"));
    assert_eq!(params.get("\u{e4}"), Some("%zz"));
    assert_eq!(params.get("none"), None);
}

#[test]
fn numbers_that_are_none_are_named() {
    let params = Params::parse("limit=x&start=-1");
    let failure = params.typed::<u32>("limit").unwrap_err();
    assert_eq!(failure.message, "invalid limit: invalid digit found in string: \"x\"");
    assert!(params.typed::<u32>("start").is_err());
    assert_eq!(params.typed::<i64>("start").unwrap(), Some(-1));
    assert_eq!(params.typed::<i64>("end").unwrap(), None);
}
