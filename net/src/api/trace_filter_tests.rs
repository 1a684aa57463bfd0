use super::*;

/// Levels above and below.
type Depths = (Option<u32>, Option<u32>);

fn depths(query: &str) -> Result<Option<Depths>, String> {
    let filter = filter(&Params::parse(query), &SearchSettings::default());
    let depths = |filter: TraceFilter| (filter.ancestors, filter.descendants);
    filter.map(|filter| filter.map(depths)).map_err(|failure| failure.message.into_owned())
}

#[test]
fn without_a_query_nothing_is_filtered() {
    assert_eq!(depths("keep_hierarchy=true&match_depth=3"), Ok(None));
}

#[test]
fn ancestors_are_kept_only_with_the_hierarchy() {
    assert_eq!(depths("q={}"), Ok(Some((Some(0), Some(0)))));
    assert_eq!(depths("q={}&ancestor_depth=2"), Ok(Some((Some(0), Some(0)))));
    assert_eq!(depths("q={}&keep_hierarchy=1"), Ok(Some((None, Some(0)))));
    assert_eq!(depths("q={}&keep_hierarchy=true&ancestor_depth=2"), Ok(Some((Some(2), Some(0)))));
}

#[test]
fn a_depth_of_minus_one_is_unbounded() {
    assert_eq!(depths("q={}&match_depth=-1"), Ok(Some((Some(0), None))));
    assert!(depths("q={}&match_depth=-2").unwrap_err().starts_with("invalid match_depth: "));
}

#[test]
fn what_is_wrong_is_named() {
    assert!(depths("q={}&keep_hierarchy=maybe").unwrap_err().starts_with("invalid keep_hierarchy"));
    assert!(depths("q={").is_err());
}

#[test]
fn parameters_of_span_pruning_mean_nothing_where_it_is_switched_off() {
    assert_eq!(depths("span_pruning=true&span_pruning_min_spans=x"), Ok(None));
}
