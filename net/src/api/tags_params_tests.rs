use super::*;

const NOW: u64 = 1_700_000_000_000_000_000;

fn ask_names(version: Version, query: &str) -> Result<Names, Failure> {
    let settings = (&SearchSettings::default(), &TagSettings::default());
    names(version, &Params::parse(query), settings, NOW)
}

fn ask_values(version: Version, tag: &str, query: &str) -> Result<Values, Failure> {
    let settings = (&SearchSettings::default(), &TagSettings::default());
    values(version, tag, &Params::parse(query), settings, NOW)
}

#[test]
fn a_scope_is_all_none_or_one() {
    for query in ["", "scope=", "scope=none"] {
        let all = ask_names(Version::V2, query).expect("valid");
        assert_eq!(all.request.scopes, TagScope::ALL);
        assert!(all.with_intrinsic);
    }
    assert!(!ask_names(Version::V1, "").expect("valid").with_intrinsic);
    assert!(ask_names(Version::V1, "scope=intrinsic").expect("valid").with_intrinsic);
    let one = ask_names(Version::V2, "scope=event").expect("valid");
    assert_eq!((one.request.scopes, one.with_intrinsic), (vec![TagScope::Event], false));
    let error = ask_names(Version::V2, "scope=elsewhere").expect_err("unknown");
    assert_eq!(error, Failure::bad("invalid scope: elsewhere"));
}

#[test]
fn limits_are_read() {
    let limits = ask_names(Version::V2, "limit=5&maxStaleValues=7").expect("valid").request.limits;
    assert_eq!((limits.count, limits.stale, limits.bytes), (5, 7, 1_000_000));
    assert!(ask_names(Version::V2, "limit=x").is_err());
}

#[test]
fn only_version_two_narrows() {
    let query = "q=%7B%20.a%20%3D%201%20%7D";
    assert!(ask_names(Version::V2, query).expect("valid").request.narrowing.is_some());
    assert!(ask_names(Version::V1, query).expect("valid").request.narrowing.is_none());
    assert!(ask_names(Version::V2, "q=nonsense").expect("valid").request.narrowing.is_none());
    let many: Vec<String> = (0..101).map(|number| format!(".a={number}")).collect();
    let many = many.join("||").replace('|', "%7C").replace('=', "%3D");
    let error = ask_names(Version::V2, &format!("q=%7B{many}%7D")).expect_err("too many");
    assert!(error.message.starts_with("maximum condition groups reached (limit: 100)"));
}

#[test]
fn version_one_has_tags_of_its_own() {
    let known = ask_values(Version::V1, "status.code", "").expect("valid");
    assert!(matches!(known, Values::Known(["error", "ok", "unset"])));
    let known = ask_values(Version::V1, "error", "").expect("valid");
    assert!(matches!(known, Values::Known(["true"])));
    let Ok(Values::Asked(asked)) = ask_values(Version::V1, "foo/bar", "") else {
        panic!("stored values")
    };
    let ValueSource::Stored(fields) = asked.source else { panic!("stored values") };
    let of = |scope| Field::attribute(scope, "foo/bar");
    assert_eq!(fields, [of(AttributeScope::Span), of(AttributeScope::Resource)]);
}

#[test]
fn version_two_wants_a_field() {
    let error = ask_values(Version::V2, "foo", "").expect_err("no field");
    let text = "please provide a valid tagName: failed to parse identifier foo: parse error at \
                line 1, col 2: unknown identifier: foo";
    assert_eq!(error, Failure::bad(text));
    assert!(matches!(ask_values(Version::V2, "span.foo", ""), Ok(Values::Asked(_))));
}
